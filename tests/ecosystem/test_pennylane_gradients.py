"""Gradients are PennyLane's own transforms; all their circuits are submitted at once."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane import numpy as pnp

import qloop
from qloop.loops.pennylane.device import SessionDevice
from tests.ecosystem.pennylane_circuits import device, reference

FIELD = qml.Hamiltonian([1.0, -0.4, 0.7], [qml.Z(0) @ qml.Z(1), qml.X(1), qml.Y(0) @ qml.X(2)])


@pytest.fixture(scope="module")
def dev():
    with device(wires=3) as made:
        yield made


def ansatz(x):
    qml.RX(x[0], 0)
    qml.Rot(x[1], x[2], x[3], 1)
    qml.CRY(x[4], [0, 2])
    qml.IsingXY(x[5], [1, 2])


def energy(x):
    ansatz(x)
    return qml.expval(FIELD)


points = st.lists(st.floats(-3, 3), min_size=6, max_size=6).map(lambda x: pnp.array(x, requires_grad=True))


@settings(max_examples=15, deadline=None)
@given(x=points)
def test_parameter_shift_is_backpropagation(dev, x):
    ours = qml.grad(qml.QNode(energy, dev, diff_method="parameter-shift"))(x)
    np.testing.assert_allclose(ours, qml.grad(qml.QNode(energy, reference(3)))(x), rtol=0, atol=1e-9)


@settings(max_examples=6, deadline=None)
@given(x=points)
def test_finite_differences_are_near(dev, x):
    ours = qml.grad(qml.QNode(energy, dev, diff_method="finite-diff"))(x)
    np.testing.assert_allclose(ours, qml.grad(qml.QNode(energy, reference(3)))(x), rtol=0, atol=1e-5)


@settings(max_examples=6, deadline=None)
@given(x=points)
def test_jacobians_of_probabilities_and_variances(dev, x):
    def circuit(x):
        ansatz(x)
        return qml.probs(wires=[2, 0]), qml.var(qml.Z(1) @ qml.X(0))

    def stacked(x, on):
        chances, spread = qml.QNode(circuit, on, diff_method="parameter-shift")(x)
        return qml.math.hstack([chances, spread])

    np.testing.assert_allclose(qml.jacobian(stacked)(x, dev), qml.jacobian(stacked)(x, reference(3)), rtol=0,
                               atol=1e-8)


def test_the_best_method_is_parameter_shift(dev):
    assert qml.workflow.get_best_diff_method(qml.QNode(energy, dev))(np.zeros(6)) == "parameter-shift"


def test_a_gradient_is_one_quantum_task(dev):
    x = pnp.array(np.linspace(-1, 1, 6), requires_grad=True)
    with qml.Tracker(dev) as tracker:
        qml.gradients.param_shift(qml.QNode(energy, dev))(x)
    assert tracker.totals["batches"] == 1
    assert tracker.totals["quantum_tasks"] == 1     # all shifted circuits have one shape
    assert tracker.totals["evaluations"] == tracker.totals["simulations"] >= 12


def test_hessian(dev):
    x = pnp.array([0.3, -0.8], requires_grad=True)

    def circuit(x):
        qml.RX(x[0], 0)
        qml.CNOT([0, 1])
        qml.RY(x[1], 1)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    ours = qml.jacobian(qml.grad(qml.QNode(circuit, dev, diff_method="parameter-shift", max_diff=2)))(x)
    theirs = qml.jacobian(qml.grad(qml.QNode(circuit, reference(3), diff_method="parameter-shift", max_diff=2)))(x)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_gradients_with_shots_point_the_same_way(dev):
    x = pnp.array(np.linspace(-1, 1, 6), requires_grad=True)
    noisy = qml.set_shots(qml.QNode(energy, dev, diff_method="parameter-shift"), 4000)
    assert qml.grad(noisy)(x) == pytest.approx(qml.grad(qml.QNode(energy, reference(3)))(x), abs=0.2)


def test_an_optimizer_of_pennylane_finds_the_ground_state(dev):
    field = qml.Hamiltonian([1.0, 0.5, 0.5], [qml.Z(0) @ qml.Z(1), qml.X(0), qml.X(1)])

    @qml.qnode(dev)
    def cost(x):
        qml.StronglyEntanglingLayers(x, wires=[0, 1])
        return qml.expval(field)

    x = pnp.array(np.random.Generator(np.random.Philox(key=2)).uniform(-1, 1, (2, 2, 3)), requires_grad=True)
    step = qml.AdamOptimizer(0.2)
    for _ in range(60):
        x = step.step(cost, x)
    lowest = np.linalg.eigvalsh(qml.matrix(field, wire_order=[0, 1]))[0]
    assert cost(x) == pytest.approx(lowest, abs=2e-3)


def test_a_gradient_on_a_twin_in_virtual_time():
    """The twin's noise scales the gradient down, its direction stays; emulated seconds pass."""
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:", seed=1) as runtime:
        dev = SessionDevice(wires=3, runtime=runtime, qpu="twin-hanoi", seed=4)
        x = pnp.array(np.linspace(-1, 1, 6), requires_grad=True)
        noisy = qml.grad(qml.set_shots(qml.QNode(energy, dev, diff_method="parameter-shift"), 20_000))(x)
        assert runtime.now_s() > 10.0
    ideal = qml.grad(qml.QNode(energy, reference(3)))(x)
    cosine = noisy @ ideal / np.linalg.norm(noisy) / np.linalg.norm(ideal)
    assert cosine > 0.99
    assert np.linalg.norm(noisy) < np.linalg.norm(ideal)
