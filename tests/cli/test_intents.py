"""`qloop intents`: a task that nobody can know about is held, a person decides, and the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

import qloop
from qloop.errors import Held
from qloop.qpus.protocol import Recovery
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu
from tests.runtime.two_qubits import ENERGY, circuit, value

from .calling import Caller


def provider(wire: Wire) -> Provider:
    return Provider({("submit", 1): wire}, recovery=Recovery.NONE)


def live(far: Provider, resume: bool) -> float:
    """One life of a run in this home that wants one evaluation."""
    with qloop.Runtime(qpus=[ScriptedRemoteQpu(far)], run="r", resume=resume) as platform, \
            qloop.Session("s", runtime=platform) as session:
        return session.submit(circuit(), ENERGY, [0.1, 0.2]).result(20.0)


def held(far: Provider) -> str:
    """A life that ends with a held task; its token."""
    with pytest.raises(Held) as told:
        live(far, resume=False)
    return told.value.token


def test_what_was_bought_is_adopted_and_not_bought_again(call: Caller) -> None:
    far = provider(Wire.REPLY_LOST)
    token = held(far)
    shown = call("intents")
    for words in (token, "r.s", "held", "cannot be asked"):
        assert words in shown.out
    done = call("intents", "adopt", token, "task-1")
    assert done.code == 0
    assert "resume the run to get its result" in done.err
    assert live(far, resume=True) == pytest.approx(value([0.1, 0.2]))
    assert far.read().calls["submit"] == far.bought == 1
    assert "Nothing is under way" in call("intents").err + call("intents").out
    assert token in call("intents", "--all").out


def test_what_never_arrived_is_bought_again(call: Caller) -> None:
    far = provider(Wire.NOT_SENT)
    token = held(far)
    assert "resume the run to buy it again" in call("intents", "again", token).err
    assert live(far, resume=True) == pytest.approx(value([0.1, 0.2]))
    assert (far.read().calls["submit"], far.bought) == (2, 1)


def test_json_and_bad_input(call: Caller) -> None:
    far = provider(Wire.REPLY_LOST)
    token = held(far)
    document = call("intents", "--json").document
    assert [(one["token"], one["state"], one["shots"]) for one in document["intents"]] == [(token, "held", 0)]
    missing = call("intents", "adopt", "qloop-nothing", "x")
    assert (missing.code, "no intent named" in missing.err) == (2, True)
    assert "is empty" in call("intents", "adopt", token, " ").err
    call("intents", "adopt", token, "task-1")
    assert "Only what is held is to be decided" in call("intents", "again", token).err
    absent = call("intents", "--journal", str(Path("none.qloop")))
    assert absent.code == 4
