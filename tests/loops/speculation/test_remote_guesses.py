"""Guesses on QPUs that others run: refused unless they are asked for; then bought once, and paid for once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import qloop
from qloop.loops.speculation import speculator
from qloop.loops.speculation.options import Speculation
from qloop.model.prices import Price
from qloop.runtime.client import Stake
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu
from tests.runtime.test_remote_qpus import until
from tests.runtime.two_qubits import ENERGY, circuit, runtime, value

START = [0.3, -0.2]
THETA = np.array([[0.1, 0.2]])
SURE = Stake(probability=1.0, lead_s=10.0, remote=True)
PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)


def remote(plan=None, queue=1) -> ScriptedRemoteQpu:
    """A QPU that predicts 1.5 s for each task: 2 USD."""
    return ScriptedRemoteQpu(Provider(plan, queue=queue), seconds=1.5)


def opened(platform):
    session = qloop.Session("s", runtime=platform, shots=10, qpu="remote")
    objective = session.objective(circuit(), ENERGY)
    objective(START)
    return session, objective


def guess(platform, session, objective):
    ticket = platform.speculate(session.id, objective.structure, THETA, 10, SURE)
    assert ticket is not None, platform.speculated(session.id).refused
    return ticket


def calls(platform) -> Counter[str]:
    return Counter(row.outcome for row in platform.store.calls())


@pytest.fixture
def eager(monkeypatch):
    """Asks ahead however little there is to mask."""
    monkeypatch.setattr(speculator, "LEAST_S", -1.0)


def test_it_is_refused_by_default_with_the_reason(eager):
    qpu = remote()
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform, shots=10) as session:
        result = session.minimize(circuit(), ENERGY, START, optimizer="nelder-mead", maxiter=6, speculate=True,
                                  progress=False)
        assert qpu.provider.bought == session.details().results
    assert result.speculation.launched == 0
    assert result.speculation.trouble == ("QPU remote is run by others, who are paid for wrong guesses too; "
                                          "Speculation(remote=True) allows it")


def test_a_guess_that_is_wanted_is_bought_and_paid_for_once():
    qpu = remote()
    with runtime(qpu, prices=PRICE) as platform:
        session, objective = opened(platform)
        ticket = guess(platform, session, objective)
        until(lambda: ticket.done)
        assert qpu.provider.bought == 2
        outcome = objective.submit(THETA[0]).outcome()
        assert outcome.source == "memo"
        assert session.usage()["amount"] == 4.0
        assert calls(platform) == {"done": 2}
        session.close()
    assert qpu.provider.bought == qpu.provider.read().calls["submit"] == 2


def test_a_guess_that_is_wanted_while_it_waits_there_goes_on():
    qpu = remote(queue=20)
    with runtime(qpu, prices=PRICE) as platform:
        session, objective = opened(platform)
        ticket = guess(platform, session, objective)
        until(lambda: qpu.provider.read().calls["submit"] == 2)
        future = objective.submit(THETA[0])
        assert future.result(20.0) == pytest.approx(value(THETA[0]), abs=1.5)
        assert not ticket.squashed
        assert (calls(platform), session.usage()["amount"]) == ({"done": 2}, 4.0)
        session.close()
    assert qpu.provider.bought == 2


def test_a_guess_that_was_bought_and_squashed_is_not_bought_again():
    qpu = remote()
    with runtime(qpu, prices=PRICE) as platform:
        session, objective = opened(platform)
        ticket = guess(platform, session, objective)
        until(lambda: ticket.done)
        platform.squash(ticket, "theta_mismatch")
        assert session.usage()["amount"] == 4.0
        outcome = objective.submit(THETA[0]).outcome()
        assert outcome.source == "journal"
        assert session.usage()["amount"] == 4.0
        assert platform.speculated(session.id).reused == 1
        session.close()
    assert qpu.provider.bought == 2


def test_a_guess_that_is_squashed_while_it_waits_there_is_cancelled_and_costs_nothing():
    qpu = remote(queue=10_000)
    with runtime(qpu, prices=PRICE) as platform:
        qpu.provider.queue = 1
        session, objective = opened(platform)
        qpu.provider.queue = 10_000
        ticket = guess(platform, session, objective)
        until(lambda: qpu.provider.read().calls["submit"] == 2)
        platform.squash(ticket, "theta_mismatch")
        until(lambda: qpu.provider.read().tasks[-1].phase == "cancelled")
        until(lambda: all(one.running is None for one in platform.core.engine.state.qpus))
        assert session.usage()["amount"] == 2.0
        qpu.provider.queue = 1
        assert objective.submit(THETA[0]).result(20.0) == pytest.approx(value(THETA[0]), abs=1.5)
        assert session.usage()["amount"] == 4.0
        session.close()
    assert qpu.provider.bought == 2
    assert platform.speculated(session.id).squashed == {"theta_mismatch": 1}


@pytest.mark.parametrize("plan", [{}, {(verb, nth): wire for verb in ("submit", "status", "result") for nth, wire in
                                       zip(range(3, 60, 3), [Wire.REPLY_LOST, Wire.BUSY, Wire.NOT_SENT] * 7,
                                           strict=False)}], ids=["quiet", "bad wire"])
def test_a_whole_loop_takes_its_course_and_buys_nothing_twice(eager, plan):
    qpu = remote(plan)
    wish = Speculation(width=4, budget=8.0, qpu_value=0.0, remote=True)
    found = {}
    for name, target, speculate in (("far", qpu, wish), ("near", "exact", None)):
        with runtime(target, sound=False) as platform, qloop.Session("vqe", runtime=platform, shots=None) as session:
            found[name] = session.minimize(circuit(), ENERGY, START, optimizer="nelder-mead", maxiter=10,
                                           speculate=speculate, progress=False)
            if name == "far":
                digests = Counter(one.row.digest for one in platform.store.intents() if one.state.value == "done")
    assert found["far"].x.tobytes() == found["near"].x.tobytes()
    assert set(digests.values()) == {1}
    assert found["far"].speculation.hits > 0
    assert found["far"].nfev - 2 <= qpu.provider.bought == len(digests)


def test_a_guess_at_a_provider_does_not_outlive_its_run(tmp_path):
    """Its session is left to be resumed: nobody may ever ask for it, so it is dropped there, and accounted for."""
    options = {"journal": str(tmp_path / "j.db"), "prices": PRICE}
    qpu = ScriptedRemoteQpu(Provider(None, queue=1, file=tmp_path / "p"), seconds=1.5)
    platform = qloop.Runtime(qpus=(qpu,), **options)
    session, objective = opened(platform)
    qpu.provider.queue = 300
    guess(platform, session, objective)
    until(lambda: qpu.provider.read().calls["submit"] == 2)
    session.__exit__(KeyboardInterrupt)
    platform.close()
    assert [task.phase for task in qpu.provider.read().tasks] == ["done", "cancelled"]
    with qloop.Runtime(qpus=(qpu,), run=platform.run, resume=True, **options) as later:
        states = [intent.state.value for intent in later.store.intents()]
    assert states == ["done", "abandoned"]
