"""Intervals cover as often as they say, on distributions whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qloop.errors import InvalidInput
from qloop.simulator.analysis import statistics as s

TRIALS = 2000
# of TRIALS covers at 95 %, the number lies within this of it in 99.9 % of all keys
MARGIN = 3.3 * (0.95 * 0.05 / TRIALS) ** 0.5


def draws(key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


@pytest.mark.parametrize("n", [2, 5, 30])
def test_student_intervals_of_normal_observations_cover_as_they_say(n: int) -> None:
    inside = [found.low <= 7.0 <= found.high for found in map(s.student, draws(1).normal(7.0, 3.0, (TRIALS, n)))]
    assert abs(np.mean(inside) - 0.95) < MARGIN


def test_student_is_the_textbooks_formula() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    low, high = stats.t.interval(0.9, 3, values.mean(), stats.sem(values))
    found = s.student(values, 0.9)
    assert (found.mean, found.n, found.missing) == (4.0, 4, 0)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.relative == pytest.approx(found.half / 4.0)
    assert str(found) == f"4 [{low:.4g}, {high:.4g}]"


def test_nan_is_left_out_and_counted_and_too_few_have_no_interval() -> None:
    found = s.student([1.0, math.nan, 3.0])
    assert (found.mean, found.n, found.missing) == (2.0, 2, 1)
    one, none = s.student([5.0]), s.student([])
    assert (one.mean, math.isnan(one.half), str(one)) == (5.0, True, "5")
    assert math.isnan(none.mean)


@pytest.mark.parametrize("at", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_quantile_intervals_cover_at_least_as_they_say_whatever_the_distribution(n: int, at: float) -> None:
    """The exact coverage from the binomial distribution, through the ranks that were chosen."""
    found = s.quantile(np.arange(1.0, n + 1), at)
    low = 0 if math.isinf(found.low) else int(found.low)
    high = n + 1 if math.isinf(found.high) else int(found.high)
    count = stats.binom(n, at)
    missed_low = count.cdf(low - 1) if low else 0.0         # fewer than `low` lie below the truth
    missed_high = count.sf(high - 1) if high <= n else 0.0
    assert missed_low <= 0.025 + 1e-12
    assert missed_high <= 0.025 + 1e-12
    # and it is the narrowest of its kind
    assert count.cdf(low) > 0.025
    assert high == 1 or count.sf(high - 2) > 0.025


def test_quantile_intervals_cover_in_a_heavy_tail() -> None:
    truth = stats.pareto(1.2).ppf(0.9)
    sample = (1.0 - draws(2).random((TRIALS, 80))) ** (-1 / 1.2)
    inside = [found.low <= truth <= found.high for found in (s.quantile(row, 0.9) for row in sample)]
    assert 0.95 - MARGIN < np.mean(inside) < 0.985


@pytest.mark.parametrize("p", [0.01, 0.3])
def test_shares_cover_at_least_as_they_say(p: float) -> None:
    n = 60
    covered = sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if (f := s.share(k, n)).low <= p <= f.high)
    assert covered >= 0.95
    assert (s.share(0, 9).low, s.share(9, 9).high) == (0.0, 1.0)


def test_batches_cover_for_a_series_that_remembers() -> None:
    noise = draws(3).normal(0.0, 1.0, (TRIALS // 4, 4000))
    series = np.zeros(noise.shape)
    for step in range(1, noise.shape[1]):
        series[:, step] = 0.8 * series[:, step - 1] + noise[:, step]
    found = [s.batches(row[400:]) for row in series]
    naive = [s.student(row[400:]) for row in series]
    assert abs(np.mean([one.low <= 0.0 <= one.high for one in found]) - 0.95) < 2 * MARGIN + 0.01
    assert np.mean([one.low <= 0.0 <= one.high for one in naive]) < 0.65


def test_quantiles_of_groups_cover_where_observations_inside_depend_on_each_other() -> None:
    """Each group has a level of its own; to treat all as independent would cover far too seldom."""
    draw = draws(4)
    levels, inner = draw.normal(0.0, 1.0, (TRIALS // 2, 20, 1)), draw.normal(0.0, 1.0, (TRIALS // 2, 20, 100))
    sample, truth = levels + inner, stats.norm(0, math.sqrt(2)).ppf(0.5)
    found = [s.quantile_of_groups(list(one), 0.5) for one in sample]
    assert abs(np.mean([one.low <= truth <= one.high for one in found]) - 0.95) < 1.5 * MARGIN
    naive = [s.quantile(one.ravel(), 0.5) for one in sample[:200]]
    assert np.mean([one.low <= truth <= one.high for one in naive]) < 0.6
    assert s.quantile_of_groups([np.array([1.0, 3.0]), np.array([])], 0.5).missing == 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.floats(0.5, 0.99), st.floats(-1e3, 1e3))
def test_intervals_move_and_widen_as_they_should(values: list[float], level: float, shift: float) -> None:
    found, wider = s.student(values, level), s.student(values, 0.995)
    assert found.low <= found.mean <= found.high
    assert wider.half >= found.half
    moved = s.student(np.array(values) + shift, level)
    assert moved.low == pytest.approx(found.low + shift, rel=1e-6, abs=1e-4)


def test_how_many_are_needed() -> None:
    values = draws(5).normal(0.0, 1.0, 50)
    now = s.student(values).half
    assert s.needed(values, now / 2) == 200
    assert s.needed(values, now * 100) == 2


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(InvalidInput, match="confidence level is 95"):
        s.student([1.0, 2.0], 95)
    with pytest.raises(InvalidInput, match="quantile at 95"):
        s.quantile([1.0], 95)
    with pytest.raises(InvalidInput, match="3 of 2 trials"):
        s.share(3, 2)
    with pytest.raises(InvalidInput, match="5 observations are to make 20 batches"):
        s.batches([1.0] * 5)
    with pytest.raises(InvalidInput, match="1 observations say nothing"):
        s.needed([1.0], 0.1)
