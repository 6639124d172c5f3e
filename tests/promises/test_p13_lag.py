"""P13: whoever always has tasks waiting gets service by weight, within the bound of start-time fair queuing.

|W_f/w_f - W_g/w_g| <= (m+1)(l_f/w_f + l_g/w_g) over every interval in which both are backlogged, on m QPUs, with l the
longest task of each (spec/efaas.md, section 5).
"""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies.catalog import policy

from .fair_market import PLAIN, Flow, Market

WEIGHTS = st.sampled_from([0.5, 1.0, 2.0, 3.0, 5.0])
LENGTHS = st.sampled_from([1.0, 2.0, 4.0, 8.0])
TENANTS = st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=2, max_size=4)
CALM = settings(deadline=None, derandomize=True, max_examples=30)
LONG = settings(deadline=None, derandomize=True, max_examples=400)


def bound(qpus: int, f: tuple[float, float], g: tuple[float, float]) -> float:
    """The bound for two tenants of (weight, longest task)."""
    return (qpus + 1) * (f[1] / f[0] + g[1] / g[0])


def worst(market: Market, terms: list[tuple[float, float]], since: float = 0.0) -> float:
    """The largest part of its bound that any pair of tenants has reached."""
    weights = {f"t{k}": weight for k, (weight, _) in enumerate(terms)}
    qpus = len(market.engine.state.qpus)
    return max(market.lag(f"t{f}", f"t{g}", weights, since) / bound(qpus, terms[f], terms[g])
               for f, g in combinations(range(len(terms)), 2))


def normal(terms: list[tuple[float, float]], qpus: int, seed: int) -> float:
    market = Market(qpus, seed)
    for k, (weight, longest) in enumerate(terms):
        market.tenant(f"t{k}", weight)
        market.flow(f"s{k}", Flow(f"t{k}", qpus + 2 + k, longest))
    market.run(until=150.0)
    assert sum(flow.got for flow in market.flows.values()) >= qpus * 140.0, "no QPU was idle"
    return worst(market, terms)


@CALM
@given(TENANTS, st.integers(1, 4), st.integers(0, 10**6))
def test_normal_tasks_are_served_by_weight(terms: list[tuple[float, float]], qpus: int, seed: int) -> None:
    assert normal(terms, qpus, seed) <= 1.0


@pytest.mark.ci
@LONG
@given(TENANTS, st.integers(1, 4), st.integers(0, 10**6))
def test_normal_tasks_are_served_by_weight_often(terms: list[tuple[float, float]], qpus: int, seed: int) -> None:
    assert normal(terms, qpus, seed) <= 1.0


@CALM
@given(TENANTS, st.integers(1, 4), st.integers(0, 10**6))
def test_loops_are_served_by_weight(terms: list[tuple[float, float]], qpus: int, seed: int) -> None:
    market = Market(qpus, seed, policy("efaas", "least_wait", ttl_hot=1e6))
    for k, (weight, longest) in enumerate(terms):
        market.tenant(f"t{k}", weight)
        market.flow(f"s{k}", Flow(f"t{k}", 1, longest, hot=True))
    while min(flow.got for flow in market.flows.values()) == 0.0:
        market.wait_until(market.now + 1.0)
    for name in market.flows:
        for _ in range(qpus + 1):
            market.one_more(name)
    since = market.now
    market.run(until=since + 150.0)
    assert worst(market, terms, since) <= 1.0
    assert sum(market.hot.values()) > len(market.hot) - 2 * len(terms), "they are loops"


@CALM
@given(TENANTS, st.lists(WEIGHTS, min_size=4, max_size=4), st.integers(1, 3), st.integers(0, 10**6))
def test_weights_that_change_keep_the_bound(terms: list[tuple[float, float]], later: list[float], qpus: int,
                                            seed: int) -> None:
    """From when each has begun a task that came after the change: its tag, and those before, are by the old weights."""
    market = Market(qpus, seed)
    for k, (weight, longest) in enumerate(terms):
        market.tenant(f"t{k}", weight)
        market.flow(f"s{k}", Flow(f"t{k}", qpus + 2, longest))
    market.wait_until(60.0)
    changed = [(weight, longest) for weight, (_, longest) in zip(later, terms, strict=False)]
    for k, (weight, _) in enumerate(changed):
        market.tenant(f"t{k}", weight)
    before = next(market.number)
    while not market.all_new(before):
        market.wait_until(market.now + 0.5)
    since = market.now
    market.run(until=since + 150.0)
    assert worst(market, changed, since) <= 1.0


@CALM
@given(st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=3, max_size=4), st.integers(1, 3), st.integers(0, 10**6))
def test_others_who_come_and_go_do_not_widen_it(terms: list[tuple[float, float]], qpus: int, seed: int) -> None:
    """The first two stay; the others' backlogs begin later and end."""
    market = Market(qpus, seed)
    for k, (weight, longest) in enumerate(terms):
        market.tenant(f"t{k}", weight)
        market.wait_until(20.0 * max(0, k - 1))
        market.flow(f"s{k}", Flow(f"t{k}", qpus + 2, longest))
    market.wait_until(70.0)
    for k in range(2, len(terms)):
        market.flows[f"s{k}"].open = False
        market.send(ev.SessionClosing(f"s{k}"))
    market.run(until=160.0)
    assert worst(market, terms[:2]) <= 1.0


@CALM
@given(TENANTS, st.integers(1, 3), st.integers(0, 10**6))
def test_who_comes_later_is_served_at_once_and_by_weight(terms: list[tuple[float, float]], qpus: int,
                                                         seed: int) -> None:
    """Memoryless: what the first had while it was alone, with a deep backlog, neither costs nor gains it."""
    market = Market(qpus, seed)
    market.tenant("t0", terms[0][0])
    market.flow("s0", Flow("t0", 40, terms[0][1]))
    market.wait_until(60.0)
    for k, (weight, longest) in list(enumerate(terms))[1:]:
        market.tenant(f"t{k}", weight)
        market.flow(f"s{k}", Flow(f"t{k}", qpus + 2, longest))
    market.run(until=200.0)
    assert worst(market, terms, 60.0) <= 1.0


def test_the_bound_can_fail() -> None:
    """First come, first served does not keep it."""
    market = Market(1, 1, policy("fifo"))
    for k, depth in enumerate((3, 30)):
        market.flow(f"s{k}", Flow(f"t{k}", depth, 2.0))
    market.run(until=150.0)
    assert worst(market, [(1.0, 2.0), (1.0, 2.0)]) > 1.0
    assert PLAIN.name == "efaas"
