"""Convergence and its cost on traces small enough to be computed by hand."""

import pytest
from trace_script import Script

from qloop.errors import InvalidInput
from qloop.trace import schema as ev
from qloop.trace.metrics.convergence import convergence, survival
from qloop.trace.metrics.cost import cost
from qloop.trace.metrics.drift import drift


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


def descent(values, session="s", script=None, opened=0.0, tenant="t1", optimum=None):
    """A loop with one iteration a second whose noiseless energies are given."""
    script = script or Script(qpus=("A", "B", "C"), horizon_s=30)
    script.open(opened, session, tenant=tenant, optimum=optimum)
    for k, value in enumerate(values):
        at = opened + 1 + k
        script.step(session, k, p=at - 0.5, b=at - 0.4, e=at - 0.1, r=at, exact=value, measured=value + 0.25)
    return script


def by_rule(found):
    return {row.rule: row for row in found}


def test_convergence_needs_five_in_a_row():
    # E0 = 0, E* = -10: q=.90 asks for <= -9. k=2,3 hold, k=4 does not, k=5..9 do: five in a row begin at k=5,
    # whose result came at 6 s. q=.95 (<= -9.5) is met by k=6..10 (7 s); q=.99 (<= -9.9) never.
    script = descent([0, -5, -9, -9.2, -8, -9.1, -9.5, -9.6, -9.6, -9.6, -9.7])
    found = by_rule(convergence(script.trace(), {"s": -10.0}))
    reached = [(row.each[0].seconds, row.each[0].k) for row in found.values()]
    assert reached[:3] == [(close(6), 5), (close(7), 6), (None, None)]
    assert (found["q=0.99"].converged, found["q=0.99"].each[0].observed_s) == (0, close(30))
    assert (found["q=0.99"].median_s, found["q=0.99"].restricted_mean_s) == (None, close(30))


def test_the_rule_of_the_paper_looks_at_the_change():
    # |dE| is 5, 4, .2, 1.2, 1.1, ... and first below .05 between k=7 and k=8, whose result came at 9 s.
    script = descent([0, -5, -9, -9.2, -8, -9.1, -9.5, -9.6, -9.6, -9.6])
    row = by_rule(convergence(script.trace()))["paper"]
    assert (row.each[0].k, row.each[0].seconds) == (8, close(9))


def test_a_known_optimum_in_the_trace_is_used_and_an_unknown_one_is_left_out():
    script = descent([0] + [-1] * 6, optimum=-1.0)
    script = descent([0] + [-1] * 6, "u", script, opened=2.0)
    found = by_rule(convergence(script.trace()))
    assert (found["q=0.99"].loops, found["q=0.99"].converged, found["paper"].loops) == (1, 1, 2)
    assert by_rule(convergence(script.trace(), {"u": -1.0}))["q=0.99"].loops == 2


def test_what_the_horizon_cuts_off_is_censored():
    script = Script(horizon_s=4)
    row = by_rule(convergence(descent([0] + [-1] * 6, script=script).trace(), {"s": -1.0}))["q=0.90"]
    # Five in a row from k=1 (2 s) are complete only at 6 s, but the first of them is what counts, and it was seen.
    assert row.each[0].seconds == close(2)
    late = descent([0, 0, 0, 0] + [-1] * 6, script=Script(horizon_s=4))
    assert by_rule(convergence(late.trace(), {"s": -1.0}))["q=0.90"].converged == 0


def test_energies_told_at_the_end_of_an_iteration_go_first():
    script = descent([0] + [0] * 6)
    for k in range(7):
        script.add(ev.IterationEnd, 1.25 + k, session="s", iteration=k, energy=9.0, noiseless=0.0 if k == 0 else -1.0)
    row = by_rule(convergence(script.trace(), {"s": -1.0}))["q=0.99"]
    assert (row.each[0].k, row.each[0].seconds) == (1, close(2.25))


def test_an_energy_that_is_not_a_number_is_no_energy():
    script = descent([0, float("nan"), -1, -1, -1, -1, -1], optimum=-1.0)
    row = by_rule(convergence(script.trace()))["q=0.99"]
    assert (row.each[0].k, row.each[0].seconds) == (2, close(3))
    assert drift(script.trace()).energy_bias == close(0.25)


def test_the_survival_curve_of_a_textbook():
    # Six loops: converged at 1, 3, 3, 7, censored at 4, 9. S(1) = 5/6; S(3) = 5/6 * 3/5 = 1/2; S(7) = 1/2 * 1/2.
    curve = survival([1, 3, 3, 4, 7, 9], [True, True, True, False, True, False])
    assert curve == [(1, close(5 / 6)), (3, close(1 / 2)), (7, close(1 / 4))]


def test_cost_to_solution():
    # s converges at k=1 (2 s): it has run k=0 and k=1, .3 s each, and a squashed guess of 1 s before; then 5 x .3 more.
    script = descent([0] + [-1] * 6, optimum=-1.0)
    script.add(ev.SpeculationLaunched, 0, session="s", iteration=5, task="x")
    script.run("s", 5, 0.1, 1.1, task="x", qpu="B", speculative=True)
    script.add(ev.SpeculationSquashed, 2, session="s", iteration=5, task="x", reason="budget")
    descent([0] * 4, "never", script, opened=10.0, optimum=-1.0)
    found = cost(script.trace(), price_per_second=2.0)
    assert (found.rule, found.converged) == ("q=0.95", 1)
    assert (found.seconds_to_solution, found.money_to_solution) == (close(1.6), close(3.2))
    assert found.qpu_seconds == close(7 * 0.3 + 1 + 4 * 0.3)
    assert (found.seconds_all_in, found.money_all_in) == (close(4.3), close(8.6))
    none = cost(descent([0] * 3, optimum=-1.0).trace())
    assert (none.converged, none.seconds_to_solution, none.money_all_in) == (0, None, None)
    with pytest.raises(InvalidInput, match=r"no convergence rule 'q=0\.5'.*q=0\.90"):
        cost(script.trace(), rule="q=0.5")
