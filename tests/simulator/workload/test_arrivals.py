"""Arrival processes: the same arrivals in a longer run, the paper's own, means, and a word about every bad input."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper import workload as paper
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.workload import points, streams
from qloop.simulator.workload.arrivals import MMPP, Arrivals, Closed, Daily, Poisson, Recorded, Renewal, parse, table
from qloop.simulator.workload.distributions import Constant, Empirical, Exponential, Gamma, Pareto

DAY = 86_400 * 10**9
BURSTS = MMPP((2 / 3600, 120 / 3600), (18_000.0, 1_200.0))
CHAIN = MMPP((0.0, 0.01, 0.1), (3_000.0, 600.0, 300.0), ((0.0, 0.5, 0.5), (0.9, 0.0, 0.1), (0.2, 0.8, 0.0)))
HOURS = (0.0,) * 8 + (2.0, 3.0, 4.0, 3.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0) + (0.0,) * 6
WORKDAY = Daily(60.0, profile=HOURS, start_hour=6.5)
OPEN: tuple[Any, ...] = (
    Poisson(60.0), Poisson(60.0, first_at_zero=True), Renewal(Gamma(60.0, 150.0)), Renewal(Constant(60.0)),
    Renewal(Pareto(60.0, 1.5)), BURSTS, CHAIN, WORKDAY, Daily(60.0, amplitude=0.8, start_hour=3.0),
    Daily(60.0, amplitude=1.0), Daily(60.0), Recorded((0.0, 1.0, 5.0, 300.0)),
    Recorded((7.0, 7.0, 9.5, 300.0), repeat=True, speed=1.7, from_first=True))


@given(st.integers(0, 2**40), st.floats(0.5, 5_000.0))
def test_poisson_arrivals_are_those_of_the_papers_model(key: int, every_s: float) -> None:
    there = paper.arrivals(key, every_s, DAY // 10)
    assert np.array_equal(Poisson(every_s, first_at_zero=True).times(key, DAY // 10), there)
    assert np.array_equal(Poisson(every_s).times(key, DAY // 10), there[1:])


@pytest.mark.parametrize("process", OPEN, ids=repr)
@pytest.mark.parametrize("share", [0.011, 0.3, 0.97])
def test_a_longer_run_sees_the_same_arrivals_and_more(process: Any, share: float) -> None:
    long, short = process.times(5, 3 * DAY), process.times(5, int(3 * DAY * share))
    assert long.dtype == np.int64
    assert np.array_equal(short, long[long < int(3 * DAY * share)])
    assert (np.diff(long) >= 0).all()
    assert 0 <= long[0] <= long[-1] < 3 * DAY
    assert np.array_equal(long, pickle.loads(pickle.dumps(process)).times(5, 3 * DAY))


@pytest.mark.parametrize("process", OPEN, ids=repr)
def test_what_is_written_reads_the_same(process: Arrivals) -> None:
    assert parse(table(process)) == process


@pytest.mark.parametrize("process", [one for one in OPEN if not isinstance(one, Recorded)], ids=repr)
def test_keys_and_streams_make_other_arrivals(process: Any) -> None:
    if process == Renewal(Constant(60.0)):
        return
    here = process.times(5, DAY)
    assert not np.array_equal(here[:20], process.times(6, DAY)[:20])
    assert not np.array_equal(here[:20], process.times(5, DAY, stream=99)[:20])


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=30), st.floats(0.1, 100.0))
def test_recorded_arrivals_come_as_they_were(gaps: list[float], speed: float) -> None:
    times = np.cumsum(gaps)
    found = Recorded(tuple(times.tolist()), speed=speed).times(1, 100 * DAY)
    np.testing.assert_allclose(found, times / speed * 1e9, atol=0.51, rtol=1e-15)


def test_recorded_arrivals_repeat_one_mean_gap_after_the_last() -> None:
    once = Recorded((10.0, 20.0, 40.0), repeat=True)
    assert once.period_s == 45.0
    assert (once.times(0, 130 * 10**9) / 1e9).tolist() == [10.0, 20.0, 40.0, 55.0, 65.0, 85.0, 100.0, 110.0]
    twice = dataclasses.replace(once, from_first=True, speed=2.0)
    assert (twice.times(0, 40 * 10**9) / 1e9).tolist() == [0.0, 5.0, 15.0, 22.5, 27.5, 37.5]
    assert once.mean_rate() == 3 / 45.0


def test_what_lies_before_the_first_recorded_arrival_does_not_repeat() -> None:
    late = Recorded((100.0, 110.0, 120.0), repeat=True)
    assert (late.times(0, 165 * 10**9) / 1e9).tolist() == [100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0]
    assert late.mean_rate() == 0.1
    assert len(late.times(0, 100_000_001_000)) == 1
    alone = Recorded((7.0,), repeat=True)
    assert (alone.times(0, 22 * 10**9) / 1e9).tolist() == [7.0, 14.0, 21.0]
    with pytest.raises(InvalidInput, match="They would never end"):
        Recorded((7.0, 7.0), repeat=True, from_first=True)


def test_streams_share_no_draws() -> None:
    names = [getattr(streams, name) for name in streams.__all__]
    assert len(set(names)) == len(names)
    assert min(names) > 1
    n = 20_000
    columns = np.array([uniforms(77, stream, 0, n) for stream in names] + [uniforms(78, streams.ARRIVAL, 0, n)])
    apart = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(apart).max() < 4.5 / math.sqrt(n)


def test_users_of_a_closed_loop_think_whoever_ends_first() -> None:
    closed = Closed(5, Exponential(60.0))
    whole = closed.think_ns(3, 0, 5_000)
    assert np.array_equal(closed.think_ns(3, 1_234, 10), whole[1_234:1_244])
    assert whole.mean() == pytest.approx(60e9, rel=0.06)
    at_once = Closed(5, Exponential(60.0), "zero").think_ns(3, 0, 5_000)
    assert not at_once[:5].any()
    assert np.array_equal(at_once[5:], whole[5:])
    assert np.array_equal(Closed(5, Exponential(60.0), "zero").think_ns(3, 3, 4), at_once[3:7])
    assert (closed.most_rate(), Closed(2, Constant(0.0)).most_rate()) == (5 / 60.0, math.inf)
    assert parse({"kind": "closed", "users": 5, "think": {"kind": "exponential", "mean": "1 min"}}) == closed


@pytest.mark.parametrize(("said", "meant"), [
    ("6 /h", Poisson(600.0)), ({"kind": "poisson", "rate": "6 per hour"}, Poisson(600.0)),
    ({"kind": "poisson", "every": "10 min", "first_at_zero": True}, Poisson(600.0, True)),
    ({"kind": "poisson", "every_s": 600}, Poisson(600.0)),
    ({"kind": "renewal", "gap": {"kind": "gamma", "mean": "1 min", "cv": 2}}, Renewal(Gamma(60.0, 120.0))),
    ({"kind": "renewal", "gap": "1 min"}, Renewal(Constant(60.0))),
    ({"kind": "mmpp", "rates": ["2 /h", "120 /h"], "stays": ["5 h", "20 min"]}, BURSTS),
    ({"kind": "daily", "every": "1 min", "amplitude": "80 %", "peak_hour": 9}, Daily(60.0, amplitude=0.8, peak_hour=9)),
    ({"kind": "recorded", "times": [1, "2 s", "1 min"]}, Recorded((1.0, 2.0, 60.0))), (BURSTS, BURSTS)])
def test_what_people_write(said: Any, meant: Arrivals) -> None:
    assert parse(said) == meant


@pytest.mark.parametrize(("said", "told"), [
    (None, "arrivals is None. Give a rate, or a table"),
    ({"rate": 1}, "arrivals has no kind. Add kind, one of: closed"),
    ("6 /hr", "arrivals.rate is '6 /hr'. '/hr' is no unit of a rate. Did you mean '/h'?"),
    (0, "arrivals.rate is 0. Give a value from 1e-12"), (-1.0, "arrivals.rate is -1.0"),
    (math.nan, "arrivals.rate is nan. It is not a finite number"), (1e30, "arrivals.rate is 1e+30"),
    ({"kind": "poisson"}, "arrivals has no every_s. The poisson arrivals need it"),
    ({"kind": "poisson", "every": 0}, "every_s of the poisson arrivals is 0.0. Give a number from 1e-09"),
    ({"kind": "poisson", "every": 5, "rate": 5}, "both a rate and a time between arrivals"),
    ({"kind": "poisson", "evry": 5}, "arrivals.evry is no parameter of the poisson arrivals. Did you mean 'every_s'?"),
    ({"kind": "poisson", "every": 5, "first_at_zero": "yes"}, "first_at_zero is 'yes'. It is on or off"),
    ({"kind": "renewal", "gap": 0}, "gap of the renewal arrivals is 0 on average"),
    ({"kind": "mmpp", "rates": [1], "stays": [1]}, "have 1 rates and 1 stays"),
    ({"kind": "mmpp", "rates": [1, 2], "stays": [1]}, "have 2 rates and 1 stays"),
    ({"kind": "mmpp", "rates": [0, 0], "stays": [1, 1]}, "are all 0"),
    ({"kind": "mmpp", "rates": [1, "x"], "stays": [1, 1]}, "arrivals.rates, number 2, is 'x'"),
    ({"kind": "mmpp", "rates": [1, 2], "stays": [1, 0]}, "Number 2 of stays_s of the mmpp arrivals is 0.0"),
    ({"kind": "mmpp", "rates": [1, 2], "stays": [1, 1], "transitions": [[0, 1]]}, "is not square"),
    ({"kind": "mmpp", "rates": [1, 2], "stays": [1, 1], "transitions": [[0, 1], [0.5, 0.5]]}, "Row 2 of the mmpp"),
    ({"kind": "mmpp", "rates": [1, 2, 3], "stays": [1, 1, 1], "transitions": [[0, 1, 0], [1, 0, 0], [0, 1, 0]]},
     "do not all lead to each other"),
    ({"kind": "daily", "every": 5, "profile": [1, 2]}, "has 2 factors. Give 24, one for each hour"),
    ({"kind": "daily", "every": 5, "profile": [0] * 24}, "is all 0"),
    ({"kind": "daily", "every": 5, "profile": [1] * 24, "amplitude": 0.5}, "both a profile and an amplitude"),
    ({"kind": "daily", "every": 5, "amplitude": 1.5}, "arrivals.amplitude is 1.5. Give a value from 0 to 1"),
    ({"kind": "daily", "every": 5, "start_hour": 25}, "start_hour of the daily arrivals is 25"),
    ({"kind": "recorded"}, "have no times"),
    ({"kind": "recorded", "times": [3, 1]}, "Row 2 of the recorded arrivals, 1 s,"),
    ({"kind": "recorded", "times": [1], "file": "x.csv"}, "both times and a file"),
    ({"kind": "recorded", "times": [0], "repeat": True}, "They would never end"),
    ({"kind": "recorded", "times": [0, 1], "speed": 0}, "speed of the recorded arrivals is 0"),
    ({"kind": "closed", "users": 0, "think": 1}, "users of the closed arrivals is 0"),
    ({"kind": "closed", "users": 1.5, "think": 1}, "It counts things"),
    ({"kind": "closed", "users": 10**12, "think": 1}, "Give a whole number from 1 to 10000000")])
def test_what_means_nothing_is_told(said: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(said)
    assert told in str(caught.value)


@pytest.mark.parametrize(("said", "near"), [({"kind": "poison"}, "poisson"), ({"kind": "dayly"}, "daily"),
                                            ({"kind": "closed", "users": 1, "think": 1, "start": "zeros"}, "zero")])
def test_unknown_names_come_with_the_nearest(said: Any, near: str) -> None:
    with pytest.raises(UnknownName, match=f"Did you mean '{near}'"):
        parse(said)


@pytest.mark.parametrize("process", [Poisson(1e-4), Renewal(Constant(1e-5)), MMPP((1e4, 1e5), (5.0, 5.0)),
                                     Daily(1e-4), MMPP((1.0, 2.0), (1e-6, 1e-6)), Recorded((0.0, 1e-4), repeat=True)],
                         ids=repr)
def test_more_sessions_than_memory_are_told(process: Any) -> None:
    with pytest.raises(InvalidInput, match=r"sessions would arrive|would change their state"):
        process.times(0, 7 * DAY)


def test_gaps_that_hardly_ever_are_their_mean_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "MOST_ARRIVALS", 30_000)
    rare = Renewal(Empirical((0.0, 1e12), (1e9, 1.0)))
    assert rare.mean_rate() * DAY * 1e-9 < 100
    with pytest.raises(InvalidInput, match=r"sessions would arrive. They would not fit into memory"):
        rare.times(0, DAY)


@pytest.mark.parametrize("process", [Poisson(1e9), MMPP((0.0, 1e-6), (1e9, 1.0)), Daily(1e9), Renewal(Constant(1e9)),
                                     Daily(60.0, profile=(0.0,) * 23 + (1.0,))], ids=repr)
def test_a_run_may_see_nobody(process: Any) -> None:
    times = process.times(1, 10**9)
    assert (times.dtype, len(times)) == (np.int64, 0)


@pytest.mark.parametrize("horizon", [0, -1, 2**62])
def test_runs_without_an_end_are_told(horizon: int) -> None:
    with pytest.raises(InvalidInput, match=r"Give a duration above 0 and below 104 days"):
        Poisson(600.0).times(0, horizon)


def test_recordings_that_begin_after_the_run_are_told() -> None:
    late = Recorded((1.7e9, 1.7e9 + 5.0))
    with pytest.raises(InvalidInput, match=r"at 1.7e\+09 s. The run ends at 86400 s. Count the times from the first"):
        late.times(0, DAY)
    assert len(dataclasses.replace(late, from_first=True).times(0, DAY)) == 2


@pytest.mark.parametrize("rows", [(0.0, math.nan), (0.0, "1"), (-1.0, 2.0), (0.0, True), "12"])
def test_recorded_rows_are_checked(rows: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Row [12] of the recorded arrivals is|Give a list of numbers"):
        Recorded(rows)
