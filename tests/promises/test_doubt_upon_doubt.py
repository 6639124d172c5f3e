"""A second fault while the first one's doubt lasts: a refusal, a cancel, another life, a call that hangs.

Whatever comes, at most one task of an evaluation runs at the provider, unless a person says that it never had it.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import msgspec
import pytest

from qloop.errors import Held, QpuError
from qloop.model.states import TaskState
from qloop.qpus.protocol import Recovery
from qloop.qpus.remote import CredentialsRefused, NotAccepted
from qloop.runtime.journal.purchases import IntentState
from qloop.runtime.remote.deal import Left, Lost
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu

from .purchases import VALUE, Lives

FINDABLE = (Recovery.TOKEN, Recovery.CLIENT_ID, Recovery.TAG)
REFUSALS = (Wire.REFUSED, Wire.OFFLINE, Wire.CREDENTIALS, Wire.BUSY)
ENDS = (QpuError, Held, Lost, Left, NotAccepted, CredentialsRefused)


def live_until_it_ends(lives: Lives, most: int = 6) -> list[object]:
    """Lives that want the same, until one has its result or a person is asked."""
    came: list[object] = []
    for _ in range(most):
        lives.renew()
        try:
            came.append(lives.live())
        except ENDS as error:
            came.append(error)
        if not isinstance(came[-1], QpuError) or isinstance(came[-1], Held):
            break
    return came


@pytest.mark.parametrize(("recovery", "second"), list(itertools.product(FINDABLE, REFUSALS)))
def test_a_refusal_after_a_lost_reply_does_not_make_it_bought_again(
        tmp_path: Path, recovery: Recovery, second: Wire) -> None:
    provider = Provider({("submit", 1): Wire.REPLY_LOST, ("submit", 2): second, ("find", 1): second},
                        recovery=recovery)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    came = live_until_it_ends(lives)
    assert provider.bought == 1, (came, provider.read().tasks)
    assert getattr(came[-1], "values", None) == pytest.approx((VALUE,)) or isinstance(came[-1], Held)
    assert len({task.token for task in provider.read().tasks}) == 1


@pytest.mark.parametrize(("recovery", "second"), list(itertools.product(FINDABLE, REFUSALS)))
def test_a_refusal_after_a_crash_does_not_make_it_bought_again(
        tmp_path: Path, recovery: Recovery, second: Wire) -> None:
    provider = Provider({("submit", 2): second, ("find", 1): second}, recovery=recovery)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    assert lives.live(crash_at="answered") is None
    came = live_until_it_ends(lives)
    assert provider.bought <= 1
    assert len(provider.read().tasks) == 1, (came, provider.read().tasks)


@pytest.mark.parametrize("recovery", FINDABLE)
@pytest.mark.parametrize("find_is_silent", [False, True])
def test_a_cancel_in_a_later_life_looks_for_what_the_earlier_one_sent(
        tmp_path: Path, recovery: Recovery, find_is_silent: bool) -> None:
    plan = {("find", nth): Wire.NOT_SENT for nth in range(1, 60)} if find_is_silent else {}
    provider = Provider(plan, recovery=recovery, queue=50)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    assert lives.live(crash_at="answered") is None
    lives.renew()
    lives.ticket.finish(TaskState.CANCELLED, "its owner")
    with pytest.raises(Left if find_is_silent else Lost):
        lives.live()
    (task,) = provider.read().tasks
    if find_is_silent:
        assert lives.intents()[0].state is IntentState.OPEN, "nobody can know yet"
        provider.plan = {}
        provider.queue = 1
        lives.renew()
        assert lives.live() is not None
        assert provider.bought == len(provider.read().tasks) == 1
    else:
        assert task.phase == "cancelled"
        assert lives.intents()[0].state is IntentState.ABANDONED


def test_a_cancel_while_the_list_lags_behind_waits_for_it(tmp_path: Path) -> None:
    provider = Provider({("submit", 1): Wire.LATE}, recovery=Recovery.TAG, queue=50, late=4)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider, settle_s=0.4))
    find = lives.qpu.find

    def cancelled_at_the_first_look(token: str) -> tuple[str, ...]:
        lives.ticket.finish(TaskState.CANCELLED, "its owner")
        return find(token)

    lives.qpu.find = cancelled_at_the_first_look        # type: ignore[method-assign]
    with pytest.raises(Lost):
        lives.live()
    assert [task.phase for task in provider.read().tasks] == ["cancelled"]


def test_a_submission_that_hangs_and_arrives_later_is_not_made_again(tmp_path: Path) -> None:
    """The call is given up, but its thread still delivers: until that has ended, absence proves nothing."""


    provider = Provider(recovery=Recovery.TAG)
    qpu = ScriptedRemoteQpu(provider, call_s=0.2, settle_s=0.1)
    submit, calls = qpu.submit, []

    def slow(*arguments):       # type: ignore[no-untyped-def]
        calls.append(arguments)
        time.sleep(1.0)
        return submit(*arguments)

    qpu.submit = slow       # type: ignore[method-assign]
    lives = Lives(tmp_path / "journal.sqlite", qpu)
    assert lives.live() is not None
    assert len(calls) == provider.bought == len(provider.read().tasks) == 1


def test_an_intent_names_the_epoch_of_what_was_sent(tmp_path: Path) -> None:
    """Life 1 dies before it sends; the QPU is calibrated; life 2 sends for the new epoch, and says so."""
    provider = Provider(recovery=Recovery.CLIENT_ID)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    assert lives.live(crash_at="intended") is None
    old = provider.read().epoch
    provider.change(lambda ledger: setattr(ledger, "epoch", old + 3600))
    lives.renew()
    result = lives.live()
    assert result is not None
    states = [(intent.state, intent.row.epoch) for intent in lives.intents()]
    assert states == [(IntentState.ABANDONED, old), (IntentState.ACCEPTED, old + 3600)]
    assert result.epoch == old + 3600


def test_a_blip_while_the_result_is_fetched_holds_nothing(tmp_path: Path) -> None:
    blips = {("result", nth): wire for nth, wire in zip(range(1, 12), itertools.cycle([Wire.NOT_SENT, Wire.BUSY]),
                                                        strict=False)}
    provider = Provider(blips)
    lives = Lives(tmp_path / "journal.sqlite", ScriptedRemoteQpu(provider))
    assert lives.live() is not None
    assert provider.read().calls["result"] == 12


def test_an_answer_without_an_id_is_no_answer(tmp_path: Path) -> None:
    provider = Provider(recovery=Recovery.CLIENT_ID)
    qpu = ScriptedRemoteQpu(provider)
    submit = qpu.submit
    qpu.submit = lambda *arguments: submit(*arguments) and ""       # type: ignore[method-assign]
    lives = Lives(tmp_path / "journal.sqlite", qpu)
    assert lives.live() is not None
    assert lives.intents()[0].provider == "task-1"


IMPOSSIBLE = {
    "a negative count": {"counts": ({"0": 150, "1": -50},)}, "another character": {"counts": ({"0": 60, "x": 40},)},
    "two lengths": {"counts": ({"0": 60, "01": 40},)}, "other shots": {"shots": 7},
    "another QPU": {"qpu": "somebody"}, "an epoch before time": {"epoch": -5},
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_answers_are_not_taken(tmp_path: Path, case: str) -> None:
    provider = Provider()
    qpu = ScriptedRemoteQpu(provider)
    result, asked = qpu.result, []

    def spoiled(task, program, request):        # type: ignore[no-untyped-def]
        asked.append(task)
        good = result(task, program, request)
        return msgspec.structs.replace(good, **IMPOSSIBLE[case]) if len(asked) == 1 else good

    qpu.result = spoiled        # type: ignore[method-assign]
    lives = Lives(tmp_path / "journal.sqlite", qpu, shots=100, counts=True)
    found = lives.live()
    assert found is not None
    assert len(asked) == 2
    assert sum(found.counts[0].values()) == found.shots == 100
