"""The planner finds the optimum that Erlang's formulas give, says when there is none, and what stands in the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.capacity.bounds import Bounds, CapacityPrices, Point
from qloop.simulator.capacity.erlang import erlang_b, erlang_c, mean_wait, servers_for, wait_quantile
from qloop.simulator.capacity.goals import MET, MISSED, UNDECIDED, parse_goals
from qloop.simulator.capacity.judging import Judge
from qloop.simulator.capacity.plan import Plan, plan_capacity
from qloop.simulator.capacity.search import Search, frontier
from qloop.simulator.platform import result as r
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Constant, Exponential
from qloop.simulator.workload.sessions import SessionModel
from tests.simulator.analysis.made import S, queue, replication

QPUS = tuple(range(1, 21))
LOOK = Scenario(policy="fifo", duration_s=600.0, warmup_s=60.0)


def of_load(load: float, mean_s: float = 1.0) -> Callable[[Any, int], r.Replication]:
    """M/M/Q: one quantum task a session, next to no classical work."""
    return lambda scenario, number: queue(scenario, number, rate=load / mean_s, mean_s=mean_s)


def planned(load: float, *goals: str, bounds: Bounds | None = None, **other: Any) -> Plan:
    return plan_capacity(LOOK, goals, bounds or Bounds((1,), (1e9,), QPUS), run=of_load(load), **other)


FORMULAS = {"wait_mean": lambda c, load: mean_wait(c, load, 1.0), "waited": erlang_c,
            "wait_p95": lambda c, load: wait_quantile(c, load, 1.0, 0.95)}


@pytest.mark.parametrize(("load", "best"), [(0.6, 2), (0.6, 3), (2.5, 4), (2.5, 5), (4.3, 6), (7.7, 10), (12.2, 15)])
@pytest.mark.parametrize("quantity", FORMULAS)
def test_on_m_m_c_the_answer_is_erlangs_optimum(load: float, best: int, quantity: str) -> None:
    """The bound lies between what the formula says of the best and of one QPU less, as far from either."""
    formula = FORMULAS[quantity]
    above, below = formula(best - 1, load), formula(best, load)
    bound = (above * below) ** 0.5 if below > 0.0 and np.isfinite(above) else min(above, 1e9) / 4
    assert next(c for c in QPUS if formula(c, load) < bound) == best
    goal = f"{quantity} < {bound:.6g}"
    plan = planned(load, goal)
    assert plan.answer is not None
    assert plan.answer.point == Point(1, 1e9, best)
    assert plan.answer.status == MET
    # what is one step cheaper was judged and does not meet the goal
    assert [one.point.qpus for one in plan.cheaper] == ([best - 1] if best > 1 else [])
    assert all(one.status == MISSED for one in plan.cheaper)
    assert plan.answer.per_hour == 3600 * (best + 0.001)
    assert (plan.worse, plan.why_not()) == ((), "")


def line(load: float) -> Scenario:
    """The same on the platform model."""
    return dataclasses.replace(LOOK, duration_s=2000.0, arrivals=Poisson(every_s=1 / load), sessions=SessionModel(
        sizes=(4,), pre=Constant(0.0), post=Constant(0.0), classical=Constant(1e-6), quantum=Exponential(1.0),
        iterations=Constant(1)))


@pytest.mark.ci
@pytest.mark.parametrize(("load", "best"), [(0.6, 2), (2.5, 5), (7.7, 10), (12.2, 15), (40.0, 44)])
def test_the_platform_model_gives_erlangs_optimum_too(load: float, best: int) -> None:
    bound = (mean_wait(best - 1, load, 1.0) * mean_wait(best, load, 1.0)) ** 0.5
    plan = plan_capacity(line(load), [f"wait_mean < {bound:.6g}"], Bounds((1, 2, 3), (1e9, 2e9), tuple(range(1, 61))))
    assert plan.answer is not None
    assert plan.answer.point == Point(1, 1e9, best)
    assert {one.status for one in plan.cheaper} == {MISSED}


def test_the_search_begins_near_the_answer() -> None:
    """Of 1,000 numbers of QPUs only a few are judged, the formula's first of all after the largest."""
    plan = planned(7.7, "wait_mean < 0.3 s", bounds=Bounds((1, 2, 3, 4), (1e9, 2e9), tuple(range(1, 1001))))
    assert plan.answer is not None
    assert plan.answer.point == Point(1, 1e9, next(c for c in QPUS if mean_wait(c, 7.7, 1.0) < 0.3))
    assert len(plan.judged) <= 8


def test_a_bound_on_the_value_itself_is_undecided_and_said() -> None:
    """The goal is what 5 QPUs do on average: no number of replications decides that soon."""
    runs = [np.mean([queue(dataclasses.replace(LOOK, qpus=(dataclasses.replace(LOOK.qpus[0], count=5),)), n,
                           rate=4.3, mean_s=1.0).waited_ns.mean() / S for n in range(40)])]
    plan = planned(4.3, f"wait_mean < {runs[0]:.3f} s", most=40)
    at_five = next(one for one in plan.judged if one.point.qpus == 5)
    assert (at_five.status, at_five.replications) == (UNDECIDED, 40)
    assert plan.answer is not None
    assert plan.answer.point.qpus == 6
    assert "undecided after 40 replications, the cheapest C = 1, S = 1e+09, Q = 5" in plan.notes()[0]


def test_no_platform_meets_the_goals_and_the_binding_one_is_told() -> None:
    plan = planned(7.7, "wait_mean < 0.3 s", "drop < 5 %", bounds=Bounds((1, 2), (1e9,), (1, 2, 3, 4)))
    assert plan.answer is None
    assert [str(goal) for goal in plan.binding] == ["wait_mean < 0.3 s"]
    assert "the largest misses 'wait_mean < 0.3 s'" in plan.why_not()
    assert len(plan.judged) <= 4


def test_the_binding_goal_of_an_answer_is_the_one_that_the_cheaper_platform_misses() -> None:
    plan = planned(7.7, "wait_mean < 0.3 s", "drop < 5 %")
    assert [str(goal) for goal in plan.binding] == ["wait_mean < 0.3 s"]


def table(least: dict[int, int], speeds: dict[float, int]) -> Callable[[Any, int], r.Replication]:
    """Refuses nobody from `least[C]` QPUs on (less with a faster worker), everybody below."""
    def run(scenario: Any, number: int) -> r.Replication:
        wanted = least[scenario.classical.workers] - speeds[scenario.classical.capacity]
        refused = scenario.n_qpus < wanted
        return replication(number, scenario, arrival_ns=np.arange(400) * S, left_ns=np.arange(400) * S,
                           outcome=np.full(400, r.REFUSED if refused else r.DONE))
    return run


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=1, max_size=6), st.integers(0, 3), st.floats(0.01, 4.0),
       st.floats(0.01, 4.0))
def test_on_any_staircase_the_answer_is_the_cheapest(steps: list[int], gain: int, qpu: float, worker: float) -> None:
    """A monotone table of what is needed, against looking at all platforms."""
    least = dict(enumerate(sorted(steps, reverse=True), 1))
    speeds = {1e9: 0, 2e9: gain}
    prices = CapacityPrices(qpu, worker)
    bounds = Bounds(tuple(least), tuple(speeds), tuple(range(1, 11)))
    plan = plan_capacity(dataclasses.replace(LOOK, duration_s=400.0, warmup_s=0.0), ["drop < 1 %"], bounds,
                         run=table(least, speeds), prices=prices, first=2, most=4)
    able = [Point(c, s, q) for c in least for s in speeds for q in bounds.qpus if q >= least[c] - speeds[s]]
    if not able:
        assert plan.answer is None
        return
    cost, *_ = best = min((prices.per_hour(one), one.qpus, one.workers, one.speed) for one in able)
    assert plan.answer is not None
    found = plan.answer.point
    assert (plan.answer.per_hour, found.qpus, found.workers, found.speed) == best
    assert all(one.status != MET for one in plan.judged if one.per_hour < cost)
    assert frontier(list(plan.judged))[0].point == found


def test_where_more_workers_do_harm_every_cheaper_platform_is_judged() -> None:
    """With one worker 3 QPUs do, with two it takes 6 and with three none do: as in the paper's C study."""
    run = table({1: 3, 2: 6, 3: 99}, {1e9: 0})
    bounds = Bounds((1, 2, 3), (1e9,), tuple(range(1, 9)))
    look = dataclasses.replace(LOOK, duration_s=400.0, warmup_s=0.0)
    plan = plan_capacity(look, ["drop < 1 %"], bounds, run=run, first=2, most=4)
    assert plan.answer is not None
    assert plan.answer.point == Point(1, 1e9, 3)
    assert "More is not always better here" in plan.notes()[0]
    assert sum(one.per_hour < plan.answer.per_hour for one in plan.judged) == 6


def test_a_goal_on_use_is_searched_in_order_of_cost() -> None:
    """More QPUs are less busy: between a wait that is short and QPUs that work there may be nothing."""
    plan = planned(4.3, "wait_mean < 0.5 s", "qpu_busy > 60 %")
    assert plan.answer is not None
    assert plan.answer.point.qpus == 6
    none = planned(4.3, "wait_mean < 0.05 s", "qpu_busy > 80 %", bounds=Bounds((1,), (1e9,), tuple(range(1, 11))))
    assert none.answer is None
    assert none.why_not()


def test_a_share_that_was_never_seen_is_not_taken_for_impossible() -> None:
    """Nobody was refused among some 2,700 x 4 sessions: that is no proof of less than 1 in 100,000."""
    plan = planned(2.5, "drop < 0.001 %", first=2, most=4)
    assert plan.answer is None
    assert {one.status for one in plan.judged} == {UNDECIDED}
    assert "some are undecided" in plan.why_not()


def test_the_same_draws_for_all_and_the_same_plan_again() -> None:
    seen: dict[int, set[bytes]] = {}

    def run(scenario: Any, number: int) -> r.Replication:
        made = of_load(2.5)(scenario, number)
        seen.setdefault(number, set()).add(made.arrival_ns.tobytes())
        return made

    first, second = (plan_capacity(LOOK, ["waited < 15 %"], Bounds((1,), (1e9,), QPUS), run=run) for _ in range(2))
    assert all(len(draws) == 1 for draws in seen.values())
    # as text, since nan is not nan
    assert repr(dataclasses.replace(first, seconds=0.0)) == repr(dataclasses.replace(second, seconds=0.0))


def test_what_the_answer_depends_on_is_told() -> None:
    """60 servers that fill within 100 s: the warm-up is too short, and half of the run would say less."""
    look = dataclasses.replace(LOOK, duration_s=600.0, warmup_s=0.0)

    def run(scenario: Any, number: int) -> r.Replication:
        return queue(scenario, number, rate=0.5, mean_s=100.0, room=0)

    told = plan_capacity(look, ["drop < 20 %"], Bounds((1,), (1e9,), tuple(range(40, 60))), run=run).notes()
    assert any("the warm-up of 0 s is too short" in note for note in told)
    assert any("drop depends on the length of the run" in note for note in told)
    calm = dataclasses.replace(look, duration_s=20_000.0, warmup_s=2000.0)
    assert plan_capacity(calm, ["drop < 20 %"], Bounds((1,), (1e9,), (60,)), run=run).notes() == []
    late = dataclasses.replace(look, duration_s=1500.0, warmup_s=1000.0)
    told = plan_capacity(late, ["drop < 20 %", "mean < 150 s"], Bounds((1,), (1e9,), (60,)), run=run).notes()
    assert any("of the admitted sessions had not finished" in note for note in told)


def test_erlangs_formulas_are_those_of_the_textbook() -> None:
    assert erlang_b(1, 1.0) == pytest.approx(1 / 2)
    assert erlang_b(2, 1.0) == pytest.approx(1 / 5)
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert mean_wait(1, 0.5, 2.0) == pytest.approx(2.0)
    assert wait_quantile(1, 0.5, 1.0, 0.95) == pytest.approx(np.log(10) / 0.5)
    assert wait_quantile(9, 0.5, 1.0, 0.95) == 0.0
    assert (erlang_c(2, 2.0), mean_wait(2, 3.0, 1.0)) == (1.0, np.inf)


@given(st.floats(0.1, 40.0), st.floats(0.01, 0.9))
def test_servers_by_formula_are_the_least_that_do(load: float, bound: float) -> None:
    goals = parse_goals([f"wait_mean < {bound} s"])
    c = servers_for(goals, load, 1.0, 1000)
    assert mean_wait(c, load, 1.0) < bound
    assert c == 1 or mean_wait(c - 1, load, 1.0) >= bound


def test_what_cannot_be_planned_is_told() -> None:
    with pytest.raises(InvalidInput, match="2 to 1 replications"):
        planned(1.0, "drop < 5 %", first=2, most=1)
    with pytest.raises(InvalidInput, match="No session arrives"):
        plan_capacity(LOOK, ["drop < 5 %"], Bounds((1,), (1e9,), (1,)), run=lambda s, n: replication(n, s))
    with pytest.raises(UnknownName, match="no price for workers"):
        planned(1.0, "drop < 5 %", bounds=Bounds((1,), (2e9,), (1,)), prices=CapacityPrices(by_speed={1e9: 1.0}))
    judge = Judge(LOOK, parse_goals(["qpu_busy > 5 %"]), CapacityPrices(), of_load(1.0))
    with pytest.raises(InvalidInput, match="Each of 6,000 platforms"):
        Search(judge, Bounds((1, 2), (1e9,), tuple(range(1, 3001))), lambda speed: (1, 1)).run()
