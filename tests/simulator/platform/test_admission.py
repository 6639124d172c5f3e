"""Who is refused: two rules by hand, and the bound on open sessions as Erlang's loss formula."""

from __future__ import annotations

import math

import pytest

from qloop.simulator.platform.parts import Admission, Classical
from qloop.simulator.platform.result import DONE, REFUSED
from qloop.simulator.workload.distributions import Constant, Distribution, Exponential, LogNormal

from .plain import compiled, plain
from .stage import long, near, ns, sessions, small


def erlang_b(servers: int, load: float) -> float:
    """The probability that all servers are busy in M/G/c/c (Erlang 1917; insensitive to the law of service)."""
    terms = [load**k / math.factorial(k) for k in range(servers + 1)]
    return terms[-1] / sum(terms)


@pytest.mark.parametrize("law", [Exponential(4.0), Constant(4.0), LogNormal(4.0, 8.0)], ids=lambda law: law.kind)
def test_a_bound_on_open_sessions_is_erlangs_loss_formula(law: Distribution) -> None:
    """Four erlangs on room for five, whatever the law of a session's length."""
    scenario = long(40_000.0, admission=Admission(max_sessions=5), sessions=sessions(quantum=0.0, classical=law))
    runs = [compiled(scenario, number) for number in range(16)]
    refused = [float((run.outcome == REFUSED)[run.counted()].mean()) for run in runs]
    assert near(refused, erlang_b(5, 4.0))
    assert max(run.widest for run in runs) == 5


def outcomes(admission: Admission, *times: float, **more: object) -> list[int]:
    return plain(small(*times, admission=admission, **more)).outcome.tolist()


def test_classical_tasks_have_reached_the_bound_or_exceed_it() -> None:
    """Two compute when the third comes: reached 2, and not exceeded; the fourth meets 3."""
    model = sessions(classical=10.0, quantum=0.0)
    times = (0.0, 1.0, 2.0, 3.0)
    assert outcomes(Admission(max_classical=2), *times, sessions=model) == [DONE, DONE, REFUSED, REFUSED]
    paper = Admission(max_classical=2, rule="paper")
    assert outcomes(paper, *times, sessions=model) == [DONE, DONE, DONE, REFUSED]


def test_waiting_quantum_tasks_have_reached_the_bound_or_all_of_them_exceed_it() -> None:
    """One runs and the others wait: compatible counts what waits, the paper what waits and what runs."""
    model = sessions(quantum=100.0)
    times = (0.0, 1.0, 2.0, 3.0, 4.0)
    assert outcomes(Admission(max_quantum=2), *times, sessions=model) == [DONE, DONE, DONE, REFUSED, REFUSED]
    paper = Admission(max_quantum=2, rule="paper")
    assert outcomes(paper, *times, sessions=model) == [DONE, DONE, DONE, REFUSED, REFUSED]
    assert outcomes(Admission(max_quantum=1), *times, sessions=model) == [DONE, DONE, REFUSED, REFUSED, REFUSED]
    wide = Admission(max_quantum=4, rule="paper")
    assert outcomes(wide, *times, sessions=model) == [DONE] * 5


def test_a_refused_session_leaves_when_it_comes() -> None:
    found = plain(small(0.0, 1.0, admission=Admission(max_sessions=1), sessions=sessions(classical=10.0)))
    assert found.left_ns.tolist() == [ns(11.0), ns(1.0)]
    assert found.steps.tolist() == [1, 0]


def test_a_session_that_waits_in_line_for_a_worker_counts_as_classical() -> None:
    model = sessions(classical=10.0, quantum=0.0)
    bound = Admission(max_classical=2)
    line = Classical(discipline="slots", workers=1)
    assert outcomes(bound, 0.0, 1.0, 2.0, 12.0, sessions=model, classical=line) == [DONE, DONE, REFUSED, DONE]
