"""P13: NORMAL is never starved by loops, however many; no QPU idles while tasks wait (anticipation off).

Gap between NORMAL dispatches <= T_s + L_max, and NORMAL service over any backlogged interval
>= phi*m*t - ((m+1)L + phi*m*T_s). Both where no calibration window is near; test_p13_bound.py has the other cases.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.policies.catalog import policy
from qloop.policies.columns import BUSY, ONLINE

from .fair_market import Flow, Market

CALM = settings(deadline=None, derandomize=True, max_examples=10)
LONG = settings(deadline=None, derandomize=True, max_examples=200)
LENGTHS = st.sampled_from([1.0, 2.0, 6.0])


def besieged(qpus: int, seed: int, lengths: tuple[float, float], placement: str = "least_wait",
             **terms: float) -> Market:
    """Loops enough to fill all QPUs for ever, beside a backlog of NORMAL tasks."""
    market = Market(qpus, seed, policy("efaas", placement, **terms))
    for k in range(3 * qpus):
        market.flow(f"loop{k}", Flow(f"t{k % 3}", 1 + k % 2, lengths[0], hot=True))
    for k in range(2):
        market.flow(f"normal{k}", Flow(f"t{k}", qpus + 2, lengths[1]))
    market.run(until=max(160.0, 8.0 * terms.get("aging", 0.0)))
    return market


def gaps_hold(market: Market, aging: float, longest: float) -> float:
    """The largest gap between NORMAL dispatches, as a part of the bound."""
    normal = [at for at, task, _ in market.starts if not market.hot[task]]
    assert len(normal) > 5
    assert len(normal) < len(market.starts), "loops ran in between"
    return max(b - a for a, b in pairwise(normal)) / (aging + longest)


@CALM
@given(st.integers(1, 3), st.integers(0, 10**6), st.tuples(LENGTHS, LENGTHS), st.sampled_from([5.0, 15.0]),
       st.sampled_from([0.0, 0.2]), st.sampled_from(["least_wait", "warm"]))
def test_the_gap_between_normal_dispatches(qpus: int, seed: int, lengths: tuple[float, float], aging: float,
                                           phi: float, placement: str) -> None:
    market = besieged(qpus, seed, lengths, placement, aging=aging, phi=phi)
    assert gaps_hold(market, aging, max(lengths)) <= 1.0


@pytest.mark.ci
@LONG
@given(st.integers(1, 4), st.integers(0, 10**6), st.tuples(LENGTHS, LENGTHS), st.sampled_from([5.0, 20.0, 60.0]),
       st.sampled_from([0.0, 0.1, 0.5]), st.sampled_from(["least_wait", "warm", "calibrated"]))
def test_the_gap_between_normal_dispatches_often(qpus: int, seed: int, lengths: tuple[float, float], aging: float,
                                                 phi: float, placement: str) -> None:
    market = besieged(qpus, seed, lengths, placement, aging=aging, phi=phi)
    assert gaps_hold(market, aging, max(lengths)) <= 1.0


def shortage(market: Market, rate: float) -> float:
    """The most by which NORMAL service, counted at its end, fell short of rate*t over any interval."""
    served = [(at, market.service[task]) for at, task, _ in market.ends if not market.hot[task]]
    peak = lowest = total = 0.0
    for at, service in [*served, (160.0, 0.0)]:
        lowest = min(lowest, total - rate * at - peak)
        total += service
        peak = max(peak, total - rate * at)
    return -lowest


@CALM
@given(st.integers(1, 3), st.integers(0, 10**6), st.tuples(LENGTHS, LENGTHS), st.sampled_from([5.0, 15.0]),
       st.sampled_from([0.1, 0.3, 0.6]), st.sampled_from([(1.0,), (0.25, 1.0, 4.0)]))
def test_the_service_of_normal(qpus: int, seed: int, lengths: tuple[float, float], aging: float, phi: float,
                               wrong: tuple[float, ...]) -> None:
    """Also where estimates are wrong by 1/4 to 4: what was served is corrected when it ends."""
    market = Market(qpus, seed, policy("efaas", "least_wait", aging=aging, phi=phi))
    for k in range(3 * qpus):
        market.flow(f"loop{k}", Flow(f"t{k % 3}", 1, lengths[0], hot=True, misjudged=wrong))
    market.flow("normal", Flow("t0", qpus + 2, lengths[1], misjudged=wrong))
    market.run(until=160.0)
    longest = max(lengths) * max(wrong)
    assert shortage(market, phi * qpus) <= (qpus + 1) * longest + phi * qpus * aging


@CALM
@given(st.integers(1, 4), st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_no_qpu_idles_while_tasks_wait(qpus: int, seed: int, loops: int, others: int, wrong: bool) -> None:
    """Work conservation after every event."""
    market = Market(qpus, seed)
    state, checked = market.engine.state, 0
    for k in range(loops):
        market.flow(f"loop{k}", Flow(f"t{k % 2}", 1 + k, 3.0, hot=True, misjudged=(0.25, 4.0) if wrong else (1.0,)))
    for k in range(others):
        market.flow(f"normal{k}", Flow(f"t{k}", k, 5.0))
    while market.heap and market.now < 60.0:
        market.run(until=market.heap[0][0] / 1e9 + 1e-6)
        idle = any(row[ONLINE] > 0.0 and row[BUSY] == 0.0 for row in state.qpu_rows)
        assert not (idle and state.waiting)
        checked += bool(state.waiting)
    assert checked > 0 or loops * (loops + 1) // 2 + others * (others - 1) // 2 <= qpus
