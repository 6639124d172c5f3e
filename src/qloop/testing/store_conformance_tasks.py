"""The part of the store conformance suite on tasks: idempotent, leased, fenced, expired, cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from qloop.errors import Conflict, InvalidInput, QloopError, SessionEnded
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import Evidence, Run, SessionRow, SessionState, TaskInfo, TaskRow, TaskState


def refused(error: type[QloopError], call: Callable[[], object], *words: str) -> None:
    """Assert that the call raises this error, and that its message holds the words."""
    raised: QloopError | None = None
    try:
        call()
    except error as refusal:
        raised = refusal
    assert raised is not None, f"{error.__name__} was not raised"
    missing = [word for word in words if word not in str(raised)]
    assert not missing, f"{raised} does not say {missing}"


def _with_task(store: Store) -> Store:
    store.begin_run(Run("run", "loop.py", 0, 1, "real", "0.1.0"))
    store.put_session(SessionRow("s", "run", "ada", "vqe", 1))
    store.put_task(TaskRow("t", "s", "vqe", b"body", 3))
    return store


def _task(store: Store, name: str = "t") -> TaskInfo:
    found = store.get_task(name)
    assert found is not None
    return found


def a_task_put_twice_is_one(store: Store) -> None:
    """P2: same id and content is the stored row, other content a conflict."""
    _with_task(store)
    stored = TaskRow("t", "s", "vqe", b"body", 3)
    assert store.put_task(TaskRow("t", "s", "vqe", b"body", 99)) == stored
    assert [info.row for info in store.tasks("s")] == [stored]
    for other in (TaskRow("t", "s", "vqe", b"other"), TaskRow("t", "s", "qaoa", b"body")):
        refused(Conflict, lambda other=other: store.put_task(other), "'t'")  # type: ignore[misc]
    refused(InvalidInput, lambda: store.put_task(TaskRow("t2", "nobody", "vqe", b"")), "no session 'nobody'")
    refused(InvalidInput, lambda: store.put_task(TaskRow("", "s", "vqe", b"")), "id of a task is empty")
    assert store.get_task("t2") is None


def an_ended_session_takes_no_tasks(store: Store) -> None:
    """A new task is refused; one that is known is still only repeated."""
    _with_task(store)
    store.end_session("s", SessionState.CLOSED, "", 5)
    refused(SessionEnded, lambda: store.put_task(TaskRow("t2", "s", "vqe", b"")), "closed")
    assert store.put_task(TaskRow("t", "s", "vqe", b"body")).created_at_ns == 3


def attempts_count_up(store: Store) -> None:
    """Only a ready task is leased, and each lease has the next number."""
    _with_task(store)
    assert store.lease("t", "w1", 10, 20) == 1
    assert store.lease("t", "w2", 11, 21) is None
    assert store.release("t", 1, 12)
    assert (_task(store).state, _task(store).worker) == (TaskState.READY, "")
    assert store.lease("t", "w2", 13, 23) == 2
    info = _task(store)
    assert (info.state, info.attempt, info.worker, info.until_ns) == (TaskState.LEASED, 2, "w2", 23)


def bad_leases_are_refused(store: Store) -> None:
    """A lease needs a task, a worker and a future."""
    _with_task(store)
    refused(InvalidInput, lambda: store.lease("nobody", "w", 1, 2), "no task 'nobody'")
    refused(InvalidInput, lambda: store.lease("t", "", 1, 2), "id of a worker is empty")
    refused(InvalidInput, lambda: store.lease("t", "w", 2, 2), "over before it begins")
    refused(InvalidInput, lambda: store.lease("t", "w", 2, 2**63), "64 bits")
    refused(InvalidInput, lambda: store.finish("nobody", 1, TaskState.DONE, b"", 2), "no task 'nobody'")
    refused(InvalidInput, lambda: store.finish("t", 1, TaskState.READY, b"", 2), "cannot end as 'ready'")
    refused(InvalidInput, lambda: store.cancel("nobody", 2), "no task 'nobody'")
    assert _task(store).attempt == 0


def a_heartbeat_prolongs_and_never_shortens(store: Store) -> None:
    """It works only for the attempt that holds the lease, and only while it holds."""
    _with_task(store)
    store.lease("t", "w", 10, 20)
    assert store.heartbeat("t", 1, 12, 40)
    assert store.heartbeat("t", 1, 13, 30)
    assert _task(store).until_ns == 40
    assert not store.heartbeat("t", 2, 14, 50)
    assert not store.heartbeat("t", 1, 40, 60), "a lease that is over was prolonged"
    assert not store.heartbeat("nobody", 1, 1, 2)


def an_expired_attempt_writes_nothing(store: Store) -> None:
    """P3: a worker that was stopped past its lease and goes on is fenced out, swept already or not."""
    _with_task(store)
    store.lease("t", "w1", 10, 20)
    before = _task(store)
    assert not store.finish("t", 1, TaskState.DONE, b"late", 20)
    assert not store.release("t", 1, 20)
    assert _task(store) == before
    assert store.expire(19) == []
    assert store.expire(20) == ["t"]
    assert store.expire(20) == []
    assert not store.finish("t", 1, TaskState.DONE, b"late", 15)
    assert store.lease("t", "w2", 21, 31) == 2
    assert not store.finish("t", 1, TaskState.DONE, b"late", 22)
    assert store.finish("t", 2, TaskState.DONE, b"good", 23)
    info = _task(store)
    assert (info.state, info.outcome, info.ended_at_ns) == (TaskState.DONE, b"good", 23)
    assert store.evidence("t") == []


def an_outcome_is_written_once(store: Store) -> None:
    """A repeated finish is told yes, a different one no, and nothing changes."""
    _with_task(store)
    store.lease("t", "w", 10, 20)
    assert store.finish("t", 1, TaskState.FAILED, b"traceback", 15)
    ended = _task(store)
    assert store.finish("t", 1, TaskState.FAILED, b"traceback", 99)
    assert not store.finish("t", 1, TaskState.DONE, b"traceback", 16)
    assert not store.finish("t", 1, TaskState.FAILED, b"other", 16)
    assert not store.finish("t", 0, TaskState.FAILED, b"traceback", 16)
    assert not store.cancel("t", 17)
    assert store.lease("t", "w", 18, 28) is None
    assert store.expire(10**9) == []
    assert _task(store) == ended


def a_cancelled_task_keeps_late_outcomes_as_evidence(store: Store) -> None:
    """P7: a cancel ends the attempt; what comes later is kept beside the task, the first for each attempt."""
    _with_task(store)
    store.lease("t", "w", 10, 20)
    assert store.cancel("t", 12)
    assert not store.cancel("t", 13)
    assert not store.finish("t", 1, TaskState.DONE, b"late", 14)
    assert not store.finish("t", 1, TaskState.DONE, b"later", 15)
    assert not store.heartbeat("t", 1, 14, 50)
    assert (_task(store).state, _task(store).outcome) == (TaskState.CANCELLED, b"")
    assert store.evidence("t") == [Evidence("t", 1, b"late", 14)]
    assert store.lease("t", "w", 16, 26) is None


def an_attempt_fenced_before_the_cancel_leaves_no_evidence(store: Store) -> None:
    """It had lost its lease already, so it writes nothing at all."""
    _with_task(store)
    store.lease("t", "w", 10, 20)
    store.expire(20)
    store.cancel("t", 21)
    assert not store.finish("t", 1, TaskState.DONE, b"late", 22)
    assert store.evidence("t") == []
    assert store.evidence("nobody") == []


def cancelling_a_session_cancels_its_tasks(store: Store) -> None:
    """P7: in the same transaction, and only those that have not ended."""
    _with_task(store)
    store.put_session(SessionRow("s2", "run", "eve", "vqe", 1))
    for name, session in (("done", "s"), ("held", "s"), ("foreign", "s2")):
        store.put_task(TaskRow(name, session, "vqe", b""))
        store.lease(name, "w", 10, 20)
    store.finish("done", 1, TaskState.DONE, b"", 11)
    store.end_session("s", SessionState.CANCELLED, "user", 12)
    assert [(info.row.id, info.state) for info in store.tasks("s")] == [
        ("t", TaskState.CANCELLED), ("done", TaskState.DONE), ("held", TaskState.CANCELLED)]
    assert _task(store, "foreign").state is TaskState.LEASED
    assert store.expire(20) == ["foreign"]


def expiry_requeues_in_the_order_put(store: Store) -> None:
    """P6: exactly the leases that are over, by the caller's clock."""
    _with_task(store)
    for nth in range(6):
        store.put_task(TaskRow(f"t{nth}", "s", "vqe", b""))
    for nth in (4, 1, 3, 0):
        store.lease(f"t{nth}", "w", 10, 20 + nth)
    assert store.expire(23) == ["t0", "t1", "t3"]
    assert _task(store, "t4").state is TaskState.LEASED


def one_worker_wins_a_race(store: Store) -> None:
    """P3: of eight that lease one task at once, one gets it."""
    _with_task(store)
    won: list[int | None] = []
    threads = [threading.Thread(target=lambda nth=nth: won.append(store.lease("t", f"w{nth}", 1, 2)))
               for nth in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won, key=str) == [1] + [None] * 7


TASK_CHECKS: Final[tuple[Callable[[Store], None], ...]] = (
    a_task_put_twice_is_one, an_ended_session_takes_no_tasks, attempts_count_up, bad_leases_are_refused,
    a_heartbeat_prolongs_and_never_shortens, an_expired_attempt_writes_nothing, an_outcome_is_written_once,
    a_cancelled_task_keeps_late_outcomes_as_evidence, an_attempt_fenced_before_the_cancel_leaves_no_evidence,
    cancelling_a_session_cancels_its_tasks, expiry_requeues_in_the_order_put, one_worker_wins_a_race,
)
