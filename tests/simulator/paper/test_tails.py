"""Quantiles with intervals and with unfinished sessions: hand-worked cases, closed formulas, exact symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.simulator.paper import tails
from qloop.simulator.paper.model import small
from qloop.simulator.paper.sample import Sample

from .synthetic import drawn, row

WEEK, WARM = small().duration_s, small().warmup_s


def every(sample: Sample) -> np.ndarray:
    return np.ones(len(sample.replication), np.bool_)


def test_kaplan_and_meier_by_hand() -> None:
    """Times 1, 2, 2+, 3, 5+ (h; + is unfinished): 4/5 stay beyond 1, 3/5 beyond 2, 3/10 beyond 3."""
    times = np.array([1.0, 2.0, np.nan, 3.0, np.nan]) * 3600
    arrival = np.array([WARM, WARM, WEEK - 2 * 3600, WARM, WEEK - 5 * 3600])
    sample = Sample(small(), (row(arrival, times),))
    at, left = tails.surviving(sample, every(sample))
    assert at / 3600 == pytest.approx([1, 2, 3])
    assert left == pytest.approx([0.8, 0.6, 0.3])
    assert tails.censored_quantile(0.5)(sample, every(sample)) == pytest.approx(3 * 3600)
    assert tails.tells(0.7, sample)
    assert not tails.tells(0.71, sample)
    assert tails.censored_quantile(0.9)(sample, every(sample)) == pytest.approx(3 * 3600)  # the longest known


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60))
def test_without_unfinished_sessions_it_is_the_empirical_distribution(seconds: list[int]) -> None:
    times = np.array(seconds, float)
    sample = Sample(small(), (row(np.full(len(times), WARM), times, refused=1),))
    at, left = tails.surviving(sample, every(sample))
    for time, part in zip(at, left, strict=True):
        assert part >= (times > time).mean() - 1e-9
    assert left[-1] == pytest.approx(0.0)
    assert at == pytest.approx(np.sort(times))


def test_it_finds_the_distribution_that_was_cut_off() -> None:
    """Exponential times of 40 h in runs of a week: those that ended are too short, the estimate is right."""
    sample = drawn(40 * 3600.0, 20, 1)
    whole = tails.measure(tails.censored_quantile(0.9), sample)
    truth = 40 * 3600 * np.log(10)
    assert abs(whole.mean - truth) < 2 * whole.half + 0.02 * truth
    assert tails.measure(tails.quantile(0.9), sample).mean < 0.9 * truth


def test_a_sample_compared_with_itself() -> None:
    sample = drawn(3600.0, 12, 2)
    for statistic in (tails.quantile(0.5), tails.mean_time, tails.longest, tails.outliers,
                      tails.censored_quantile(0.9)):
        assert tails.ratio(statistic, sample, sample) == tails.Estimate(0.0, 0.0)
    gap = tails.difference(sample.drops(), sample.drops())
    assert (gap.mean, gap.half) == (0.0, 0.0)


def test_twice_the_times_are_100_percent_more() -> None:
    one = drawn(1800.0, 12, 3)
    other = Sample(one.model, tuple(type(r)(**{n: getattr(r, n) for n in r.__slots__} | {"time_ns": np.where(
        r.time_ns < 0, r.time_ns, 2 * r.time_ns)}) for r in one.rows))
    found = tails.ratio(tails.quantile(0.5), other, one)
    assert found.mean == pytest.approx(1.0, abs=0.02)
    assert found.half < 0.05


def test_intervals_need_two_replications() -> None:
    assert np.isnan(tails.measure(tails.quantile(0.5), drawn(3600.0, 1, 4)).half)
    assert tails.measure(tails.quantile(0.5), drawn(3600.0, 2, 4)).half > 0.0


def test_outliers_and_the_longest() -> None:
    times = np.concatenate([np.full(50, 100.0), np.full(45, 110.0), np.full(5, 1000.0)])
    sample = Sample(small(), (row(np.full(100, WARM), times), row(np.full(100, WARM), times / 2)))
    assert tails.outliers(Sample(small(), sample.rows[:1]), np.ones(100, np.bool_)) == pytest.approx(0.05)
    assert tails.longest(sample, every(sample)) == pytest.approx(750.0)
    assert tails.only(sample, size=4).all()
    assert not tails.only(sample, size=4, priority=2).any()


def test_two_statistics_of_the_same_sessions_share_their_luck() -> None:
    """A statistic over itself is known exactly; two that rise and fall together are known better than apart."""
    median = tails.quantile(0.5)
    sample = drawn(3600.0, 20, 5)
    assert tails.excess(median, median, sample) == tails.Estimate(0.0, 0.0)
    found = tails.excess(tails.censored_quantile(0.5), median, sample)
    both = [tails.measure(one, sample) for one in (tails.censored_quantile(0.5), median)]
    assert found.mean == pytest.approx(both[0].mean / both[1].mean - 1.0)
    assert 0.0 < found.half < 0.5 * np.hypot(*(one.half / one.mean for one in both))


def test_the_interval_of_the_excess_covers() -> None:
    """Exponential times of 40 h in runs of a week: 95 % of the intervals hold the ratio that many runs tell."""
    pair = (tails.censored_quantile(0.5), tails.quantile(0.5))
    truth = tails.excess(*pair, drawn(40 * 3600.0, 400, 1)).mean
    found = [tails.excess(*pair, drawn(40 * 3600.0, 20, seed)) for seed in range(2, 62)]
    hit = sum(abs(one.mean - truth) <= one.half for one in found)
    assert truth > 0.2
    assert 52 <= hit <= 60      # fewer than 52 of 60 have a chance of 3 in 1000 at 95 %
