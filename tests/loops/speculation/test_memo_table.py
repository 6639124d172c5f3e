"""The memo table of a session: what a guess is named by, when its values count, and what is told of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.loops.session import Session
from qloop.policies.speculate import affordable, at_risk, worth
from qloop.runtime.client import Stake
from qloop.runtime.identity import Counter
from qloop.testing.virtual import virtual_runtime
from qloop.trace.check import check
from qloop.trace.metrics.speculation import speculation

from .courses import TWIN, circuit, observable

SURE = Stake(probability=1.0, lead_s=10.0)
THETA = np.full((1, 4), 0.3)


@given(asked=st.lists(st.integers(0, 2), max_size=8), given_back=st.lists(st.integers(0, 2), max_size=4),
       ahead=st.lists(st.integers(0, 2), max_size=4), wanted=st.lists(st.integers(0, 2), min_size=1, max_size=3))
def test_a_guess_has_the_name_that_the_evaluation_will_get(asked, given_back, ahead, wanted):
    """If what is ahead of it is asked for first, and nothing else."""
    counter = Counter(7)
    names = {theta: [] for theta in range(3)}
    for theta in asked:
        names[theta] += counter.identify("s", rows(theta), 10)
    for theta in given_back:
        if names[theta]:
            counter.forget("s", rows(theta), 10, (names[theta].pop(),))
    guessed = counter.peek("s", rows(*wanted), 10, [rows(theta) for theta in ahead])
    for theta in ahead:
        counter.identify("s", rows(theta), 10)
    assert guessed == counter.identify("s", rows(*wanted), 10)


def rows(*thetas: int) -> np.ndarray:
    return np.array([[0.1 * theta, 1.0] for theta in thetas])


@pytest.fixture
def asked():
    """A session on a twin with one evaluation behind it, and the objective's structure."""
    with virtual_runtime((TWIN,), seed=5) as runtime:
        session = Session("s", runtime=runtime, qpu=TWIN, shots=100)
        objective = session.objective(circuit(), observable())
        objective(np.zeros(4))
        yield runtime, session, objective
    check(runtime.trace())


def guess(runtime, session, objective, stake=SURE):
    ticket = runtime.speculate(session.id, objective.structure, THETA, 100, stake)
    assert ticket is not None
    return ticket


def test_the_values_of_a_guess_are_held_back_until_they_are_wanted(asked):
    runtime, session, objective = asked
    ticket = guess(runtime, session, objective)
    runtime.run_until(lambda: ticket.done)
    assert len(runtime.store.results(session.id)) == 1
    before = runtime.now_s()
    future = objective.submit(THETA[0])
    assert future.outcome().source == "memo"
    assert runtime.now_s() == before
    assert len(runtime.store.results(session.id)) == 2
    told = runtime.speculated(session.id)
    assert (told.launched, told.committed, told.open) == (1, 1, 0)
    assert told.masked_s > 0.0
    session.close()


def test_values_of_an_older_calibration_are_not_taken(asked):
    runtime, session, objective = asked
    ticket = guess(runtime, session, objective)
    runtime.run_until(lambda: ticket.done)
    runtime.parts.quantum.epochs[TWIN] += 1
    outcome = objective.submit(THETA[0]).outcome()
    assert (outcome.source, outcome.epoch) == ("qpu", 1)
    assert runtime.speculated(session.id).squashed == {"epoch_change": 1}
    session.close()


def test_a_guess_that_is_asked_for_while_it_runs_goes_on(asked):
    runtime, session, objective = asked
    begun = runtime.now_s()
    ticket = guess(runtime, session, objective)
    length = None
    runtime.later(0.1, lambda: objective.submit(THETA[0]))
    runtime.run_until(lambda: ticket.done)
    length = runtime.now_s() - begun
    assert length < 2.5
    assert ticket.outcome.source == "qpu"
    assert len(runtime.store.results(session.id)) == 2
    session.close()


def test_a_squashed_guess_is_a_call_that_is_paid_for(asked):
    runtime, session, objective = asked
    done = guess(runtime, session, objective)
    runtime.run_until(lambda: done.done)
    runtime.squash(done, "theta_mismatch")
    calls = {(call.task, call.outcome) for call in runtime.store.calls(session=session.id)}
    assert (done.id, "squashed") in calls
    measured = speculation(runtime.trace())
    told = runtime.speculated(session.id)
    assert measured.squashed == told.squashed == {"theta_mismatch": 1}
    assert measured.wasted_s == pytest.approx(told.wasted_s)
    assert objective.submit(THETA[0]).outcome().source == "memo", "what was paid for is not bought again"
    assert len([call for call in runtime.store.calls(session=session.id) if call.task == done.id]) == 1
    session.close()


def test_what_is_not_worth_its_stake_is_not_launched(asked):
    runtime, session, objective = asked
    for stake in (Stake(0.5, 10.0, budget=0.1), Stake(0.5, 0.0, budget=9.0), Stake(0.1, 10.0, 1.0, 5.0, 9.0)):
        assert runtime.speculate(session.id, objective.structure, THETA, 100, stake) is None
    assert runtime.speculated(session.id).launched == 0
    session.close()


@given(p=st.floats(0, 1), masked=st.floats(0, 100), q=st.floats(0, 100), v=st.floats(0.01, 10))
def test_the_launch_rule(p, masked, q, v):
    assert worth(p, masked, v, q, 0.0) == (p * masked * v > 0)
    assert not worth(0.0, masked, v, q, 1.0)
    assert worth(p, masked, v, q, 1.0) <= worth(p, masked + 1.0, v, q, 1.0)      # more to mask never hurts
    assert at_risk(1.0, q) == 0.0
    assert at_risk(0.5, q) == q


@given(wasted=st.floats(0, 100), risked=st.floats(0, 100), useful=st.floats(0, 100), budget=st.floats(0, 4))
def test_the_budget_holds_if_all_that_is_at_risk_is_squashed(wasted, risked, useful, budget):
    if affordable(wasted, risked, useful, budget):
        assert wasted + risked <= budget * useful
