"""Paired bootstrap against closed cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.simulator.evaluation import bootstrap

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


def test_the_interval_of_a_mean_is_that_of_the_normal_where_there_are_many() -> None:
    values = np.random.default_rng(7).normal(3.0, 2.0, 400)
    found = bootstrap.mean(values)
    half = 1.96 * values.std(ddof=1) / 20.0
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.08 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.08 * half)


@given(VALUES, st.floats(-1e3, 1e3))
def test_a_constant_difference_has_no_spread_whatever_the_values_do(values: list[float], shift: float) -> None:
    a = np.round(np.array(values), 3)
    found = bootstrap.difference(a, a + np.round(shift, 3))
    assert found.low == pytest.approx(found.mean, abs=1e-6)
    assert found.high == pytest.approx(found.mean, abs=1e-6)
    assert found.mean == pytest.approx(np.round(shift, 3), abs=1e-6)


@given(st.lists(st.floats(0.1, 1e6), min_size=2, max_size=40), st.floats(0.01, 10.0))
def test_a_constant_ratio_has_no_spread(values: list[float], factor: float) -> None:
    a = np.array(values)
    found = bootstrap.reduction(a, factor * a)
    assert [found.low, found.mean, found.high] == pytest.approx([1.0 - factor] * 3, abs=1e-9)


def test_pairs_are_narrower_than_what_they_are_made_of() -> None:
    common = np.random.default_rng(1).exponential(5.0, 60)
    a, b = common + 1.0, 1.1 * common
    assert bootstrap.difference(a, b).half < 0.2 * bootstrap.mean(a).half


@given(VALUES)
def test_the_order_of_replications_and_the_sign_do_not_matter(values: list[float]) -> None:
    a, zero = np.array(values), np.zeros(len(values))
    forth, back = bootstrap.difference(zero, a), bootstrap.difference(a, zero)
    assert forth.mean == pytest.approx(-back.mean)
    assert forth.low == pytest.approx(-back.high, abs=1e-6)


def test_replications_without_the_quantity_are_left_out_in_pairs() -> None:
    found = bootstrap.difference(np.array([1.0, np.nan, 3.0, 4.0]), np.array([2.0, 9.0, np.nan, 5.0]))
    assert found.n == 2
    assert found.mean == 1.0
    alone = bootstrap.mean(np.array([2.0, np.nan]))
    assert alone.mean == 2.0
    assert alone.missing == 1
    assert np.isnan(alone.low)


def test_what_is_not_paired_is_refused() -> None:
    with pytest.raises(InvalidInput, match="3 and 2 replications are to be compared"):
        bootstrap.reduction(np.ones(3), np.ones(2))
