"""Quantities: what people write means what they mean, exactly; what means nothing is told, with the nearest."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.units import EXAMPLES, UNITS, WRITTEN, quantity, seconds, text


@pytest.mark.parametrize(("said", "unit", "value"), [
    ("600 s", "s", 600.0), ("600", "s", 600.0), (600, "s", 600.0), ("12 h", "s", 43_200.0), ("2h 30m", "s", 9_000.0),
    ("2h30min", "s", 9_000.0), ("7 days", "s", 604_800.0), ("600 ms", "s", 0.6), ("3 µs", "s", 3e-6), ("0 s", "s", 0.0),
    ("1 week", "s", 604_800.0), ("6 /h", "1/s", 6 / 3600), ("6 per hour", "1/s", 6 / 3600), ("2 Hz", "1/s", 2.0),
    ("6 sessions per hour", "1/s", 6 / 3600), ("6 sessions/h", "1/s", 6 / 3600), ("every 10 min", "1/s", 1 / 600),
    ("1e9", "operations/s", 1e9), ("1 Gop/s", "operations/s", 1e9), ("10 Mop/s", "operations/s", 1e7),
    ("2.5 Gop", "operations", 2.5e9), ("1.5 GB/s", "bytes/s", 1.5e9), ("10 Gbit/s", "bytes/s", 1.25e9),
    ("10 Gbps", "bytes/s", 1.25e9), ("4 KiB", "bytes", 4096.0), ("15 %", "share", 0.15), ("15%", "share", 0.15),
    (0.15, "share", 0.15), ("1e6", "count", 1e6), ("2 million", "count", 2e6), (40, "count", 40.0),
    ("-1e-400 s", "s", 0.0), ("0e99999999999 s", "s", 0.0), (".5 h", "s", 1800.0)])
def test_what_people_write(said: object, unit: str, value: float) -> None:
    assert quantity(said, unit) == value


@pytest.mark.parametrize(("said", "unit", "told"), [
    ("fast", "s", "Wait is 'fast'. It is not a number with a unit. Give time such as 600, '600 s', '12 h' or '2h 30m'"),
    ("600 sek", "s", "'sek' is no unit of time. Did you mean 'sec'?"), ("6 GB", "bytes/s", "Did you mean 'GB/s'?"),
    ("6 /hr", "1/s", "'/hr' is no unit of a rate. Did you mean '/h'?"), ("1 Gb/s", "bytes/s", "Did you mean 'Gbit/s'?"),
    ("-5 s", "s", "Wait is '-5 s'. Give at least 0 s"), (-5, "s", "Wait is -5. Give at least 0 s"),
    ("nan", "s", "It is not a number with a unit"), (math.nan, "s", "It is not a finite number"),
    (math.inf, "s", "It is not a finite number"), ("1e999 s", "s", "too large"), (10**400, "s", "not a finite number"),
    ("1e308 h", "s", "not a finite number"), (True, "s", "It is of type bool"), (None, "s", "It is of type NoneType"),
    ("1,000 s", "s", "A comma is no part of a number"), ("2 h 30", "s", "Each number of several needs a unit"),
    ("5 5", "count", "more than one number"), ("2h - 30m", "s", "not a number with a unit"), ("", "s", "not a number"),
    ("150 %", "share", "Give a value from 0 to 1"), (1.5, "count", "It counts things. Give a whole number"),
    ("every 0 s", "1/s", "'0 s'. Give at least"), ("9" * 200, "s", "longer than 100 characters"),
    ("0x10", "count", "more than one number")])
def test_what_means_nothing_is_told(said: object, unit: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        quantity(said, unit, "Wait")
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300


def test_bounds_are_told_with_their_unit() -> None:
    with pytest.raises(InvalidInput, match=r"warmup is '8 days'. Give a value from 0 to 604800 s"):
        seconds("8 days", "warmup", most=604_800.0)
    assert seconds("-2 s", "shift", least=-5.0) == -2.0
    with pytest.raises(UnknownName, match=r"There is no dimension named 'op/s'"):
        quantity(1, "op/s")


@pytest.mark.parametrize("said", ["inf", "never", math.inf])
def test_what_never_ends_is_allowed_on_request(said: object) -> None:
    assert quantity(said, "s", endless=True) == math.inf
    with pytest.raises(InvalidInput):
        quantity(said, "s")


@given(st.sampled_from(sorted(UNITS)), st.floats(0.0, 1e15))
def test_what_is_written_reads_the_same_to_the_last_bit(unit: str, value: float) -> None:
    if unit == "share":
        value = value / 1e15
    if unit == "count":
        value = math.floor(value)
    assert quantity(text(value, unit), unit) == value


@given(st.sampled_from(sorted(UNITS["s"])), st.integers(1, 10**6), st.sampled_from(["", " ", "  "]))
def test_a_time_is_its_number_times_its_unit(unit: str, number: int, space: str) -> None:
    assert seconds(f"{number}{space}{unit}") == float(number * UNITS["s"][unit])


def test_every_dimension_has_examples_that_can_be_read() -> None:
    assert set(EXAMPLES) == set(UNITS) == set(WRITTEN)
    for unit, shown in EXAMPLES.items():
        for example in shown.replace(" or ", ", ").split(", "):
            assert quantity(example.strip("'"), unit) > 0.0
    assert [text(value, "s") for value in (600.0, 43_200.0, 604_800.0, 0.6)] == ["600 s", "12 h", "7 d", "0.6 s"]
    assert (text(0.15, "share"), text(6 / 3600, "1/s"), text(math.inf, "s")) == ("15 %", "6 /h", "inf")
