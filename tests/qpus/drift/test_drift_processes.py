"""The processes of many parameters at once: the scalar formulas bit for bit, and the distributions they must have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qloop.policies.drift import GRID_S, ou_step, telegraph_chance, telegraph_step
from qloop.qpus.drift.processes import Telegraph, Wandering
from qloop.qpus.drift.streams import BLOCK, Stream
from qloop.qpus.drift.walk import GRID_NS, Walk

HOUR = 3600.0
SD, RELAX = np.array([0.2, 0.15, 0.25, 0.0]), np.array([6 * HOUR, 6 * HOUR, HOUR, HOUR])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.floats(1e-3, 1e6))
def test_many_wanderers_are_the_scalar_process_bit_for_bit(seed: int, steps: int, dt: float) -> None:
    rng = np.random.default_rng(seed)
    process, draws = Wandering(SD, RELAX), rng.standard_normal((steps, 4))
    before = rng.standard_normal(4)
    once = process.step(before, draws[0], np.full(4, dt))
    path = process.follow(once, draws)
    for k in range(4):
        x = ou_step(float(before[k]), dt, float(SD[k]), float(RELAX[k]), float(draws[0, k]))
        assert once[k] == x
        for row in range(steps):
            x = ou_step(x, GRID_S, float(SD[k]), float(RELAX[k]), float(draws[row, k]))
            assert path[row, k] == x


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(60.0, 1e6), st.floats(60.0, 1e6), st.floats(1e-3, 1e6))
def test_many_telegraphs_are_the_scalar_process(seed: int, every: float, hold: float, dt: float) -> None:
    rng = np.random.default_rng(seed)
    process, draws = Telegraph(every, hold), rng.random((50, 8))
    before = rng.random(8) < 0.5
    once = process.step(before, draws[0], np.full(8, dt))
    path = process.follow(once, draws)
    for k in range(8):
        on = telegraph_step(float(before[k]), dt, every, hold, float(draws[0, k]))
        assert once[k] == (on > 0.0)
        for row in range(50):
            on = telegraph_step(on, GRID_S, every, hold, float(draws[row, k]))
            assert path[row, k] == (on > 0.0)


@given(st.booleans(), st.floats(0.0, 1e6), st.floats(1.0, 1e6), st.floats(1.0, 1e6))
def test_the_chance_is_what_the_step_compares_with(on: bool, dt: float, every: float, hold: float) -> None:
    chance = telegraph_chance(float(on), dt, every, hold)
    assert 0.0 <= chance <= 1.0
    if chance > 0.0:
        assert telegraph_step(float(on), dt, every, hold, math.nextafter(chance, 0.0)) == 1.0
    assert telegraph_step(float(on), dt, every, hold, chance) == 0.0


def test_a_telegraph_that_never_comes_only_goes() -> None:
    process = Telegraph(math.inf, HOUR)
    assert not process.follow(np.zeros(5, dtype=bool), np.zeros((60, 5))).any()
    assert process.step(np.ones(1, dtype=bool), np.array([math.exp(-1.0) - 1e-9]), np.array([HOUR]))[0]
    assert not process.step(np.ones(1, dtype=bool), np.array([math.exp(-1.0) + 1e-9]), np.array([HOUR]))[0]


def walk(process: Wandering | Telegraph, first: np.ndarray, what: str, start_ns: int = 0) -> Walk:
    stream = Stream(11, "a", what)
    draw = stream.uniforms if isinstance(process, Telegraph) else stream.normals
    return Walk(start_ns, first, process, lambda block: draw(block, BLOCK, len(first)))


def paths(what: str, sd: float, relax: float, n: int, hours: int) -> np.ndarray:
    """A path (60 * hours, n) of equal processes that start at their calibrated values."""
    path = walk(Wandering(np.full(n, sd), np.full(n, relax)), np.zeros(n), what)
    return np.array([path.at(step) for step in range(60 * hours)])


def test_the_spread_after_a_calibration_is_that_of_the_formula() -> None:
    """Normal with variance sd^2 (1 - exp(-2t/relax)) at every time: Kolmogorov and Smirnov's test at p > 1e-4."""
    found = paths("spread", 0.25, HOUR, 3000, 5)
    for step in (5, 60, 299):
        spread = 0.25 * math.sqrt(1.0 - math.exp(-2.0 * step / 60.0))
        assert stats.kstest(found[step], "norm", args=(0.0, spread)).pvalue > 1e-4
        assert found[step].var() == pytest.approx(spread**2, rel=4.0 * math.sqrt(2.0 / 3000))


def test_it_is_stationary_and_forgets_exponentially() -> None:
    late = paths("memory", 0.25, HOUR, 2000, 10)[300:]
    assert late.var() == pytest.approx(0.25**2, rel=0.03)
    for lag in (1, 30, 60, 120):
        product = (late[:-lag] * late[lag:]).mean() / 0.25**2
        assert product == pytest.approx(math.exp(-lag / 60.0), abs=0.02)
    assert abs(np.corrcoef(late[:, 0], late[:, 1])[0, 1]) < 0.4, "parameters wander by themselves"


def test_two_level_systems_come_and_stay_as_they_should() -> None:
    """In the long run active for hold/(every + hold) of the time; times of being there are exponential."""
    n, hours, hold = 400, 60, HOUR / 2
    path = walk(Telegraph(2 * HOUR, hold), np.zeros(n, dtype=bool), "tls")
    on = np.array([path.at(step) for step in range(60 * hours)])
    assert on[600:].mean() == pytest.approx(0.2, abs=0.01)
    edges = np.diff(np.pad(on.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    lengths = np.concatenate([np.flatnonzero(edges[:, k] == -1) - np.flatnonzero(edges[:, k] == 1)
                              for k in range(n)])
    stays = telegraph_chance(1.0, GRID_S, 2 * HOUR, hold)     # seen on the grid, the stay is geometric
    assert lengths.mean() == pytest.approx(1.0 / (1.0 - stays), rel=4.0 / math.sqrt(len(lengths)))
    counts = np.bincount(np.minimum(lengths, 61))[1:]
    expected = np.array([stays**k * (1.0 - stays) for k in range(60)] + [stays**60]) * len(lengths)
    assert stats.chisquare(counts, expected, sum_check=False).pvalue > 1e-4


def test_a_start_between_grid_points_takes_a_shorter_first_step() -> None:
    """40 s after the start lies the first point of the grid: its variance is that of 40 s."""
    n = 20_000
    path = walk(Wandering(np.full(n, 1.0), np.full(n, 600.0)), np.zeros(n), "short", 5 * GRID_NS + 20 * 10**9)
    assert not path.at(5).any()
    assert path.at(6).var() == pytest.approx(1.0 - math.exp(-2.0 * 40.0 / 600.0), rel=0.04)
    assert path.at(7).var() == pytest.approx(1.0 - math.exp(-2.0 * 100.0 / 600.0), rel=0.04)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 130 * GRID_NS), st.permutations([0, 3, 59, 60, 61, 119, 120, 200, 1500, 1501, 3000, 4400]))
def test_any_order_of_reading_gives_the_same_bits(start_ns: int, steps: list[int]) -> None:
    process = Wandering(np.full(3, 0.2), np.full(3, HOUR))
    first = np.array([0.1, -0.2, 0.3])
    asked = walk(process, first, "order", start_ns)
    found = {step: asked.at(step).copy() for step in (*steps, *steps)}
    for step in steps:
        assert np.array_equal(walk(process, first, "order", start_ns).at(step), found[step])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 130 * GRID_NS))
def test_the_blocks_do_not_show(start_ns: int) -> None:
    """Step by step with the draws of the blocks: what the walk gives at its edges and in between."""
    process, first = Wandering(np.full(2, 0.2), np.full(2, HOUR)), np.array([0.5, -0.5])
    path, stream = walk(process, first, "edges", start_ns), Stream(11, "a", "edges")
    x, begin = first, start_ns // GRID_NS
    for step in range(begin + 1, begin + 150):
        draws = stream.normals(step // BLOCK, BLOCK, 2)[step % BLOCK]
        dt = ((begin + 1) * GRID_NS - start_ns) * 1e-9 if step == begin + 1 else GRID_S
        x = np.array([ou_step(float(x[k]), dt, 0.2, HOUR, float(draws[k])) for k in range(2)])
        assert path.at(step) == pytest.approx(x, rel=1e-9, abs=1e-12)


def test_winding_a_stream_is_a_fresh_generator_at_that_counter() -> None:
    stream = Stream(3, "q", "w")
    stream.uniforms(9, 7, 3)
    bits = np.random.Philox(key=stream._key, counter=np.array([0, 4, 0, 0], dtype=np.uint64))
    assert np.array_equal(stream.normals(4, 2, 5), np.random.Generator(bits).standard_normal((2, 5)))
    begin = np.random.Philox(key=stream._key, counter=np.array([0, 0, 1, 0], dtype=np.uint64))
    assert np.array_equal(stream.normals(-1, 2, 5), np.random.Generator(begin).standard_normal((2, 5)))
    assert not np.array_equal(Stream(3, "q", "v").normals(4, 2, 5), stream.normals(4, 2, 5))
    assert not np.array_equal(Stream(4, "q", "w").normals(4, 2, 5), stream.normals(4, 2, 5))
