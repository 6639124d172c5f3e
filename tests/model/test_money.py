"""Decimal numbers as integers of billionths: read exactly, written exactly, and refused where they are none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.model.money import LARGEST, UNIT, billionths, check_currency, decimal, money

AMOUNTS = st.integers(0, LARGEST)


@given(AMOUNTS)
def test_what_is_written_is_read_back(value: int) -> None:
    assert billionths("x", decimal(value).replace(",", "")) == value
    assert Decimal(decimal(value).replace(",", "")) * UNIT == value


@given(AMOUNTS, st.integers(-20, 20))
def test_texts_mean_what_decimal_says(digits: int, exponent: int) -> None:
    text = f"{digits}e{exponent}"
    exact = Decimal(text) * UNIT
    if exact == exact.to_integral_value() and exact <= LARGEST:
        assert billionths("x", text) == exact
    else:
        with pytest.raises(InvalidInput):
            billionths("x", text)


@given(st.floats(0.0, 1e6, allow_nan=False).map(lambda value: round(value, 6)))
def test_a_float_is_the_decimal_that_it_shows(value: float) -> None:
    assert billionths("x", value) == Decimal(repr(value)) * UNIT


@pytest.mark.parametrize("bad", ["", ".", "nan", "inf", "-1", "+-1", "1e", "1e+", "e5", "1.2.3", "1_0", "٣", "0x1",
                                 "1 2", "1e-10", "1e9999", float("nan"), float("inf"), -0.5, -1, "9" * 500])
def test_what_is_no_amount_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput, match=r"x is .*(finite number from 0|largest possible)"):
        billionths("x", bad)


@pytest.mark.parametrize("bad", [None, True, [1], b"1", 1j])
def test_what_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput, match=r"x is .* It is not a number. Give a number from 0"):
        billionths("x", bad)


@pytest.mark.parametrize(("value", "text"), [(0, "0.00"), (1, "0.000000001"), (UNIT, "1.00"), (1_600_000_000, "1.60"),
                                             (12_096_000 * UNIT, "12,096,000.00"), (350_000, "0.00035")])
def test_amounts_have_two_decimals_or_as_many_as_they_need(value: int, text: str) -> None:
    assert decimal(value) == text
    assert money(value, "USD") == f"{text} USD"


def test_what_has_no_currency_is_free() -> None:
    assert money(0, "") == "free"


@pytest.mark.parametrize("bad", ["", "usd", "US", "USDT", "US$", "ÉUR", None, 3])
def test_a_currency_is_three_capital_letters(bad: object) -> None:
    with pytest.raises(InvalidInput, match=r"three capital letters"):
        check_currency(bad)
