"""P13 under `efaas_expected`: what the order of newcomers keeps of `efaas`'s promises, and what bounds it has in place.

It keeps the bounds of the NORMAL class (test_p13_normal.py) and fair loops. In place of the lag bound between NORMAL
flows: nothing that becomes ready after a task's key goes before it, the key is DEFER * what the task brings behind its
arrival for a tenant with nothing else, and what tenants brought is all that was expected of them, but for a constant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies.catalog import policy
from qloop.policies.columns import CLASS, ESTIMATE, FLOW, FOLLOWS, INF, KIND, MEASURED, PARENT, SEQ, Row, Table
from qloop.policies.efaas import NORMAL
from qloop.policies.expected import LEARNED, expected
from qloop.policies.record import Policy
from tests.policies.desk import Desk

from .fair_market import Flow, Market
from .test_p13_lag import TENANTS, worst
from .test_p13_normal import LENGTHS, gaps_hold, shortage

CALM = settings(deadline=None, derandomize=True, max_examples=15)
LONG = settings(deadline=None, derandomize=True, max_examples=300)
DEFERS = st.sampled_from([0.0, 2.0, 20.0])
SEEDS = st.integers(0, 10**6)


def ordered(defer: float = 20.0, **terms: float) -> Policy:
    return policy("efaas_expected", "least_wait", defer=defer, **{"chunk_s": 0.0, **terms})


@dataclass(frozen=True)
class Entered:
    """A NORMAL task that became ready: what it was expected to bring (s), and its key."""

    ready: float
    brings: float
    key: float


class Told:
    """A policy that notes what it decided: `entered` by SEQ; `brought` and `foretold` when tasks ended, s."""

    def __init__(self, rule: Policy) -> None:
        self.entered: dict[float, Entered] = {}
        self.brought = self.foretold = 0.0
        self.inner = rule
        self.began: dict[float, float] = {}
        self.rule = replace(rule, enter=self.enter, start=self.start, finish=self.finish)

    def enter(self, tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
        task = tasks[i]
        tenant = flows[int(flows[int(task[FLOW])][PARENT])]
        key = self.inner.enter(tasks, flows, qpus, totals, i, now, u)
        if task[CLASS] == NORMAL:
            kind = int(flows[int(task[FLOW])][KIND])
            self.entered[task[SEQ]] = Entered(now, expected(task, tenant, totals, kind), key)
        return key

    def start(self, tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
        self.began[tasks[i][SEQ]] = now
        self.inner.start(tasks, flows, qpus, totals, i, q, now)

    def finish(self, tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
        task = tasks[i]
        flow = flows[int(task[FLOW])]
        tenant = flows[int(flow[PARENT])]
        if task[CLASS] == NORMAL and q >= 0:
            follows = tenant[FOLLOWS + int(flow[KIND])]
            self.foretold += task[ESTIMATE] + (follows if follows < INF else 0.0)
        self.brought += task[MEASURED] if q >= 0 else 0.0
        self.inner.finish(tasks, flows, qpus, totals, i, q, now)


def besieged(qpus: int, seed: int, lengths: tuple[float, float], defer: float, wrong: tuple[float, ...] = (1.0,),
             **terms: float) -> Market:
    """Loops enough to fill all QPUs for ever, beside a backlog of NORMAL tasks."""
    market = Market(qpus, seed, ordered(defer, **terms))
    for k in range(3 * qpus):
        market.flow(f"loop{k}", Flow(f"t{k % 3}", 1 + k % 2, lengths[0], hot=True, misjudged=wrong))
    for k in range(2):
        market.flow(f"normal{k}", Flow(f"t{k}", qpus + 2, lengths[1], misjudged=wrong))
    market.run(until=160.0)
    return market


@CALM
@given(st.integers(1, 3), SEEDS, st.tuples(LENGTHS, LENGTHS), st.sampled_from([5.0, 15.0]),
       st.sampled_from([0.0, 0.2]), DEFERS)
def test_normal_is_never_starved_by_loops(qpus: int, seed: int, lengths: tuple[float, float], aging: float,
                                          phi: float, defer: float) -> None:
    """The gap between NORMAL dispatches stays within T_s and a longest task."""
    assert gaps_hold(besieged(qpus, seed, lengths, defer, aging=aging, phi=phi), aging, max(lengths)) <= 1.0


@CALM
@given(st.integers(1, 3), SEEDS, st.tuples(LENGTHS, LENGTHS), st.sampled_from([5.0, 15.0]),
       st.sampled_from([0.1, 0.3, 0.6]), DEFERS, st.sampled_from([(1.0,), (0.25, 1.0, 4.0)]))
def test_normal_gets_its_part(qpus: int, seed: int, lengths: tuple[float, float], aging: float, phi: float,
                              defer: float, wrong: tuple[float, ...]) -> None:
    """NORMAL service over any backlogged interval is at least phi*m*t less the constant of `efaas`."""
    market = besieged(qpus, seed, lengths, defer, wrong, aging=aging, phi=phi)
    assert shortage(market, phi * qpus) <= (qpus + 1) * max(lengths) * max(wrong) + phi * qpus * aging


@CALM
@given(st.integers(1, 3), SEEDS, DEFERS, st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=3, max_size=3))
def test_nothing_that_comes_after_its_key_overtakes_a_task(qpus: int, seed: int, defer: float,
                                                           weights: list[float]) -> None:
    """So that nobody starves inside NORMAL, whatever others are expected to bring."""
    told = Told(ordered(defer))
    market = Market(qpus, seed, told.rule)
    for k, weight in enumerate(weights):
        market.tenant(f"t{k}", weight)
        market.flow(f"loop{k}", Flow(f"t{k}", 1, 2.0, hot=True, cpu=1.0))
        market.flow(f"s{k}", Flow(f"t{k}", qpus + k, 1.0 + 3.0 * k))
    market.run(until=120.0)
    began = told.began
    normal = {seq: one for seq, one in told.entered.items() if seq in began}
    assert len(normal) > 10
    for a, b in combinations(sorted(normal, key=lambda seq: normal[seq].key), 2):
        if normal[b].ready > normal[a].key:
            assert began[b] >= began[a]


@CALM
@given(st.integers(1, 3), SEEDS, DEFERS, st.integers(1, 8), st.booleans())
def test_a_flood_does_not_hold_up_another_tenant(qpus: int, seed: int, defer: float, flood: int, split: bool) -> None:
    """A tenant's one task waits for the few of another's many whose keys are smaller, not for all."""
    told = Told(ordered(defer))
    market = Market(qpus, seed, told.rule)
    sessions = 10 * flood if split else 1       # a session for each task gains nothing
    for k in range(sessions):
        market.flow(f"flood{k}", Flow("t0", 10 * flood // sessions, 4.0, open=False))
    market.wait_until(3.0)
    market.flow("one", Flow("t1", 1, 2.0, open=False))
    market.run()
    before = [one for one in told.entered.values() if one.ready == 0.0]
    mine = next(one for one in told.entered.values() if one.ready == 3.0)
    assert mine.key == pytest.approx(3.0 + defer * mine.brings)     # alone in its tenant, and all weights equal
    ahead = sum(one.brings for one in before if one.key <= mine.key)
    # the flood's keys are apart by what its tasks take on all QPUs, as it was alone when it came
    assert ahead <= qpus * mine.key + 3.0 * 4.0
    start = next(at for at, task, _ in market.starts if task.startswith("one/"))
    assert start <= 3.0 + ahead / qpus + 4.0 * (qpus + 1)


@CALM
@given(st.integers(1, 2), SEEDS, st.sampled_from([(1.0,), (0.25,), (4.0,), (0.25, 1.0, 4.0)]), st.integers(1, 4))
def test_what_is_brought_is_what_was_expected(qpus: int, seed: int, wrong: tuple[float, ...], steps: int) -> None:
    """But for what FOLLOWS holds: no estimate, no name for a kind, no split into sessions makes a tenant bring more."""
    told = Told(ordered())
    market = Market(qpus, seed, told.rule)
    for k in range(3):
        market.flow(f"s{k}", Flow("t", 1 + k, 4.0, misjudged=wrong, cpu=float(k % 2)))
    for k in range(steps):
        market.flow(f"loop{k}", Flow("t", 1, 2.0, hot=True, misjudged=wrong, cpu=float(k % 2)))
    market.run(until=200.0)
    tenant = market.engine.state.flows[market.engine.state.tenants["t"]]
    held = sum(tenant[FOLLOWS + kind] for kind in range(2) if tenant[FOLLOWS + kind] < INF)
    assert told.brought - told.foretold == pytest.approx(held / LEARNED, abs=1e-6)
    assert told.brought > 100.0


def test_an_understated_estimate_is_made_up_for() -> None:
    """Tasks of 4 s that are announced as 1 s are expected to bring 1 + 3*(1 - .9^n) s after n of them."""
    told = Told(ordered())
    desk = Desk(told.rule)
    for n in range(30):
        desk.open(f"s{n}")
        desk.submit(f"a{n}", f"s{n}", 4.0, estimate=1.0)
        desk.run()
        assert told.entered[float(n + 1)].brings == pytest.approx(1.0 + 3.0 * (1.0 - (1.0 - LEARNED) ** n))


def test_a_loop_is_expected_to_bring_what_loops_of_its_tenant_brought() -> None:
    """And one of a tenant of which nothing is known, what those of all tenants did."""
    told = Told(ordered())
    desk = Desk(told.rule)
    for n in range(60):
        desk.open(f"loop{n}", "t")
        for k in range(5):
            desk.submit(f"l{n}/{k}", f"loop{n}", 2.0, cpu_s=1.0)
            desk.run()
        desk.send(ev.SessionClosing(f"loop{n}"))
        desk.open(f"one{n}", "t")
        desk.submit(f"one{n}", f"one{n}", 3.0)
        desk.run()
    desk.open("stranger", "other")
    desk.submit("first", "stranger", 2.0, cpu_s=1.0)
    *_, loop, single, stranger = told.entered.values()
    # seconds are taken off by a tenth with every loop, and each was counted when the loop's first shot was over
    assert loop.brings == pytest.approx(10.0, rel=0.01)
    assert single.brings == pytest.approx(3.0, rel=0.01)
    assert stranger.brings == pytest.approx(10.0, rel=0.01)


@CALM
@given(TENANTS, st.integers(1, 3), SEEDS)
def test_loops_are_still_served_by_weight(terms: list[tuple[float, float]], qpus: int, seed: int) -> None:
    """HOT keeps the lag bound of start-time fair queuing."""
    market = Market(qpus, seed, ordered(ttl_hot=1e6))
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


@CALM
@given(st.integers(1, 3), SEEDS, st.sampled_from([1.0, 2.0, 5.0]), DEFERS)
def test_backlogged_normal_tenants_get_service_by_weight(qpus: int, seed: int, weight: float, defer: float) -> None:
    """Not within the lag bound of `efaas`, but in the long run: of tasks alike, service by weight within a fifth."""
    market = Market(qpus, seed, ordered(defer))
    for k, w in enumerate((1.0, weight)):
        market.tenant(f"t{k}", w)
        market.flow(f"s{k}", Flow(f"t{k}", 6 * (qpus + 2), 2.0))
    market.run(until=600.0)
    assert market.had("t1") / market.had("t0") == pytest.approx(weight, rel=0.2)


@CALM
@given(st.integers(1, 3), SEEDS, st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=2, max_size=3))
def test_scaling_all_weights_changes_nothing(qpus: int, seed: int, weights: list[float]) -> None:
    def run(scale: float) -> list[tuple[float, str, str]]:
        market = Market(qpus, seed, ordered())
        for k, weight in enumerate(weights):
            market.tenant(f"t{k}", scale * weight)
            market.flow(f"loop{k}", Flow(f"t{k}", 1, 2.0, hot=True, cpu=1.0))
            market.flow(f"s{k}", Flow(f"t{k}", qpus + k, 1.0 + k))
        market.run(until=60.0)
        return market.starts

    assert run(4.0) == run(1.0)
