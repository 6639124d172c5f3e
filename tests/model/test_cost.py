"""Costs: exact, monotone, rounded up to granules, and without drift however many are added."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.model.cost import NOTHING, Cost, billed_ns, cost, total
from qloop.model.limits import SECOND
from qloop.model.money import UNIT
from qloop.model.prices import FREE, PRICES, Price

NET = st.integers(0, 10**15)
COUNT = st.integers(0, 10**6)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    money, times = st.integers(0, 10**12), st.integers(0, 100 * SECOND)
    return Price(name="p", currency="USD", per_second=draw(money), per_shot=draw(money), per_task=draw(money),
                 granule_ns=draw(st.sampled_from([0, 1, SECOND // 10, SECOND, 60 * SECOND]) | times),
                 overhead_ns=draw(times), factor=draw(st.integers(UNIT, 10 * UNIT)))


@given(prices(), NET, COUNT, COUNT)
def test_the_cost_is_the_formula_in_exact_fractions(price: Price, net: int, circuits: int, executions: int) -> None:
    held = ceil(Fraction(net * price.factor, UNIT)) + price.overhead_ns
    billed = ceil(Fraction(held, price.granule_ns)) * price.granule_ns if price.granule_ns else held
    paid = ceil(Fraction(billed * price.per_second, SECOND)) + circuits * price.per_task + executions * price.per_shot
    assert cost(price, net, circuits=circuits, executions=executions) == Cost(net, billed, paid, "USD")


@given(prices(), NET, NET, COUNT, COUNT)
def test_more_never_costs_less(price: Price, net: int, more: int, count: int, extra: int) -> None:
    small = cost(price, net, circuits=count, executions=count)
    for large in (cost(price, net + more, circuits=count, executions=count),
                  cost(price, net, circuits=count + extra, executions=count),
                  cost(price, net, circuits=count, executions=count + extra)):
        assert large.billed_ns >= small.billed_ns >= net
        assert large.amount >= small.amount


@given(prices(), NET)
def test_billed_time_is_whole_granules_and_less_than_one_too_many(price: Price, net: int) -> None:
    billed, grain = billed_ns(price, net), max(1, price.granule_ns)
    assert billed % grain == 0
    assert 0 <= billed - Fraction(net * price.factor, UNIT) - price.overhead_ns < grain + 1


@given(prices(), NET, NET)
def test_cutting_a_call_in_two_costs_at_most_one_more_overhead_and_granule(price: Price, one: int, two: int) -> None:
    whole, parts = cost(price, one + two, circuits=0), cost(price, one, circuits=0) + cost(price, two, circuits=0)
    assert parts.net_ns == whole.net_ns
    extra = price.overhead_ns + 2 * price.granule_ns + 1
    assert whole.billed_ns <= parts.billed_ns <= whole.billed_ns + extra
    assert whole.amount <= parts.amount <= whole.amount + ceil(Fraction(extra * price.per_second, SECOND)) + 1


def test_a_million_calls_add_up_without_drift() -> None:
    price = Price.of("tenth", currency="EUR", per_second="0.1", per_shot="0.00001", granule_s="0.3")
    one = cost(price, SECOND // 10, executions=1)
    assert one.text == "0.03001 EUR"
    spent = NOTHING
    for _ in range(1_000_000):
        spent += one
    assert spent == one.times(1_000_000)
    assert spent.text == "30,010.00 EUR"
    assert sum([one.value] * 1_000_000) != spent.value, "floats would have drifted"


@given(NET, COUNT)
def test_what_is_free_costs_nothing_and_is_counted(net: int, count: int) -> None:
    assert cost(FREE, net, circuits=count, executions=count) == Cost(net, net, 0, "")


def test_sums_know_one_currency() -> None:
    euro, dollar = Cost(amount=1, currency="EUR"), Cost(amount=2, currency="USD")
    assert total([NOTHING, euro, Cost(net_ns=5), euro]) == Cost(5, 0, 2, "EUR")
    with pytest.raises(InvalidInput, match=r"EUR and USD cannot be added. qloop knows no exchange rates"):
        total([euro, dollar])


@pytest.mark.parametrize("bad", [{"net_ns": -1}, {"net_ns": 1, "circuits": -1}, {"net_ns": 1, "executions": -5}])
def test_negative_use_has_no_price(bad: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match=r"None of them can be negative"):
        cost(FREE, **bad)


def test_a_call_by_tasks_and_shots() -> None:
    """Three groups of 1000 shots are three tasks: 3 * 0.30 + 3000 * 0.00145 USD."""
    assert cost(PRICES["braket-iqm-garnet"], 0, circuits=3, executions=3000).text == "5.25 USD"
