"""Rotosolve: the exact minimum along every parameter, against brute force and against circuits."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.loops.optimizers import by_name, wire
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.protocol import Array, Stop
from qloop.loops.optimizers.rotosolve import Rotosolve, lowest


def polynomial(coefficients: Array, phi: Array) -> Array:
    """Sum of a_n cos(n phi) + b_n sin(n phi), n from 0."""
    n = np.arange(len(coefficients))
    return np.cos(np.outer(phi, n)) @ coefficients[:, 0] + np.sin(np.outer(phi, n)) @ coefficients[:, 1]


def samples(coefficients: Array) -> Array:
    points = 2 * len(coefficients) - 1
    return polynomial(coefficients, 2 * math.pi * np.arange(points) / points)


@settings(max_examples=200, deadline=None)
@given(degree=st.integers(1, 6), seed=st.integers(0, 2**32), size=st.sampled_from([1e-6, 1.0, 1e6]))
def test_no_point_of_a_fine_grid_is_lower(degree: int, seed: int, size: float) -> None:
    coefficients = size * np.random.default_rng(seed).normal(size=(degree + 1, 2))
    shift, value = lowest(samples(coefficients))
    grid = polynomial(coefficients, np.linspace(-math.pi, math.pi, 20_001))
    assert -math.pi < shift <= math.pi
    assert value == pytest.approx(float(polynomial(coefficients, np.array([shift]))[0]), rel=1e-9, abs=1e-9 * size)
    assert value <= grid.min() + 1e-12 * size
    assert value >= grid.min() - 1e-5 * size * degree**2, "and it is on the curve"


@settings(max_examples=100, deadline=None)
@given(phase=st.floats(-math.pi, math.pi), amplitude=st.floats(1e-3, 1e3), mean=st.floats(-10, 10))
def test_a_sinusoid_in_closed_form(phase: float, amplitude: float, mean: float) -> None:
    at = 2 * math.pi * np.arange(3) / 3
    shift, value = lowest(mean + amplitude * np.cos(at + phase))
    assert math.cos(shift + phase) == pytest.approx(-1.0)
    assert value == pytest.approx(mean - amplitude, abs=1e-12 * (1 + abs(mean) + amplitude))


def test_where_nothing_depends_on_the_parameter_it_stays() -> None:
    assert lowest(np.full(3, 1.7)) == (0.0, pytest.approx(1.7))
    assert lowest(np.zeros(5)) == (0.0, 0.0)
    assert lowest(np.array([1e-300, 0.0, 0.0]))[1] <= 0.0


def separable(seed: int, n: int) -> tuple[Array, Array, float]:
    generator = np.random.default_rng(seed)
    amplitudes, phases = generator.uniform(0.1, 3.0, n), generator.uniform(-math.pi, math.pi, n)
    return amplitudes, phases, -float(amplitudes.sum())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 6))
def test_separable_sinusoids_are_solved_in_one_sweep(seed: int, n: int) -> None:
    amplitudes, phases, least = separable(seed, n)
    start = np.random.default_rng(seed + 1).uniform(-3, 3, n)
    optimizer = Rotosolve(start, maxiter=1)
    outcome = drive(optimizer, lambda points: np.cos(points + phases) @ amplitudes)
    assert (outcome.iterations, outcome.evaluations, outcome.reason) == (1, 3 * n, Stop.MAXITER)
    assert np.cos(outcome.x + phases) == pytest.approx(-np.ones(n))
    assert outcome.value == pytest.approx(least)
    second = drive(Rotosolve(start), lambda points: np.cos(points + phases) @ amplitudes)
    assert second.reason is Stop.TOLERANCE
    assert second.iterations <= 2
    assert second.value == pytest.approx(least, abs=1e-9)


def circuit_like(points: Array) -> Array:
    """Products of cosines: a sinusoid in each parameter, as the energy of a circuit is, but not separable."""
    x, y, z = points.T
    return (np.cos(x + 0.3) * np.cos(y - 0.9) + 0.5 * np.sin(y) * np.cos(z + 0.2) - 0.7 * np.sin(x) * np.sin(z)
            + 0.4 * np.cos(x))


def test_each_step_is_the_minimum_along_its_parameter_and_no_step_rises() -> None:
    optimizer, grid = Rotosolve([0.4, -1.2, 2.0], maxiter=10), np.linspace(-math.pi, math.pi, 4001)
    turn, before = 0, math.inf
    while not optimizer.done:
        batch = optimizer.ask()
        others = np.delete(batch, turn, axis=1)
        assert (others == others[0]).all(), "only one parameter moves"
        line = np.tile(batch[0], (len(grid), 1))
        line[:, turn] = grid
        optimizer.tell(circuit_like(batch))
        if optimizer.done and optimizer.reason is Stop.TOLERANCE:
            break
        assert circuit_like(optimizer.x[None])[0] <= circuit_like(line).min() + 1e-12
        assert optimizer.value == pytest.approx(float(circuit_like(optimizer.x[None])[0]), abs=1e-12)
        assert optimizer.value <= before + 1e-12
        turn, before = (turn + 1) % 3, optimizer.value
    assert optimizer.iteration >= 2


def test_a_parameter_of_several_gates_needs_its_frequencies() -> None:
    def energy(points: Array) -> Array:
        return np.cos(points[:, 0]) + 0.8 * np.cos(2 * points[:, 0] + 1.1) + 0.3 * np.sin(3 * points[:, 0])

    right = drive(Rotosolve([0.2], frequencies=3, maxiter=1), energy)
    least = energy(np.linspace(-math.pi, math.pi, 200_001)[:, None]).min()
    assert right.evaluations == 7
    assert float(energy(right.x[None])[0]) == pytest.approx(least, abs=1e-8)
    assert right.value == pytest.approx(least, abs=1e-8)
    wrong = drive(Rotosolve([0.2], frequencies=1, maxiter=1), energy)
    assert float(energy(wrong.x[None])[0]) > least + 0.005


def test_the_last_evaluation_is_told() -> None:
    noise = np.random.Generator(np.random.Philox(3))
    told: list[float] = []

    def noisy(points: Array) -> Array:
        values = circuit_like(points) + 0.05 * noise.standard_normal(len(points))
        told.extend(values.tolist())
        return np.asarray(values)

    outcome = drive(Rotosolve([0.1, 0.2, 0.3], maxiter=4, ftol=0.0, last_evaluation=True), noisy)
    assert outcome.evaluations == 4 * 9 + 1
    assert outcome.value == told[-1]


def test_values_that_overflow_stop_it() -> None:
    optimizer = Rotosolve([0.1])
    optimizer.ask()
    optimizer.tell(np.array([1.7e308, 1.7e308, -1.7e308]))
    assert optimizer.reason in (None, Stop.DIVERGED)
    assert np.isfinite(optimizer.x).all() or optimizer.reason is Stop.DIVERGED


@pytest.mark.parametrize(("option", "given", "message"), [
    ("frequencies", 65, "frequencies is 65. it must be a whole number of at least 1 and at most 64"),
    ("frequencies", [1], "frequencies has 1 entries. there are 2 parameters"),
    ("ftol", -1e-9, "ftol is -1e-09. it must be a finite number >= 0"),
    ("last_evaluation", "yes", "last_evaluation is 'yes'. it must be True or False"),
])
def test_options(option: str, given: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        by_name.make("rotosolve", [0.1, 0.2], **{option: given})


def test_a_dump_of_a_parameter_that_does_not_exist_is_refused() -> None:
    optimizer = Rotosolve([0.1, 0.2])
    dump = wire.unpack(optimizer.dumps())
    for turn, message in ((2, "there is no parameter 2"), (-1, "cannot be read")):
        state = {**msgspec.msgpack.decode(dump.state), "turn": turn}
        body = wire.encode(msgspec.structs.replace(dump, state=msgspec.Raw(msgspec.msgpack.encode(state))))
        with pytest.raises(InvalidInput, match=message):
            by_name.loads(wire._checksum(body) + body)
