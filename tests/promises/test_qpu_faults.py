"""Every fault of a QPU's wire has the outcome that docs/concepts/remote-qpus.md says: retried on the same intent,
moved, held, failed with its reason. In none of them is a task bought twice or a wrong result taken.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from qloop.errors import Held, QloopError, QpuError
from qloop.model.states import TaskState
from qloop.qpus.protocol import Recovery
from qloop.qpus.remote import CredentialsRefused, NotAccepted
from qloop.runtime.journal.purchases import IntentState
from qloop.runtime.remote.deal import Left, Lost
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu

from .purchases import VALUE, Lives

RETRIED = {
    "429": {("submit", 1): Wire.BUSY, ("submit", 2): Wire.BUSY},
    "5xx": {("submit", 1): Wire.NOT_SENT},
    "5xx at each verb": {("submit", 1): Wire.NOT_SENT, ("find", 1): Wire.NOT_SENT, ("status", 1): Wire.NOT_SENT,
                         ("result", 1): Wire.NOT_SENT},
    "time-out after execution": {("submit", 1): Wire.REPLY_LOST},
    "truncated JSON": {("submit", 1): Wire.TRUNCATED, ("status", 1): Wire.TRUNCATED, ("result", 1): Wire.TRUNCATED},
    "unknown status": {("status", 1): Wire.UNKNOWN_WORD, ("status", 2): Wire.UNKNOWN_WORD},
    "status going backwards": {("status", 2): Wire.BACKWARDS, ("status", 3): Wire.BACKWARDS},
    "gone for a moment": {("status", 2): Wire.GONE},
    "result late": {("result", 1): Wire.NO_RESULT, ("result", 2): Wire.NO_RESULT},
    "foreign result": {("result", 1): Wire.FOREIGN},
    "not a number": {("result", 1): Wire.NOT_A_NUMBER},
    "wrong number of results": {("result", 1): Wire.WRONG_SHOTS},
    "duplicate": {("submit", 1): Wire.DOUBLED},
    "adapter with a bug": {("submit", 1): Wire.CRASHED, ("status", 1): Wire.CRASHED, ("result", 1): Wire.CRASHED},
    "hanging": {("submit", 1): Wire.HANG, ("status", 1): Wire.HANG, ("result", 1): Wire.HANG},
}


@pytest.mark.parametrize("recovery", [Recovery.TOKEN, Recovery.CLIENT_ID, Recovery.TAG])
@pytest.mark.parametrize("fault", RETRIED)
def test_retried_on_the_same_intent(tmp_path: Path, fault: str, recovery: Recovery) -> None:
    provider = Provider(RETRIED[fault], recovery=recovery)
    qpu = ScriptedRemoteQpu(provider, call_s=0.2)
    lives = Lives(tmp_path / "journal.sqlite", qpu)
    result = lives.live()
    qpu.release()
    assert result is not None
    assert result.values == pytest.approx((VALUE,))
    assert provider.bought == 1
    assert len(lives.intents()) == 1, "one intent, however often it was tried"


FAILED = {
    "refusing": ({("submit", 1): Wire.REFUSED}, "refused to submit", 0),
    "failed on the QPU": ({("status", 1): Wire.FAILED}, "the circuit melted", 1),
    "credentials expired before": ({("submit", 1): Wire.CREDENTIALS}, "has expired", 0),
}


@pytest.mark.parametrize("fault", FAILED)
def test_failed_with_its_reason(tmp_path: Path, fault: str) -> None:
    plan, words, bought = FAILED[fault]
    provider = Provider(plan)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    with pytest.raises(QpuError, match=words):
        lives.live()
    assert [intent.state for intent in lives.intents()] == [IntentState.ABANDONED]
    assert words in lives.intents()[0].reason
    assert provider.bought == bought
    lives.renew()
    again = lives.live()        # a new wish is a new intent
    assert again is not None
    assert [intent.state for intent in lives.intents()] == [IntentState.ABANDONED, IntentState.ACCEPTED]


MOVED = {
    "going offline inside a session": ({("submit", 1): Wire.OFFLINE}, NotAccepted),
    "going offline before it ran": ({("status", 1): Wire.FAILED_UNRUN}, Lost),
    "429 without end": ({("submit", nth): Wire.BUSY for nth in range(1, 40)}, Lost),
}


@pytest.mark.parametrize("fault", MOVED)
def test_moved_because_surely_nothing_was_bought(tmp_path: Path, fault: str) -> None:
    plan, kind = MOVED[fault]
    provider = Provider(plan)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    with pytest.raises(kind):
        lives.live()
    assert [intent.state for intent in lives.intents()] == [IntentState.ABANDONED]
    assert provider.bought == 0


HELD = {
    "done without result": {("result", nth): Wire.NO_RESULT for nth in range(1, 40)},
    "foreign result for ever": {("result", nth): Wire.FOREIGN for nth in range(1, 40)},
    "wrong number of results for ever": {("result", nth): Wire.WRONG_SHOTS for nth in range(1, 40)},
    "vanishing": {("status", nth): Wire.GONE for nth in range(2, 60)},
    "unknown status for ever": {("status", nth): Wire.UNKNOWN_WORD for nth in range(1, 60)},
}


@pytest.mark.parametrize("fault", HELD)
def test_held_because_nobody_can_know(tmp_path: Path, fault: str) -> None:
    provider = Provider(HELD[fault])
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    with pytest.raises(Held) as told:
        lives.live()
    for words in ("qloop intents adopt", "qloop intents again", lives.intents()[0].row.token):
        assert words in str(told.value)
    calls = dict(provider.read().calls)
    lives.renew()
    with pytest.raises(Held):
        lives.live()        # it stays held in later lives, and nobody is asked
    assert provider.read().calls["submit"] == calls["submit"] == 1
    assert provider.read().calls["status"] == calls["status"]


def test_counts_of_another_number_of_shots_are_not_taken(tmp_path: Path) -> None:
    provider = Provider({("result", 1): Wire.WRONG_SHOTS})
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider), shots=100, counts=True)
    result = lives.live()
    assert result is not None
    assert sum(result.counts[0].values()) == 100
    assert provider.read().calls["result"] == 2


def test_silently_slow_is_waited_for(tmp_path: Path) -> None:
    provider = Provider(queue=300)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider, poll_s=0.001))
    assert lives.live() is not None
    assert provider.read().calls["submit"] == provider.bought == 1


def test_the_wall_clock_may_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubt is settled by the monotonic clock: a jump of a day forwards does not make a late task a lost one."""
    wall = itertools.count(0, 86_400)
    monkeypatch.setattr("time.time", lambda: float(next(wall)))
    monkeypatch.setattr("time.time_ns", lambda: next(wall) * 10**9)
    provider = Provider({("submit", 1): Wire.LATE}, recovery=Recovery.TAG, late=4)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider, settle_s=0.3))
    assert lives.live() is not None
    assert provider.read().calls["submit"] == provider.bought == 1


def test_credentials_that_expire_while_it_waits_lose_nothing(tmp_path: Path) -> None:
    provider = Provider({("status", 2): Wire.CREDENTIALS})
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    with pytest.raises(CredentialsRefused, match="Renew it and resume"):
        lives.live()
    assert [intent.state for intent in lives.intents()] == [IntentState.ACCEPTED]
    lives.renew()
    result = lives.live()
    assert result is not None
    assert provider.bought == provider.read().calls["submit"] == 1


CANCELS = {
    "in the queue": ({}, 50, Lost, IntentState.ABANDONED, 0),
    "ignored": ({("cancel", nth): Wire.IGNORED for nth in range(1, 9)}, 10**6, Left, IntentState.ACCEPTED, 0),
    "not heard at first": ({("cancel", 1): Wire.NOT_SENT}, 50, Lost, IntentState.ABANDONED, 0),
}


@pytest.mark.parametrize("case", CANCELS)
def test_cancelled_by_its_owner(tmp_path: Path, case: str) -> None:
    plan, queue, kind, state, bought = CANCELS[case]
    provider = Provider(plan, queue=queue)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    seen: list[str] = []
    status = lives.qpu.status

    def cancelled_at_the_third_look(task: str) -> object:
        seen.append(task)
        if len(seen) == 3:
            lives.ticket.finish(TaskState.CANCELLED, "its owner")
        return status(task)

    lives.qpu.status = cancelled_at_the_third_look      # type: ignore[method-assign, assignment]
    with pytest.raises(kind):
        lives.live()
    assert [intent.state for intent in lives.intents()] == [state]
    assert provider.bought == bought


def test_a_cancel_that_comes_too_late_keeps_the_result_that_was_paid(tmp_path: Path) -> None:
    provider = Provider({("cancel", nth): Wire.IGNORED for nth in range(1, 9)}, queue=3)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    lives.ticket.state = TaskState.READY
    status = lives.qpu.status

    def cancelled_at_once(task: str) -> object:
        lives.ticket.finish(TaskState.CANCELLED, "its owner")
        return status(task)

    lives.qpu.status = cancelled_at_once        # type: ignore[method-assign, assignment]
    result = lives.live()
    assert result is not None
    assert provider.bought == 1


def test_a_runtime_that_closes_leaves_the_task_to_its_next_life(tmp_path: Path) -> None:
    provider = Provider(queue=10**6)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    status = lives.qpu.status

    def closing(task: str) -> object:
        lives.closing.set()
        return status(task)

    lives.qpu.status = closing      # type: ignore[method-assign, assignment]
    with pytest.raises(Left):
        lives.live()
    assert [intent.state for intent in lives.intents()] == [IntentState.ACCEPTED]
    assert "cancel" not in provider.read().calls
    lives.closing.clear()
    lives.qpu.status = status       # type: ignore[method-assign]
    provider.queue = 1
    lives.renew()
    result = lives.live()
    assert result is not None
    assert provider.read().calls["submit"] == provider.bought == 1


def test_errors_of_the_wire_are_qloops(tmp_path: Path) -> None:
    """Whatever an adapter raises, a user sees what happened, why, and what to do."""
    for plan in (HELD["vanishing"], FAILED["refusing"][0], MOVED["429 without end"][0]):
        provider = Provider(plan)
        (tmp_path / str(id(plan))).mkdir()
        lives = Lives(tmp_path / str(id(plan)) / "journal.sqlite", ScriptedRemoteQpu(provider))
        with pytest.raises(QloopError) as told:
            lives.live()
        assert told.value.what
