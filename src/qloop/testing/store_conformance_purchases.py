"""The part of the store conformance suite on intents and accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from qloop.errors import Conflict, InvalidInput
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import CallRow, IntentRow, IntentState
from qloop.runtime.journal.rows import ResultRow, Run, RunState, SessionRow
from qloop.testing.store_conformance_tasks import refused

ONE, TWO = (1).to_bytes(32, "big"), (2).to_bytes(32, "big")


def _with_session(store: Store) -> Store:
    store.begin_run(Run("run", "loop.py", 0, 1, "real", "0.1.0"))
    store.put_session(SessionRow("s", "run", "ada", "vqe", 1))
    return store


def intent_row(token: str = "q-1", digest: bytes = ONE) -> IntentRow:
    """An intent of the session `s`."""
    return IntentRow(token, "s", digest, "t", "ibm", 4096, 1_700_000_000, 5)


def call_row(nth: int, session: str = "s") -> CallRow:
    """The nth call of a session."""
    return CallRow(f"{session}#{nth}", session, "t", 1, "ada", "ibm", "done", "chem", 3, 10, 20, 1, 2, 100, 200, 9, 10,
                   7, "USD", "list", "q-1", "task-1", "")


def an_intent_put_twice_is_one(store: Store) -> None:
    """P5: the same token is the same intent, as far as it has come; another evaluation under it is a conflict."""
    _with_session(store)
    assert store.put_intent(intent_row()).state is IntentState.OPEN
    assert store.move_intent("q-1", IntentState.ACCEPTED, 6, "task-1")
    again = store.put_intent(msgspec.structs.replace(intent_row(), at_ns=99, epoch=7))
    assert (again.row, again.state, again.provider) == (intent_row(), IntentState.ACCEPTED, "task-1")
    refused(Conflict, lambda: store.put_intent(intent_row(digest=TWO)), "'q-1'")
    refused(InvalidInput, lambda: store.put_intent(intent_row("")), "id of an intent is empty")
    refused(InvalidInput, lambda: store.put_intent(intent_row("q-2", b"short")), "32")
    stranger = msgspec.structs.replace(intent_row("q-3"), session="nobody")
    refused(InvalidInput, lambda: store.put_intent(stranger), "no session 'nobody'")
    assert [info.row.token for info in store.intents()] == ["q-1"]


def an_ended_intent_stays_as_it_ended(store: Store) -> None:
    """Held ones may go on, done and abandoned ones not; the provider's id is not forgotten."""
    _with_session(store).put_intent(intent_row())
    assert store.move_intent("q-1", IntentState.ACCEPTED, 6, "task-1")
    assert store.move_intent("q-1", IntentState.HELD, 7, reason="nobody knows")
    held = store.intents("s", ONE)[0]
    assert (held.state, held.provider, held.reason, held.ended_at_ns) == (IntentState.HELD, "task-1", "nobody knows", 0)
    assert store.move_intent("q-1", IntentState.DONE, 8)
    assert not store.move_intent("q-1", IntentState.OPEN, 9)
    done = store.intents("s", ONE)[0]
    assert (done.state, done.provider, done.reason, done.ended_at_ns) == (IntentState.DONE, "task-1", "", 8)
    refused(InvalidInput, lambda: store.move_intent("nobody", IntentState.DONE, 1), "no intent 'nobody'")


def intents_are_found_by_evaluation(store: Store) -> None:
    """In the order put; an unknown session has none."""
    _with_session(store).put_session(SessionRow("other", "run", "eve", "vqe", 1))
    for token, digest in (("a", ONE), ("b", TWO), ("c", ONE)):
        store.put_intent(intent_row(token, digest))
    store.put_intent(msgspec.structs.replace(intent_row("d"), session="other"))
    assert [info.row.token for info in store.intents("s", ONE)] == ["a", "c"]
    assert [info.row.token for info in store.intents("s")] == ["a", "b", "c"]
    assert [info.row.token for info in store.intents()] == ["a", "b", "c", "d"]
    assert store.intents("nobody") == store.intents("nobody", ONE) == []
    refused(InvalidInput, lambda: store.intents(digest=ONE), "without its session")


def a_call_is_accounted_once(store: Store) -> None:
    """The same id is one call; another content is a conflict; sessions and runs have their own."""
    _with_session(store).begin_run(Run("later", "loop.py", 0, 1, "real", "0.1.0"))
    store.put_session(SessionRow("other", "later", "eve", "vqe", 1))
    assert store.put_call(call_row(1))
    assert not store.put_call(call_row(1))
    assert store.put_call(call_row(1, "other"))
    refused(Conflict, lambda: store.put_call(msgspec.structs.replace(call_row(1), amount=8)), "'s#1'")
    assert store.calls() == [call_row(1), call_row(1, "other")]
    assert store.calls(run="later") == store.calls(session="other") == [call_row(1, "other")]
    assert store.calls(run="run", session="other") == []
    for bad in (msgspec.structs.replace(call_row(2), amount=-1), msgspec.structs.replace(call_row(2), ended_ns=9)):
        refused(InvalidInput, lambda bad=bad: store.put_call(bad), "cannot be accounted")  # type: ignore[misc]
    refused(InvalidInput, lambda: store.put_call(call_row(1, "nobody")), "no session 'nobody'")


def a_result_and_its_account_are_one_write(store: Store) -> None:
    """No result without its account, and no account of a result that was refused."""
    row = ResultRow(ONE, "s", "t", 1, "ibm", 3, 100, "sdk", b"-1", 20)
    _with_session(store)
    assert store.put_result(row, call_row(1))
    refused(Conflict, lambda: store.put_result(msgspec.structs.replace(row, value=b"0"), call_row(2)), "result")
    assert not store.put_result(row, call_row(1))
    bad = msgspec.structs.replace(call_row(3), begun_ns=99)
    refused(InvalidInput, lambda: store.put_result(msgspec.structs.replace(row, digest=TWO), bad), "accounted")
    assert [result.digest for result in store.results("s")] == [ONE]
    assert store.calls(session="s") == [call_row(1)]
    other = msgspec.structs.replace(call_row(1), amount=8)
    refused(Conflict, lambda: store.put_result(msgspec.structs.replace(row, digest=TWO), other), "'s#1'")
    assert [result.digest for result in store.results("s")] == [ONE]


def the_last_time_of_a_run_is_known(store: Store) -> None:
    """The latest of its results and calls, and not another run's."""
    _with_session(store).begin_run(Run("later", "loop.py", 0, 1, "real", "0.1.0"))
    store.put_session(SessionRow("other", "later", "eve", "vqe", 1))
    assert store.last_ns("run") == store.last_ns("nobody") == 0
    store.put_result(ResultRow(ONE, "s", "t", 1, "ibm", 3, 100, "sdk", b"-1", 15))
    assert store.last_ns("run") == 15
    store.put_call(call_row(1))
    assert (store.last_ns("run"), store.last_ns("later")) == (20, 0)


def purchases_go_with_their_run(store: Store) -> None:
    """Retention removes intents and accounts, too."""
    _with_session(store).put_intent(intent_row())
    store.put_call(call_row(1))
    store.end_run("run", RunState.DONE, 1)
    assert store.retention(2, keep_runs=0) == ["run"]
    assert store.intents() == []
    assert store.calls() == []


PURCHASE_CHECKS: Final[tuple[Callable[[Store], None], ...]] = (
    an_intent_put_twice_is_one, an_ended_intent_stays_as_it_ended, intents_are_found_by_evaluation,
    a_call_is_accounted_once, a_result_and_its_account_are_one_write, the_last_time_of_a_run_is_known,
    purchases_go_with_their_run,
)
