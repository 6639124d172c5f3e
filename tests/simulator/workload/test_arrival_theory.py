"""Arrival processes against their formulas: rates, dispersion of counts, hours of the day, exact inversion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from qloop.simulator.workload.arrivals import MMPP, Daily, Poisson, Renewal
from qloop.simulator.workload.distributions import Exponential, Gamma, LogNormal, Uniform
from qloop.simulator.workload.points import through_pieces, unit_points
from qloop.simulator.workload.streams import ARRIVAL

from .test_arrivals import BURSTS, CHAIN, DAY, WORKDAY

WINDOW = 2_000 * 10**9
TWO = MMPP((0.5, 5.0), (40.0, 10.0))


def counts(process: Any, windows: int, window: int = WINDOW, key: int = 17) -> Any:
    """Arrivals in each of so many windows, one after the other."""
    times = process.times(key, windows * window)
    return np.bincount(times // window, minlength=windows)


@pytest.mark.parametrize("process", [Poisson(2.0), Renewal(Gamma(2.0, 5.0)), TWO, Daily(2.0)], ids=repr)
def test_the_mean_rate_is_kept(process: Any) -> None:
    found = counts(process, 400)
    expected = process.mean_rate() * WINDOW * 1e-9
    assert abs(found.mean() - expected) < 4.0 * found.std() / math.sqrt(len(found))


def dispersion(found: Any) -> tuple[float, float]:
    """Variance over mean of counts, and its standard error if they were normal."""
    ratio = float(found.var(ddof=1) / found.mean())
    return ratio, ratio * math.sqrt(2.0 / (len(found) - 1))


@pytest.mark.parametrize(("process", "ratio"), [
    (Poisson(2.0), 1.0), (Renewal(Exponential(2.0)), 1.0), (Renewal(Uniform(0.0, 4.0)), 1 / 3),
    (Renewal(Gamma(2.0, 4.0)), 4.0), (Renewal(LogNormal(2.0, 1.0)), 0.25)], ids=repr)
def test_counts_of_a_renewal_process_vary_as_its_gaps_do(process: Any, ratio: float) -> None:
    """Var N(t) / E N(t) tends to variance / mean^2 of the gap (Feller, volume 1, XIII.6)."""
    found, error = dispersion(counts(process, 1_000))
    assert abs(found - ratio) < 4.0 * error + 0.01 * ratio
    if isinstance(process, Renewal):
        assert process.dispersion() == pytest.approx(ratio)


def of_two_states(process: MMPP, t: float) -> float:
    """Index of dispersion of counts over t of the two-state process, in balance from the start (closed formula)."""
    (a, b), (stay_a, stay_b) = process.rates, process.stays_s
    out_a, out_b = 1 / stay_a, 1 / stay_b
    out = out_a + out_b
    weight = 2 * (a - b) ** 2 * out_a * out_b / (out**2 * (a * out_b + b * out_a))
    return 1 + weight * (1 - (1 - math.exp(-out * t)) / (out * t))


@pytest.mark.parametrize("seconds", [5, 20, 200, 2_000])
def test_counts_of_two_states_vary_by_the_formula(seconds: int) -> None:
    found = counts(TWO, 4_000_000 // (50 * seconds) + 400, seconds * 10**9)
    ratio, error = dispersion(found)
    # neighbouring windows are alike while the chain stays: fewer of them count
    error *= math.sqrt(1.0 + 2.0 * 8.0 / seconds)
    assert abs(ratio - of_two_states(TWO, seconds)) < 4.0 * error


@pytest.mark.parametrize("process", [TWO, BURSTS, MMPP((0.0, 1.0), (3.0, 1.0))], ids=repr)
def test_the_dispersion_of_two_states_is_the_formula(process: MMPP) -> None:
    assert process.dispersion() == pytest.approx(of_two_states(process, 1e16), rel=1e-9)
    turned = MMPP(process.rates, process.stays_s, ((0.0, 1.0), (1.0, 0.0)))
    assert turned.dispersion() == pytest.approx(process.dispersion(), rel=1e-12)
    assert np.array_equal(turned.times(3, DAY), process.times(3, DAY))


def test_a_chain_of_three_states_keeps_its_balance_and_dispersion() -> None:
    ends, states = CHAIN.path(5, 90 * DAY)
    spans = np.diff(np.append(0, ends))
    share = np.bincount(states, weights=spans) / spans.sum()
    np.testing.assert_allclose(share, CHAIN.balance(), atol=0.02)
    steps = np.zeros((3, 3))
    np.add.at(steps, (states[:-1], states[1:]), 1)
    np.testing.assert_allclose(steps / steps.sum(axis=1, keepdims=True), CHAIN.transitions, atol=0.03)
    ratio, error = dispersion(counts(CHAIN, 300, 25_000 * 10**9))
    assert abs(ratio - CHAIN.dispersion()) < 4.0 * error


@pytest.mark.parametrize("process", [TWO, CHAIN], ids=["two", "three"])
def test_bursts_are_in_balance_from_the_start(process: MMPP) -> None:
    """Neither the first state nor the arrivals of the first seconds need a warm-up."""
    runs = 1_000
    first = [int(process.path(key, 1)[1][0]) for key in range(runs)]
    share = np.bincount(first, minlength=len(process.rates)) / runs
    assert np.abs(share - process.balance()).max() < 4.0 * 0.5 / math.sqrt(runs)
    early = np.array([len(process.times(key, 30 * 10**9)) for key in range(runs)])
    assert abs(early.mean() - 30 * process.mean_rate()) < 4.0 * early.std() / math.sqrt(runs)


def test_points_on_a_corner_pass_over_what_has_no_rate() -> None:
    breaks, masses = np.array([0.0, 10.0, 20.0, 30.0, 40.0]), np.array([0.0, 0.0, 5.0, 5.0, 6.0])
    assert through_pieces(np.array([0.0, 2.5, 5.0, 5.5]), breaks, masses).tolist() == [10.0, 15.0, 30.0, 35.0]


def test_equal_rates_are_a_poisson_process() -> None:
    same = MMPP((0.1, 0.1), (50.0, 100.0))
    assert same.dispersion() == pytest.approx(1.0)
    times = same.times(4, 20 * DAY)
    assert np.abs(times - Poisson(10.0).times(4, 20 * DAY)[:len(times)]).max() < 1_000      # ns: rounded another way


PROCESSES = [WORKDAY, Daily(60.0, amplitude=0.9, peak_hour=15.0, start_hour=7.0), Daily(60.0, amplitude=1.0),
             Daily(60.0, profile=tuple(1.0 + h % 24 + h // 24 for h in range(168)), start_hour=50.0)]


def rate(process: Daily, hour: float) -> float:
    """Arrivals per hour at this hour of the run, from the definition."""
    if process.profile:
        here = process.profile[int(hour + process.start_hour) % len(process.profile)]
        return 3600 / process.every_s * here / (sum(process.profile) / len(process.profile))
    angle = 2 * math.pi * (hour + process.start_hour - process.peak_hour) / 24
    return 3600 / process.every_s * (1 + process.amplitude * math.cos(angle))


@pytest.mark.parametrize("process", PROCESSES, ids=range(len(PROCESSES)))
def test_the_hours_expect_the_integral_of_the_rate(process: Daily) -> None:
    edges = np.arange(0.0, 24.5, 0.5)
    expected = process.expected(edges[:-1], edges[1:])
    for low, high, found in zip(edges[:-1], edges[1:], expected, strict=True):
        meant, _ = integrate.quad(lambda hour: rate(process, hour), low + 1e-9, high - 1e-9)
        assert found == pytest.approx(meant, rel=1e-7, abs=1e-7)
    cycle = np.array(float(len(process.profile) or 24))
    assert process.expected(np.array(0.0), cycle) == pytest.approx(process.mean_rate() * 3600 * cycle, rel=1e-12)


@pytest.mark.parametrize("process", PROCESSES, ids=range(len(PROCESSES)))
def test_the_hours_get_what_they_expect(process: Daily) -> None:
    hours = 50 * 24
    found = counts(process, hours, 3_600 * 10**9)
    expected = process.expected(np.arange(hours) * 1.0, np.arange(hours) + 1.0)
    assert not found[expected == 0.0].any()
    busy = expected > 5.0
    excess = float(((found[busy] - expected[busy]) ** 2 / expected[busy]).sum())
    assert 0.001 < stats.chi2(busy.sum()).sf(excess) < 0.999


@pytest.mark.parametrize("process", PROCESSES, ids=range(len(PROCESSES)))
def test_the_integrated_rate_is_inverted_exactly(process: Daily) -> None:
    times = process.times(9, 30 * DAY)
    points = unit_points(9, ARRIVAL, 60_000.0)[:len(times)]
    back = process.expected(np.zeros(len(times)), times / 3_600e9)
    # half a ns of rounding times the highest rate, and float64 of a sum
    np.testing.assert_allclose(back, points, atol=1e-9 + 1e-12 * len(times))
