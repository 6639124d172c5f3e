"""Values of squashed guesses: asked for after all, they are not bought again, and no course changes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.session import Session
from qloop.loops.speculation.options import Speculation
from qloop.runtime import guesses
from qloop.runtime.client import Stake
from qloop.runtime.embedded import Runtime
from qloop.testing.virtual import virtual_runtime
from qloop.trace.check import check

from .courses import TWIN, circuit, observable, run

SURE = Stake(probability=1.0, lead_s=10.0, budget=100.0)


def theta(k: int) -> np.ndarray:
    return np.full((1, 4), 0.1 * (k + 1))


@pytest.fixture
def opened():
    """A session on a twin with one evaluation behind it."""
    with virtual_runtime((TWIN,), seed=5) as runtime:
        session = Session("s", runtime=runtime, qpu=TWIN, shots=100)
        objective = session.objective(circuit(), observable())
        objective(np.zeros(4))
        yield runtime, session, objective
        session.close()
    check(runtime.trace())


def squashed(runtime, session, objective, k=0, reason="theta_mismatch"):
    """A guess that has its values and is not wanted."""
    ticket = runtime.speculate(session.id, objective.structure, theta(k), 100, SURE)
    runtime.run_until(lambda: ticket.done)
    runtime.squash(ticket, reason)
    return ticket


def plain_value(k=0) -> float:
    with virtual_runtime((TWIN,), seed=5) as runtime:
        session = Session("s", runtime=runtime, qpu=TWIN, shots=100)
        objective = session.objective(circuit(), observable())
        objective(np.zeros(4))
        value = objective(theta(k)[0])
        session.close()
    return value


@pytest.mark.parametrize("reason", ["theta_mismatch", "budget", "session_closed"])
def test_a_squashed_guess_that_is_asked_for_later_is_not_bought_again(opened, reason):
    runtime, session, objective = opened
    squashed(runtime, session, objective, reason=reason)
    before, used = runtime.now_s(), session.usage()["billed_s"]
    outcome = objective.submit(theta(0)[0]).outcome()
    assert (outcome.source, outcome.values[0]) == ("memo", plain_value())
    assert runtime.now_s() == before
    assert outcome.cost.billed_s == 0.0
    assert session.usage()["billed_s"] == used
    told = runtime.speculated(session.id)
    assert (told.reused, told.committed, told.squashed) == (1, 0, {reason: 1})
    assert Counter(call.outcome for call in runtime.store.calls(session=session.id)) == {"done": 1, "squashed": 1}
    assert len(runtime.store.results(session.id)) == 2, "now it is a result, and a crash keeps it"


def test_asked_for_again_it_is_another_evaluation(opened):
    """The second time that the same angles are asked for has another number, and its own shots."""
    runtime, session, objective = opened
    squashed(runtime, session, objective)
    first, second = (objective.submit(theta(0)[0]).outcome() for _ in range(2))
    assert (first.source, second.source) == ("memo", "qpu")


def test_it_is_not_guessed_again_either(opened):
    runtime, session, objective = opened
    ticket = squashed(runtime, session, objective)
    again = runtime.speculate(session.id, objective.structure, theta(0), 100, SURE)
    assert again is ticket
    runtime.squash(again, "theta_mismatch")
    told = runtime.speculated(session.id)
    assert (told.launched, told.squashed) == (1, {"theta_mismatch": 1})
    assert objective.submit(theta(0)[0]).outcome().source == "memo"


def test_an_older_calibration_does_not_count(opened):
    runtime, session, objective = opened
    squashed(runtime, session, objective)
    squashed(runtime, session, objective, 1)
    runtime.parts.quantum.epochs[TWIN] += 1
    again = runtime.speculate(session.id, objective.structure, theta(1), 100, SURE)
    assert not again.squashed
    assert again.launched_ns == runtime.timers.clock.now()
    assert objective.submit(theta(0)[0]).outcome().source == "qpu"
    assert runtime.speculated(session.id).reused == 0


def test_only_so_many_are_kept(opened, monkeypatch):
    monkeypatch.setattr(guesses, "SPARE", 3)
    runtime, session, objective = opened
    for k in range(5):
        squashed(runtime, session, objective, k)
    assert len(runtime.sessions.books[session.id].spare) == 3
    assert [objective.submit(theta(k)[0]).outcome().source for k in range(5)] == ["qpu"] * 2 + ["memo"] * 3


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 9), budget=st.sampled_from([1.0, 8.0]), think=st.sampled_from([2.0, 7.0]))
def test_no_evaluation_takes_a_qpu_to_its_end_twice(seed, budget, think):
    """Over a whole loop, whatever is guessed, squashed, and guessed again; and the course is the one without."""
    wish = Speculation(depth=3, width=8, budget=budget, predictor="past", qpu_value=0.0)
    course, runtime = run(wish, seed=seed, think=think, maxiter=15)
    assert course == run(None, maxiter=15)[0]
    done = Counter(attempt.task.name.partition("+")[0] for attempt in runtime.trace().index.attempts if attempt.done)
    assert set(done.values()) == {1}


def test_a_crash_loses_them_and_nothing_else(tmp_path):
    """What nobody asked for is not in the journal: the next life buys it, and finds the same value."""
    options = {"qpus": (TWIN,), "clock": "virtual", "seed": 5, "journal": tmp_path / "j.db"}
    first = Runtime(**options)
    session = Session("s", runtime=first, qpu=TWIN, shots=100)
    objective = session.objective(circuit(), observable())
    objective(np.zeros(4))
    for k in (0, 1):
        squashed(first, session, objective, k)
    wanted = objective.submit(theta(1)[0]).outcome()
    first.close()
    with Runtime(**options, run=first.run, resume=True) as second:
        session = Session("s", runtime=second, qpu=TWIN, shots=100)
        objective = session.objective(circuit(), observable())
        objective(np.zeros(4))
        lost, kept = (objective.submit(theta(k)[0]).outcome() for k in (0, 1))
        session.close()
    assert (lost.source, kept.source) == ("qpu", "journal")
    assert (lost.values[0], kept.values) == (plain_value(), wanted.values)

