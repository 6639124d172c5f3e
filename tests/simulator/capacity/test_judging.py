"""Verdicts that may be believed: unfinished sessions, refusals that come together, many looks, the best of many."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from qloop.simulator.capacity.bounds import Bounds, CapacityPrices, Point
from qloop.simulator.capacity.goals import MET, MISSED, UNDECIDED, parse_goals
from qloop.simulator.capacity.judging import STRETCHES, Judge, Judged, interval, stretches
from qloop.simulator.capacity.plan import plan_capacity
from qloop.simulator.platform import result as r
from qloop.simulator.scenario import Scenario
from tests.simulator.analysis.made import S, queue, replication, scenario

LOOK = Scenario(policy="fifo", duration_s=600.0, warmup_s=60.0)


def test_sessions_that_are_left_behind_count_in_goals_on_times() -> None:
    """Load 2, last in first out: with one QPU half of the sessions never end, and those that end are fast."""
    def run(scenario: Any, number: int) -> r.Replication:
        return queue(scenario, number, rate=2.0, mean_s=1.0, last_in=True)

    for goal in ("p75 < 60 s", "wait_p75 < 60 s", "mean < 60 s"):
        plan = plan_capacity(LOOK, [goal], Bounds((1,), (1e9,), (1, 2, 3, 4)), run=run)
        assert plan.answer is not None
        assert plan.answer.point.qpus > 1
        (one,) = (one for one in plan.judged if one.point.qpus == 1)
        assert one.status == MISSED
        assert one.row["censored_share"] > 0.3
        assert one.row["time_p75"] < 60.0           # those that finished would have met it


def test_refusals_within_a_stretch_are_one_observation() -> None:
    """400 sessions that all stay to the end say as little of refusals as one."""
    def run(of: Any, number: int) -> r.Replication:
        return replication(number, of, arrival_ns=np.arange(400) * S // 100, left_ns=np.full(400, 599 * S))

    look = dataclasses.replace(LOOK, warmup_s=0.0)
    judge = Judge(look, parse_goals(["drop < 5 %"]), CapacityPrices(), run, first=2, most=4)
    found = judge(Point(1, 1e9, 1))
    assert found.status == UNDECIDED
    assert found.found[0].high == pytest.approx(1.0 - (0.025 / 2) ** (1 / 4))      # Clopper and Pearson, 0 of 4


def test_stretches_are_the_longest_stays_that_fit() -> None:
    of = scenario(duration_s=100.0, warmup_s=20.0)
    arrival = np.array([10, 30, 40, 50, 60, 70, 80, 90]) * S
    assert stretches(replication(0, of, arrival_ns=arrival, left_ns=arrival + 2 * S)) == 7       # as many arrivals
    assert stretches(replication(0, of, arrival_ns=arrival, left_ns=arrival + 16 * S)) == 5
    still = np.where(arrival == 60 * S, r.OPEN, r.DONE)
    assert stretches(replication(0, of, arrival_ns=arrival, left_ns=arrival, outcome=still)) == 2
    assert stretches(replication(0, of)) == 1


class Noise(Judge):
    """Waits that are normal around 1 s; `number` chooses the draws."""

    draws: Any

    def _rows(self, scenario: Any, numbers: range) -> list[dict[str, float]]:
        return [{**dict.fromkeys(EMPTY, 1.0), "wait_mean": float(value)} for value in self.draws[numbers.start:
                                                                                                 numbers.stop]]


EMPTY = ("arrivals", "finished", STRETCHES)


@pytest.fixture
def _few_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qloop.simulator.capacity.judging.MEASURES", {"wait_mean": None})


def noise(draws: Any, goal: str = "wait_mean < 1 s") -> Noise:
    judge = Noise(LOOK, parse_goals([goal]), CapacityPrices(), lambda scenario, number: replication(), told=None)
    judge.draws = draws
    return judge


@pytest.mark.usefixtures("_few_measures")
def test_looking_again_and_again_does_not_raise_the_error() -> None:
    """On the border itself "met" is wrong, in at most 2.5 %: intervals of 95 % at each of 5 looks say it in 8 %."""
    draws = np.random.Generator(np.random.Philox(key=8)).normal(1.0, 0.3, (1000, 160))
    found = [noise(row)(Point(1, 1e9, 1)).status for row in draws]
    assert found.count(MET) / len(found) <= 0.03
    assert found.count(MISSED) / len(found) <= 0.03
    assert found.count(MET) > 0


@pytest.mark.usefixtures("_few_measures")
def test_one_look_has_the_whole_error() -> None:
    judge = noise(np.zeros(4))
    assert judge.level == pytest.approx(0.99)
    assert Judge(LOOK, judge.goals, judge.prices, judge.run, 10, 10).level == pytest.approx(0.95)
    assert Judge(LOOK, judge.goals, judge.prices, judge.run, 10, 25).level == pytest.approx(1 - 0.05 / 3)
    assert interval([{"wait_mean": 1.0, "arrivals": 1.0}] * 3, judge.goals[0]).level == 0.95


@pytest.mark.usefixtures("_few_measures")
def test_what_met_the_goal_by_chance_is_not_confirmed() -> None:
    """The first 160 numbers are lucky, those after them are not: undecided, and not missed."""
    spread = np.random.Generator(np.random.Philox(key=9)).normal(0.0, 0.01, 320)
    told: list[Judged] = []
    for later, status in ((0.5, MET), (2.0, UNDECIDED)):
        judge = noise(spread + np.where(np.arange(320) < 160, 0.5, later))
        judge.told = told.append
        assert judge(Point(1, 1e9, 1)).status == MET
        again = judge.confirm(Point(1, 1e9, 1))
        assert (again.status, again.replications, again.confirmed) == (status, 20, True)
        assert again.found[0].mean == pytest.approx(later, abs=0.02)
        assert judge.judged[Point(1, 1e9, 1)] is again is told[-1] is judge.confirm(Point(1, 1e9, 1))


def test_the_search_goes_on_where_the_answer_is_not_confirmed() -> None:
    """2 QPUs refuse nobody in the replications of the search, and half of the sessions in others."""
    def run(of: Any, number: int) -> r.Replication:
        bad = of.n_qpus < 2 or (of.n_qpus == 2 and number >= 40)
        outcome = np.where(np.arange(400) % 2 < bad, r.REFUSED, r.DONE)
        return replication(number, of, arrival_ns=np.arange(400) * S, left_ns=np.arange(400) * S, outcome=outcome)

    look = dataclasses.replace(LOOK, duration_s=400.0, warmup_s=0.0)
    plan = plan_capacity(look, ["drop < 5 %"], Bounds((1,), (1e9,), (1, 2, 3, 4)), run=run, most=40)
    assert plan.answer is not None
    assert (plan.answer.point.qpus, plan.answer.confirmed) == (3, True)
    assert plan.answer in plan.judged
    assert [(one.point.qpus, one.status) for one in plan.cheaper] == [(2, UNDECIDED)]
    assert "undecided" in plan.notes()[0]
