"""What every journal store must do, as checks that any test runner can call.

Each entry of `CHECKS` takes a fresh, empty store and raises `AssertionError` where the store breaks a promise:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check): check(MyStore())
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import msgspec

from qloop.errors import Conflict, InvalidInput, JournalError
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.retention import NS_PER_DAY
from qloop.runtime.journal.rows import (
    Checkpoint,
    ResultRow,
    Run,
    RunState,
    SessionFilter,
    SessionRow,
    SessionState,
    TaskRow,
)
from qloop.testing.store_conformance_purchases import PURCHASE_CHECKS
from qloop.testing.store_conformance_tasks import TASK_CHECKS, refused

Check = Callable[[Store], None]


def run_row(name: str = "run", seed: int = 7) -> Run:
    """A run."""
    return Run(name, "loop.py", 1_000, seed, "real", "0.1.0", "abc", "hash", b'{"policy":"efaas"}')


def session_row(name: str = "session", run: str = "run", tenant: str = "ada") -> SessionRow:
    """A session."""
    return SessionRow(name, run, tenant, "maxcut", 2**64 - 1, b'{"shots":1000}', 5)


def result_row(nth: int, session: str = "session", value: bytes = b"-1.5") -> ResultRow:
    """The nth result of a session."""
    return ResultRow(nth.to_bytes(32, "big"), session, f"task-{nth}", 1, "exact", 3, 1000, "qulacs-0.6/1t", value, nth)


def begun(store: Store) -> Store:
    """The store with one run and one session."""
    store.begin_run(run_row())
    store.put_session(session_row())
    return store


def runs_come_back_as_they_were_put(store: Store) -> None:
    """P2 for runs; a seed of 64 bits survives."""
    row = run_row(seed=2**64 - 1)
    store.begin_run(row)
    store.begin_run(row)
    assert [(info.row, info.state) for info in store.runs()] == [(row, RunState.RUNNING)]
    refused(Conflict, lambda: store.begin_run(run_row(seed=8)), "'run'", "another content")


def ended_runs_stay_ended(store: Store) -> None:
    """Only an interrupted run goes on."""
    store.begin_run(run_row())
    assert store.end_run("run", RunState.INTERRUPTED, 10)
    store.begin_run(run_row())
    assert (store.runs()[0].state, store.runs()[0].ended_at_ns) == (RunState.RUNNING, 0)
    assert store.end_run("run", RunState.DONE, 20)
    store.begin_run(run_row())
    assert not store.end_run("run", RunState.FAILED, 30)
    assert (store.runs()[0].state, store.runs()[0].ended_at_ns) == (RunState.DONE, 20)
    refused(InvalidInput, lambda: store.end_run("run", RunState.RUNNING, 1), "cannot end as 'running'")
    refused(InvalidInput, lambda: store.end_run("nobody", RunState.DONE, 1), "no run 'nobody'")


def the_log_is_numbered_from_one(store: Store) -> None:
    """Events come back in order, from any point."""
    store.begin_run(run_row())
    store.begin_run(run_row("other"))
    assert store.append("run", [b"a", b"b"]) == 2
    assert store.append("other", [b"x"]) == 1
    assert store.append("run", []) == 2
    assert store.append("run", [b"c"]) == 3
    assert store.read_log("run") == [(1, b"a"), (2, b"b"), (3, b"c")]
    assert store.read_log("run", after=2) == [(3, b"c")]
    refused(InvalidInput, lambda: store.append("nobody", [b"x"]), "no run 'nobody'")


def a_session_put_twice_is_one(store: Store) -> None:
    """P2: same id and body is the stored row, another body a conflict; run and time are not the client's."""
    store.begin_run(run_row())
    store.begin_run(run_row("later"))
    row = session_row()
    assert store.put_session(row) == row
    again = SessionRow(row.id, "later", row.tenant, row.name, row.seed, row.settings, 99)
    assert store.put_session(again) == row
    assert [info.row for info in store.sessions()] == [row]
    for other in (session_row(tenant="eve"), SessionRow("session", "run", "ada", "maxcut", 1)):
        refused(Conflict, lambda other=other: store.put_session(other), "'session'")  # type: ignore[misc]
    refused(InvalidInput, lambda: store.put_session(session_row("s2", run="nobody")), "no run 'nobody'")
    refused(InvalidInput, lambda: store.put_session(session_row("")), "id of a session is empty")
    assert store.get_session("s2") is None


def sessions_are_listed_with_their_counts(store: Store) -> None:
    """Filters by run, tenant and state; counts of tasks, results and shots."""
    begun(store).begin_run(run_row("later"))
    store.put_session(session_row("second", run="later", tenant="eve"))
    store.put_task(TaskRow("t", "session", "vqe", b""))
    store.put_result(result_row(1))
    store.put_result(result_row(2))
    first, second = store.sessions()
    assert (first.tasks, first.results, first.shots) == (1, 2, 2000)
    assert (second.tasks, second.results, second.shots) == (0, 0, 0)
    store.end_session("second", SessionState.CLOSED, "done", 8)
    for where, names in ((SessionFilter(run="later"), ["second"]), (SessionFilter(tenant="ada"), ["session"]),
                         (SessionFilter(state=SessionState.OPEN), ["session"]),
                         (SessionFilter(run="run", tenant="eve"), [])):
        assert [info.row.id for info in store.sessions(where)] == names
    assert store.get_session("session") == first


def an_ended_session_stays_as_it_ended(store: Store) -> None:
    """Terminal states are final: the first end wins."""
    begun(store)
    assert store.end_session("session", SessionState.EXPIRED, "max TTL", 9)
    assert not store.end_session("session", SessionState.CLOSED, "later", 10)
    info = store.get_session("session")
    assert info is not None
    assert (info.state, info.reason, info.ended_at_ns) == (SessionState.EXPIRED, "max TTL", 9)
    refused(InvalidInput, lambda: store.end_session("session", SessionState.OPEN, "", 1), "cannot end as 'open'")
    refused(InvalidInput, lambda: store.end_session("nobody", SessionState.CLOSED, "", 1), "no session 'nobody'")


def a_choice_is_made_once(store: Store) -> None:
    """The first write wins, and everybody is told what it was."""
    begun(store)
    assert store.choose("session", "simulator", b"qulacs") == b"qulacs"
    assert store.choose("session", "simulator", b"aer") == b"qulacs"
    store.choose("session", "layout", b"0,1")
    assert store.chosen("session") == {"layout": b"0,1", "simulator": b"qulacs"}
    refused(InvalidInput, lambda: store.choose("nobody", "a", b""), "no session 'nobody'")


def a_checkpoint_never_goes_back(store: Store) -> None:
    """A late writer of an earlier iteration changes nothing."""
    begun(store)
    assert store.get_checkpoint("session", "spsa") is None
    assert store.put_checkpoint("session", "spsa", 4, b"four")
    assert not store.put_checkpoint("session", "spsa", 3, b"three")
    assert store.get_checkpoint("session", "spsa") == Checkpoint(4, b"four")
    assert store.put_checkpoint("session", "spsa", 4, b"4")
    assert store.get_checkpoint("session", "spsa") == Checkpoint(4, b"4")
    refused(InvalidInput, lambda: store.put_checkpoint("nobody", "a", 1, b""), "no session 'nobody'")


def a_result_is_bought_once(store: Store) -> None:
    """P4: the same digest is a no-op, another value a conflict, and results come back in the order put."""
    begun(store)
    rows = [result_row(nth) for nth in (9, 2, 5)]
    assert [store.put_result(row) for row in rows] == [True, True, True]
    retry = ResultRow(rows[0].digest, "session", "task-9", 2, "exact", 3, 1000, "qulacs-0.6/1t", b"-1.5", 77)
    assert not store.put_result(retry)
    assert not store.put_result(rows[0])
    refused(Conflict, lambda: store.put_result(result_row(9, value=b"-1.6")), rows[0].digest.hex())
    assert store.results("session") == rows
    assert store.get_result("session", rows[1].digest) == rows[1]
    assert store.get_result("session", bytes(32)) is None


def a_result_ends_its_task(store: Store) -> None:
    """As done, at the result's time, also where the result was known; an ended task and other sessions' stay."""
    begun(store).put_session(session_row("second"))
    first, other = result_row(1), result_row(2, session="second")
    store.put_task(TaskRow(first.task, "session", "vqe", b""))
    store.put_task(TaskRow(other.task, "session", "vqe", b""))
    store.put_task(TaskRow("again", "session", "vqe", b""))
    store.lease(first.task, "worker", 1, 5)
    store.put_result(first)
    store.put_result(other)
    assert not store.put_result(msgspec.structs.replace(first, task="again"))
    infos = {info.row.id: info for info in store.tasks("session")}
    assert [infos[name].state for name in (first.task, "again", other.task)] == ["done", "done", "ready"]
    assert (infos[first.task].ended_at_ns, infos[first.task].until_ns) == (first.at_ns, 0)
    store.cancel(other.task, 9)
    assert not store.put_result(msgspec.structs.replace(first, task=other.task))
    assert store.expire(99) == []
    assert [info.state for info in store.tasks("session")] == ["done", "cancelled", "done"]


def results_belong_to_their_session(store: Store) -> None:
    """P11: one seed in two sessions gives one digest, and still neither sees nor loses the other's result."""
    begun(store)
    store.put_session(session_row("second"))
    assert store.put_result(result_row(1))
    assert store.get_result("second", result_row(1).digest) is None
    assert store.put_result(result_row(1, session="second", value=b"other"))
    assert [row.value for row in store.results("second")] == [b"other"]
    assert store.results("nobody") == []


def bad_results_are_refused(store: Store) -> None:
    """The message says what is wrong, and nothing is kept."""
    begun(store)
    short = ResultRow(b"short", "session", "t", 1, "exact", 0, 0, "", b"", 0)
    refused(InvalidInput, lambda: store.put_result(short), "5 bytes", "32")
    for shots, epoch, at_ns in ((-1, 0, 0), (2**63, 0, 0), (0, -1, 0), (0, 0, 2**63)):
        row = ResultRow(bytes(32), "session", "t", 1, "exact", epoch, shots, "", b"", at_ns)
        refused(InvalidInput, lambda row=row: store.put_result(row))  # type: ignore[misc]
    refused(InvalidInput, lambda: store.put_result(result_row(1, session="nobody")), "no session 'nobody'")
    assert store.results("session") == []


def a_result_after_the_end_is_kept(store: Store) -> None:
    """It was paid for."""
    begun(store)
    store.end_session("session", SessionState.CANCELLED, "user", 3)
    assert store.put_result(result_row(1))
    assert len(store.results("session")) == 1


def retention_deletes_ended_runs_only(store: Store) -> None:
    """By age or number, with everything of theirs; what may go on stays."""
    for nth, state in enumerate((RunState.DONE, RunState.FAILED, RunState.INTERRUPTED, RunState.CANCELLED)):
        name = f"run-{nth}"
        store.begin_run(run_row(name))
        store.put_session(session_row(f"s-{nth}", run=name))
        store.put_task(TaskRow(f"t-{nth}", f"s-{nth}", "vqe", b""))
        store.put_result(result_row(1, session=f"s-{nth}"))
        store.append(name, [b"event"])
        store.end_run(name, state, nth * NS_PER_DAY)
    store.begin_run(run_row("live"))
    assert store.retention(9 * NS_PER_DAY) == []
    assert store.retention(4 * NS_PER_DAY, keep_days=3.5) == ["run-0"]
    assert store.retention(4 * NS_PER_DAY, keep_runs=1) == ["run-1"]
    assert [info.row.id for info in store.runs()] == ["run-2", "run-3", "live"]
    assert [info.row.id for info in store.sessions()] == ["s-2", "s-3"]
    assert store.get_task("t-0") is None
    rows = store.stats().rows
    assert (rows["runs"], rows["sessions"], rows["tasks"], rows["results"], rows["log"]) == (3, 2, 2, 2, 2)
    refused(InvalidInput, lambda: store.put_result(result_row(2, session="s-0")), "no session 's-0'")
    for days, runs in ((-1.0, None), (float("nan"), None), (None, -1)):
        refused(InvalidInput, lambda days=days, runs=runs: store.retention(0, days, runs), "keep_")  # type: ignore[misc]


def threads_share_a_store(store: Store) -> None:
    """Eight writers of overlapping results: each is kept once, and each writer is told the truth."""
    begun(store)
    kept: list[int] = []

    def write(shift: int) -> None:
        kept.extend(nth for nth in range(shift, shift + 60) if store.put_result(result_row(nth)))

    threads = [threading.Thread(target=write, args=(20 * nth,)) for nth in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == list(range(200)), "a result was acknowledged as new by none or by two"
    assert len(store.results("session")) == 200


def a_closed_store_says_so(store: Store) -> None:
    """Every verb after `close` is a `JournalError`; closing twice is harmless."""
    begun(store).flush()
    store.close()
    store.close()
    for call in (store.runs, store.flush, lambda: store.put_result(result_row(1)), lambda: store.expire(1),
                 lambda: store.get_task("t"), store.stats, lambda: store.retention(1)):
        refused(JournalError, call, "closed")


CHECKS: Final[tuple[Check, ...]] = (
    runs_come_back_as_they_were_put, ended_runs_stay_ended, the_log_is_numbered_from_one, a_session_put_twice_is_one,
    sessions_are_listed_with_their_counts, an_ended_session_stays_as_it_ended, a_choice_is_made_once,
    a_checkpoint_never_goes_back, a_result_is_bought_once, a_result_ends_its_task,
    results_belong_to_their_session, bad_results_are_refused,
    a_result_after_the_end_is_kept, retention_deletes_ended_runs_only, threads_share_a_store, a_closed_store_says_so,
    *TASK_CHECKS, *PURCHASE_CHECKS,
)
