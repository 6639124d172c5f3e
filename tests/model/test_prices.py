"""Prices: the public ones, and what a price list may not say."""

from __future__ import annotations

from typing import Any

import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import SECOND
from qloop.model.money import UNIT
from qloop.model.prices import FREE, PRICES, Price, price_from, price_named


def test_every_public_price_names_its_source_and_date() -> None:
    for name, price in PRICES.items():
        assert price.name == name
        assert price.check() is price
        assert price.free == (name == "free")
        assert price.free or (price.source and price.date and price.currency == "USD"), name


@pytest.mark.parametrize(("name", "a_minute"), [("ibm-pay-as-you-go", 96), ("ibm-flex", 72), ("ibm-premium", 48)])
def test_ibm_publishes_prices_per_minute(name: str, a_minute: int) -> None:
    assert PRICES[name].per_second * 60 == a_minute * UNIT
    assert PRICES[name].granule_ns == SECOND


def test_a_price_of_ones_own() -> None:
    price = price_from("lab", {"currency": "EUR", "per_second": 0.25, "granule_s": 10, "overhead_s": "1.5",
                               "overhead_factor": 1.2, "source": "contract 7", "date": "2026-01-31"})
    assert price == Price(name="lab", currency="EUR", per_second=UNIT // 4, granule_ns=10 * SECOND,
                          overhead_ns=3 * SECOND // 2, factor=1_200_000_000, source="contract 7", date="2026-01-31")
    assert price.text == "0.25 EUR per second, overhead 1.20 x net + 1.5 s, in steps of 10 s"
    assert FREE.text == "free"


def test_names_are_looked_up_in_ones_own_list_first() -> None:
    own = {"lab": Price(name="lab", currency="EUR")}
    assert price_named("lab", own) is own["lab"]
    assert price_named("ibm-flex", own) is PRICES["ibm-flex"]
    with pytest.raises(UnknownName, match=r"There is no price named 'ibm-premum'. Did you mean 'ibm-premium'?"):
        price_named("ibm-premum")


@pytest.mark.parametrize(("entry", "says"), [
    ({"per_second": -1, "currency": "USD"}, "per_second of the price 'p' is -1. It is not a finite number from 0"),
    ({"per_shot": float("nan"), "currency": "USD"}, "per_shot of the price 'p' is nan"),
    ({"per_task": float("inf"), "currency": "USD"}, "per_task of the price 'p' is inf"),
    ({"per_second": "cheap", "currency": "USD"}, "per_second of the price 'p' is 'cheap'"),
    ({"per_second": True, "currency": "USD"}, "per_second of the price 'p' is True. It is not a number"),
    ({"per_second": 1}, "The currency is ''. A currency is named by three capital letters"),
    ({"per_second": 1, "currency": "dollar"}, "The currency is 'dollar'"),
    ({"per_second": 1, "currency": 840}, "The currency is 840"),
    ({"granule_s": -1}, "granule_s of the price 'p' is -1"),
    ({"overhead_s": None}, "overhead_s of the price 'p' is None. It is not a number"),
    ({"overhead_factor": 0.5}, "overhead_factor of the price 'p' is 0.50. What is billed is never less than"),
    ({"overhead_factor": 0}, "overhead_factor of the price 'p' is 0.00"),
    ({"source": 5}, "The source of the price 'p' is 5. Give a text"),
    ({"per_second": 1e300, "currency": "USD"}, "The largest possible is"),
    (3, "The price 'p' is 3. A price is a table of fields. Give some of: currency, per_second"),
    ([], "A price is a table of fields"),
])
def test_a_price_that_cannot_be_is_refused(entry: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        price_from("p", entry)
    assert says in str(caught.value)


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"field of the price 'p' named 'per_shots'. Did you mean 'per_shot'?"):
        price_from("p", {"per_shots": 1})


@pytest.mark.parametrize("name", ["", None, "a\nb", "x" * 65, 4])
def test_a_price_has_a_name(name: Any) -> None:
    with pytest.raises(InvalidInput, match=r"The name of a price is .* Give a text of 1 to 64 characters"):
        Price.of(name)


def test_a_price_made_with_negative_integers_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"per_shot of the price 'p' is -1. Nobody is paid for computing"):
        Price(name="p", per_shot=-1).check()
