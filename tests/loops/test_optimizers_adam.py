"""The parameter-shift gradient against closed formulas and real circuits, and Adam against its published steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.optimizers.adam import GradientAdam
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.protocol import Array, Stop
from qloop.loops.optimizers.shift import shift_rule


def gradient_from(function, theta: Array, frequencies: list[int]) -> Array:  # type: ignore[no-untyped-def]
    """The gradient as the optimizer computes it: from its own batch, by its own weights."""
    optimizer = GradientAdam(theta, frequencies=frequencies, evaluate_incumbent=False)
    index, _, weights = shift_rule(frequencies)
    return np.bincount(index, weights * function(optimizer.ask()), minlength=len(theta))


@settings(max_examples=80, deadline=None)
@given(frequencies=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 2**32))
def test_the_gradient_of_sums_of_sinusoids_is_exact(frequencies: list[int], seed: int) -> None:
    """A product over parameters of trigonometric polynomials, each of its declared degree."""
    draw = np.random.default_rng(seed)
    theta = draw.uniform(-4, 4, len(frequencies))
    waves = [(draw.normal(), draw.normal(size=r), draw.normal(size=r)) for r in frequencies]

    def factor(j: int, angle: Array) -> Array:
        offset, sines, cosines = waves[j]
        n = np.arange(1, frequencies[j] + 1)
        return offset + np.sin(np.multiply.outer(angle, n)) @ sines + np.cos(np.multiply.outer(angle, n)) @ cosines

    def slope(j: int, angle: float) -> float:
        _, sines, cosines = waves[j]
        n = np.arange(1, frequencies[j] + 1)
        return float(np.sum(n * (sines * np.cos(n * angle) - cosines * np.sin(n * angle))))

    def function(points: Array) -> Array:
        return np.prod([factor(j, points[:, j]) for j in range(len(frequencies))], axis=0)

    others = [np.prod([factor(i, theta[i:i + 1])[0] for i in range(len(theta)) if i != j]) for j in range(len(theta))]
    expected = np.array([slope(j, theta[j]) * others[j] for j in range(len(theta))])
    scale = 1 + np.max(np.abs(function(theta[None]))) + np.max(np.abs(expected))
    assert np.allclose(gradient_from(function, theta, frequencies), expected, rtol=1e-9, atol=1e-9 * scale)


def test_one_frequency_is_two_points_at_a_quarter_turn() -> None:
    index, shifts, weights = shift_rule([1, 1])
    assert index.tolist() == [0, 0, 1, 1]
    assert shifts.tolist() == [np.pi / 2, -np.pi / 2] * 2
    assert weights == pytest.approx([0.5, -0.5] * 2, abs=1e-15)


@pytest.mark.parametrize("frequencies", [[1] * 3, [2, 5, 1]])
def test_weights_annihilate_constants_and_the_batch_has_two_points_a_frequency(frequencies: list[int]) -> None:
    optimizer = GradientAdam([0.1, 0.2, 0.3], frequencies=frequencies)
    batch = optimizer.ask()
    assert len(batch) == 2 * sum(frequencies) + 1
    assert np.array_equal(batch[-1], [0.1, 0.2, 0.3])
    assert np.all(np.count_nonzero(batch[:-1] != batch[-1], axis=1) == 1)
    index, _, weights = shift_rule(frequencies)
    assert np.bincount(index, weights) == pytest.approx([0, 0, 0], abs=1e-12)


def energy(circuit, observable):  # type: ignore[no-untyped-def]
    from qiskit.quantum_info import Statevector

    def values(points: Array) -> Array:
        return np.array([Statevector(circuit.assign_parameters(p)).expectation_value(observable).real for p in points])
    return values


def slopes(function, theta: Array) -> Array:  # type: ignore[no-untyped-def]
    """Central differences of fourth order: independent of any shift rule, good to about 1e-10."""
    h, eye = 1e-3, np.eye(len(theta))
    near, far = (function(theta + s * h * eye) - function(theta - s * h * eye) for s in (1, 2))
    return (8 * near - far) / (12 * h)


def test_the_gradient_of_a_circuit_with_one_gate_a_parameter_is_exact() -> None:
    from qiskit.circuit.library import efficient_su2
    from qiskit.quantum_info import SparsePauliOp

    circuit = efficient_su2(3, reps=1)
    function = energy(circuit, SparsePauliOp(["ZZI", "IXX", "YIZ", "III"], [1.0, -0.7, 0.4, 2.0]))
    theta = np.random.default_rng(4).uniform(-3, 3, circuit.num_parameters)
    assert gradient_from(function, theta, [1] * len(theta)) == pytest.approx(slopes(function, theta), abs=1e-8)


def test_qaoa_needs_its_frequencies() -> None:
    """One angle on three edges of a triangle with a tail: two points are wrong, as many as gates are exact."""
    from qiskit.circuit import Parameter, QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    edges = [(0, 1), (1, 2), (0, 2), (2, 3)]
    beta, gamma = Parameter("a_beta"), Parameter("b_gamma")
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    for i, j in edges:
        circuit.rzz(gamma, i, j)
    circuit.rx(beta, range(4))
    cost = SparsePauliOp.from_sparse_list([("ZZ", [i, j], 1.0) for i, j in edges], 4)
    function, theta = energy(circuit, cost), np.array([0.4, 0.9])
    expected = slopes(function, theta)
    assert gradient_from(function, theta, [4, len(edges)]) == pytest.approx(expected, abs=1e-8)
    assert np.max(np.abs(gradient_from(function, theta, [1, 1]) - expected)) > 0.05


def test_adam_takes_the_steps_of_its_paper() -> None:
    """Algorithm 1 of Kingma and Ba, written out once more for f = sin(x) + 2 sin(y)."""
    size, theta = np.array([1.0, 2.0]), np.array([0.3, -1.2])
    optimizer = GradientAdam(theta, learning_rate=0.05, beta1=0.8, beta2=0.95, eps=1e-6, evaluate_incumbent=False)
    first = second = np.zeros(2)
    for t in range(1, 40):
        optimizer.tell(np.sin(optimizer.ask()) @ size)
        gradient = size * np.cos(theta)
        first, second = 0.8 * first + 0.2 * gradient, 0.95 * second + 0.05 * gradient**2
        theta = theta - 0.05 * (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.95**t)) + 1e-6)
        assert optimizer.x == pytest.approx(theta, abs=1e-10)
        assert optimizer.value is None
        assert optimizer.iteration == t


def test_it_finds_the_known_minimum_and_stops_by_its_gradient() -> None:
    outcome = drive(GradientAdam([0.3, 2.0, -1.0], maxiter=2000), lambda points: np.sin(points) @ [1.0, 2.0, 0.5])
    assert outcome.reason is Stop.TOLERANCE
    assert outcome.value == pytest.approx(-3.5, abs=1e-10)
    assert np.sin(outcome.x) == pytest.approx([-1, -1, -1], abs=1e-10)
    assert outcome.evaluations == 7 * outcome.iterations


def test_the_incumbent_is_the_best_iterate_evaluated() -> None:
    """With a step far too long the values go up and down; the incumbent never gets worse."""
    optimizer, seen = GradientAdam([0.1], learning_rate=2.5, maxiter=30), []
    while not optimizer.done:
        batch = optimizer.ask()
        optimizer.tell(np.sin(batch[:, 0]))
        seen.append((float(np.sin(batch[-1, 0])), batch[-1].copy()))
        best = min(seen, key=lambda pair: pair[0])
        assert (optimizer.value, optimizer.x.tolist()) == (best[0], best[1].tolist())
    assert any(later[0] > earlier[0] for earlier, later in pairwise(seen))
