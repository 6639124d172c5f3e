"""Numbers as a person reads them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.simulator.analysis.shown import possible, shown, shown_interval, shown_measure
from qloop.simulator.analysis.statistics import Interval


@pytest.mark.parametrize(("value", "unit", "said"), [
    (0.1532, "share", "15.3 %"), (0.0, "share", "0 %"), (0.5, "s", "500 ms"), (90.0, "s", "90.0 s"),
    (7000.0, "s", "117 min"), (7300.0, "s", "2.03 h"), (200_000.0, "s", "2.31 d"), (3e-6, "s", "3.00 us"),
    (6 / 3600, "1/s", "6.00 /h"), (2.0, "1/s", "2.00 /s"), (1234.6, "count", "1,230"), (0.0123, "number", "0.0123"),
    (3.2e12, "number", "3.20e+12"), (math.nan, "s", "–"), (math.inf, "s", "inf s"), (12345.0, "money", "12,300")])
def test_values_are_given_in_the_unit_that_fits(value: float, unit: str, said: str) -> None:
    assert shown(value, unit) == said


def test_an_interval_has_the_unit_of_its_mean() -> None:
    assert shown_interval(Interval(7300.0, 7000.0, 7600.0, 0.95, 9), "s") == "2.03 h [1.94, 2.11]"
    assert shown_interval(Interval(0.0, 0.0, 0.004, 0.95, 9), "share") == "0 % [0, 0.400]"
    assert shown_interval(Interval(0.5, math.nan, math.nan, 0.95, 1), "share") == "50.0 %"


@given(st.floats(1e-4, 1e8))
def test_what_is_shown_is_right_to_half_a_percent(value: float) -> None:
    assert float(shown(value, "number").replace(",", "")) == pytest.approx(value, rel=5.1e-3)


def test_what_cannot_be_is_not_shown() -> None:
    wide = Interval(0.02, -0.03, 1.07, 0.95, 4)
    assert shown_measure(wide, "drop") == "2.00 % [0, 100]"
    assert shown_measure(wide, "time_mean") == "20.0 ms [0, 1,070]"
    assert possible(Interval(0.5, 0.4, 0.6, 0.95, 9), "drop") == Interval(0.5, 0.4, 0.6, 0.95, 9)
    one = Interval(0.5, math.nan, math.nan, 0.95, 1)
    assert possible(one, "drop") is one
