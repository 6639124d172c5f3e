"""Paired comparisons: their coverage, what common random numbers save, and several at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.comparison import compare_all, holm, paired
from qloop.simulator.analysis.measures import measures

from .made import queue, scenario

TRIALS = 1500


def draws(key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def test_the_interval_of_a_paired_difference_covers_as_it_says() -> None:
    draw = draws(11)
    shared = draw.normal(0.0, 5.0, (TRIALS, 12))
    a, b = shared + draw.normal(0.0, 1.0, shared.shape), shared + draw.normal(0.4, 1.0, shared.shape)
    found = [paired(x, y) for x, y in zip(a, b, strict=True)]
    inside = np.mean([one.difference.low <= 0.4 <= one.difference.high for one in found])
    assert abs(inside - 0.95) < 0.02
    # var a + var b = 52, var(a - b) = 2
    assert np.median([one.reduction for one in found]) == pytest.approx(26.0, rel=0.15)
    assert np.median([one.correlation for one in found]) == pytest.approx(25 / 26, abs=0.02)


def test_p_values_are_those_of_students_test() -> None:
    a, b = draws(12).normal(0.0, 1.0, 20), draws(13).normal(0.5, 1.0, 20)
    assert paired(a, b).p == pytest.approx(stats.ttest_rel(b, a).pvalue)
    assert paired(a, a).p == 1.0
    assert paired(a, a + 1.0).reduction > 1e12
    assert paired([1.0, 1.0], [2.0, 2.0]).p == 0.0


def test_common_random_numbers_save_replications_between_queues() -> None:
    """One server more: with the same arrivals and services in both, the difference is far surer."""
    def column(servers: int, first: int) -> list[float]:
        of = scenario(duration_s=400.0, warmup_s=50.0, qpus=servers)
        return [measures(queue(of, first + n, rate=1.5, mean_s=1.0))["time_mean"] for n in range(25)]

    same, other = paired(column(2, 0), column(3, 0)), paired(column(2, 0), column(3, 100))
    assert same.correlation > 0.5
    assert same.reduction > 1.0
    assert same.difference.half < other.difference.half
    assert same.decided
    assert same.verdict("time_mean", -1).startswith("b is lower, better in time_mean than a: -")


def test_several_comparisons_err_together_no_more_often_than_one() -> None:
    """Five policies that are all alike: any difference found is false."""
    draw = draws(14)
    false = 0
    for _ in range(600):
        columns = {name: draw.normal(0.0, 1.0, 10) for name in "abcde"}
        found = compare_all(columns)
        assert len(found) == 10
        false += any(one.decided for one in found)
        assert any(one.decided for one in found) == any(one.p < 0.05 for one in found)
    assert 0.005 < false / 600 < 0.05 + 3.3 * (0.05 * 0.95 / 600) ** 0.5


def test_a_baseline_is_compared_with_each_other_column() -> None:
    found = compare_all({"a": [1.0, 2.0, 3.1], "b": [2.0, 3.2, 4.0], "c": [1.1, 2.0, 3.0]}, baseline="b")
    assert [(one.a, one.b) for one in found] == [("b", "a"), ("b", "c")]
    assert {one.comparisons for one in found} == {2}
    assert found[0].difference.level == pytest.approx(0.975)
    assert "are not told apart" in compare_all({"a": [1.0, 2.0], "b": [2.0, 1.0]})[0].verdict()


def test_holm_on_the_textbooks_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([math.nan, 0.5]) == pytest.approx([math.nan, 0.5], nan_ok=True)
    assert holm([]) == []


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p: list[float]) -> None:
    found = holm(p)
    assert all(a <= b + 1e-15 for (x, a) in zip(p, found, strict=True) for y, b in zip(p, found, strict=True) if x < y)
    assert all(x <= a <= min(1.0, len(p) * x) + 1e-15 for x, a in zip(p, found, strict=True))


def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(InvalidInput, match="fifo has 2 replications and lifo has 1"):
        paired([1.0, 2.0], [1.0], names=("fifo", "lifo"))
    with pytest.raises(InvalidInput, match="nothing to compare a with"):
        compare_all({"a": [1.0]})
    with pytest.raises(UnknownName, match="Did you mean 'fifo'"):
        compare_all({"fifo": [1.0], "lifo": [2.0]}, baseline="fif")


def test_replications_in_which_one_does_not_exist_are_left_out_of_both() -> None:
    found = paired([1.0, math.nan, 3.0, 4.0], [2.0, 9.0, math.nan, 6.0])
    assert (found.mean_a, found.mean_b, found.difference.n, found.difference.missing) == (2.5, 4.0, 2, 2)
