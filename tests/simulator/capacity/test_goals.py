"""Goals, ranges and prices as they are written, and what is said about those that make no sense."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.statistics import Interval
from qloop.simulator.capacity.bounds import (
    Bounds,
    CapacityPrices,
    Point,
    parse_counts,
    parse_price,
    parse_speeds,
    parse_worker_prices,
    platform,
)
from qloop.simulator.capacity.goals import MET, MISSED, UNDECIDED, Goal, parse_goal, parse_goals
from qloop.simulator.platform.parts import QpuKind
from qloop.simulator.scenario import Scenario


@pytest.mark.parametrize(("said", "goal"), [
    ("drop < 5 %", Goal("drop", "<", 0.05)),
    ("p95<2h", Goal("time_p95", "<", 7200.0)),
    ("  wait_mean <= 1 min 30 s ", Goal("wait_mean", "<=", 90.0)),
    ("throughput >= 6 /h", Goal("throughput", ">=", 6 / 3600)),
    ("qpu_busy > 60 %", Goal("qpu_busy", ">", 0.6)),
    ("slowdown < 3", Goal("slowdown_mean", "<", 3.0)),
    ("cost_per_session < 12.5", Goal("cost_per_session", "<", 12.5)),
    ("drop <= 0", Goal("drop", "<=", 0.0)),
])
def test_a_goal_is_a_quantity_a_sign_and_a_value_with_its_unit(said: str, goal: Goal) -> None:
    assert parse_goal(said) == goal
    assert parse_goal(str(goal)) == goal


@pytest.mark.parametrize(("said", "told"), [
    ("drop", "is no goal"),
    ("drop = 5 %", "is no goal"),
    ("5 % > drop", "is no goal"),
    ("drop < ", "is no goal"),
    ("drop < 150 %", "value from 0 to 1"),
    ("drop < 5 s", "no unit of a share"),
    ("p95 < 2 furlongs", "no unit of time"),
    ("p95 < nan", "not a number"),
    ("drop < 0 %", "never below 0"),
    ("qpu_busy > 100 %", "never above 100 %"),
    ("p95 < -3 s", "at least 0"),
])
def test_what_is_no_goal_is_told(said: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        parse_goal(said)


def test_an_unknown_quantity_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no quantity named 'dorp'\. Did you mean 'drop'"):
        parse_goal("dorp < 5 %")


def test_goals_that_contradict_each_other_are_refused() -> None:
    for said in (["drop < 5 %", "drop > 10 %"], ["p95 < 1 h", "time_p95 >= 1 h"], ["p95 <= 1 h", "p95 > 1 h"]):
        with pytest.raises(InvalidInput, match="contradict each other"):
            parse_goals(said)
    assert len(parse_goals(["qpu_busy > 50 %", "qpu_busy < 90 %"])) == 2
    assert len(parse_goals(["p95 <= 1 h", "p95 >= 1 h"])) == 2
    with pytest.raises(InvalidInput, match="No goal is given"):
        parse_goals([])


@given(st.floats(0, 10), st.floats(0, 3), st.floats(0.01, 10), st.sampled_from(["<", "<=", ">", ">="]))
def test_a_goal_is_met_only_by_the_whole_interval(mean: float, half: float, bound: float, sign: str) -> None:
    goal = Goal("wait_mean", sign, bound)
    holds = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}[sign]
    low, high = mean - half, mean + half
    expected = MET if holds(low, bound) and holds(high, bound) else (
        UNDECIDED if holds(low, bound) or holds(high, bound) else MISSED)
    assert goal.judge(Interval(mean, low, high, 0.95, 10)) == expected


def test_a_quantity_that_does_not_exist_is_a_goal_missed_and_too_few_decide_nothing() -> None:
    goal = Goal("time_p95", "<", 5.0)
    assert goal.judge(Interval(1.0, 0.9, 1.1, 0.95, 9, missing=1)) == MISSED
    assert goal.judge(Interval(1.0, math.nan, math.nan, 0.95, 1)) == UNDECIDED


def test_which_goals_more_capacity_brings_nearer() -> None:
    assert parse_goal("drop < 5 %").monotone
    assert parse_goal("p99 < 1 h").monotone
    assert parse_goal("throughput > 1 /h").monotone
    assert not parse_goal("qpu_busy > 50 %").monotone
    assert not parse_goal("drop > 5 %").monotone
    assert not parse_goal("qpu_idle < 50 %").monotone


def test_ranges_and_lists() -> None:
    assert parse_counts("1..4", "--qpus") == (1, 2, 3, 4)
    assert parse_counts("7", "--qpus") == (7,)
    assert parse_counts("1, 2,8", "--qpus") == (1, 2, 8)
    assert parse_speeds("1e9, 2 Gop/s") == (1e9, 2e9)
    assert Bounds((3, 1, 3), (2e9, 1e9), (1,)) == Bounds((1, 3), (1e9, 2e9), (1,))
    assert len(Bounds((1, 2), (1e9,), (1, 2, 3))) == 6


@pytest.mark.parametrize(("said", "told"), [
    ("9..3", r"empty range.*Write 3\.\.9"), ("0..3", r"Write 1\.\.3"), ("one", "not a number"), ("1..x", "1..x"),
    ("0", "at least 1"), ("1.5", "whole number"), ("1..900000", "has 900,000 values"), ("", "not a number")])
def test_ranges_that_are_none_are_told(said: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        parse_counts(said, "--qpus")


def test_prices() -> None:
    assert parse_price("1.6/s", "--price-qpu") == 1.6
    assert parse_price("96 /min", "--price-qpu") == pytest.approx(1.6)
    prices = CapacityPrices(2.0, 0.5)
    assert prices.per_hour(Point(3, 2e9, 4)) == 3600 * (2 * 4 + 0.5 * 2 * 3)
    _, table = parse_worker_prices("1e9=0.5/s, 2e9=0.6/s")
    assert CapacityPrices(2.0, 0.0, table).per_hour(Point(3, 2e9, 4)) == pytest.approx(3600 * (8 + 1.8))
    with pytest.raises(UnknownName, match="no price for workers of speed named '3e\\+09'"):
        CapacityPrices(2.0, 0.0, table).per_hour(Point(1, 3e9, 1))
    with pytest.raises(InvalidInput, match="without '='"):
        parse_worker_prices("1e9=1/s,2/s")
    with pytest.raises(InvalidInput, match="--price-qpu"):
        parse_price("-1/s", "--price-qpu")


def test_bounds_that_hold_no_platform_or_too_many_are_told() -> None:
    with pytest.raises(InvalidInput, match="qpus to choose from are none"):
        Bounds((1,), (1e9,), ())
    with pytest.raises(InvalidInput, match="Narrow the ranges"):
        Bounds(tuple(range(1, 10_000)), (1e9,), tuple(range(1, 10_000)))


def test_a_platform_is_the_scenario_with_other_numbers() -> None:
    made = platform(Scenario(name="x"), Point(3, 2e9, 5))
    assert (made.classical.workers, made.classical.capacity, made.n_qpus, made.name) == (3, 2e9, 5, "x")
    mixed = Scenario(qpus=(QpuKind(name="old", count=2), QpuKind(name="new")))
    assert platform(mixed, Point(1, 1e9, 5), "new").n_qpus == 7
    with pytest.raises(InvalidInput, match="2 kinds of QPUs: old, new"):
        platform(mixed, Point(1, 1e9, 5))
    with pytest.raises(UnknownName, match="Did you mean 'new'"):
        platform(mixed, Point(1, 1e9, 5), "nwe")
