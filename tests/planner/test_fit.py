"""The fit finds the constants that made the times, and is not misled by a few that were disturbed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.planner.fit import accuracy, fitted


def _rows(seed: int, rows: int, columns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    random = np.random.Generator(np.random.Philox(key=seed))
    return np.exp(random.uniform(-3, 9, (rows, columns)))


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=40)
def test_known_constants_are_found(seed: int, columns: int) -> None:
    random = np.random.Generator(np.random.Philox(key=seed + 1))
    known = np.exp(random.uniform(-12, 2, columns))
    table = _rows(seed, 12 * columns, columns)
    found = fitted(list(table), (table @ known).tolist())
    np.testing.assert_allclose(table @ found, table @ known, rtol=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_constants_are_never_negative(seed: int) -> None:
    random = np.random.Generator(np.random.Philox(key=seed))
    assert (fitted(list(_rows(seed, 20, 4)), random.uniform(0.1, 9, 20).tolist()) >= 0).all()


def test_disturbed_times_do_not_mislead() -> None:
    table, known = _rows(1, 60, 3), np.array([1e-3, 2e-5, 3e-4])
    times = table @ known
    times[::8] *= 4.0
    plain, robust = (fitted(list(table), times.tolist(), robust=rounds) for rounds in (0, 20))
    clean = np.delete(table, np.arange(0, 60, 8), axis=0)
    off = [np.abs(clean @ found / (clean @ known) - 1).max() for found in (plain, robust)]
    assert off[1] < 0.5 * off[0]


def test_what_is_known_is_not_fitted_again() -> None:
    table, rest = _rows(2, 30, 2), np.array([0.5, 2.0])
    known = np.linspace(1, 9, 30)
    np.testing.assert_allclose(fitted(list(table), (table @ rest + known).tolist(), known.tolist()), rest, rtol=1e-6)


def test_the_measure_of_accuracy() -> None:
    assert accuracy(2.0, 4.0) == accuracy(4.0, 2.0) == 50.0
    assert accuracy(3.0, 3.0) == 100.0


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_no_accuracy_of_what_is_no_time(value: float) -> None:
    with pytest.raises(InvalidInput, match="not defined"):
        accuracy(value, 1.0)


def test_rows_that_do_not_fit_are_refused() -> None:
    row = np.array([1.0, 2.0])
    with pytest.raises(InvalidInput, match="do not fit"):
        fitted([row], [1.0, 2.0])
    with pytest.raises(InvalidInput, match="do not fit"):
        fitted([], [])
    for time in (0.0, -1.0, math.nan):
        with pytest.raises(InvalidInput, match="Times must be positive"):
            fitted([row], [time])
