"""Without shots, the device says what PennyLane's own state-vector device says."""

from __future__ import annotations

import math

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.pennylane.device import SessionDevice
from tests.ecosystem.pennylane_circuits import (
    WIRES,
    angles,
    device,
    observables,
    operations,
    random_unitary,
    reference,
    several,
    words,
)


@pytest.fixture(scope="module")
def dev():
    with device() as made:
        yield made


def _both(dev, steps, measurements):
    tape = qml.tape.QuantumScript(steps, measurements)
    (ours,), (theirs,) = qml.execute([tape], dev), qml.execute([tape], reference())
    if len(measurements) == 1:
        ours, theirs = (ours,), (theirs,)
    for one, other in zip(ours, theirs, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(operations(), max_size=12), seen=st.lists(observables(), min_size=1, max_size=3))
def test_expectation_values(dev, steps, seen):
    _both(dev, steps, [qml.expval(one) for one in seen])


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(operations(), max_size=8), order=several, wide=st.integers(1, 4), word=words(),
       seen=observables())
def test_probabilities_and_variances(dev, steps, order, wide, word, seen):
    _both(dev, steps, [qml.probs(wires=order[:wide]), qml.var(seen), qml.probs(op=word), qml.var(word)])


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.tuples(angles, angles), min_size=1, max_size=6))
def test_a_batch_of_angles_is_one_quantum_task(dev, rows):
    first, second = np.array(rows).T

    def circuit(x, y):
        qml.RX(x, "a")
        qml.CNOT(["a", 7])
        qml.RY(y, 7)
        return qml.expval(qml.Z(7) + 0.5 * qml.X("a"))

    with qml.Tracker(dev) as tracker:
        ours = qml.QNode(circuit, dev)(first, second)
    np.testing.assert_allclose(ours, qml.QNode(circuit, reference())(first, second), rtol=0, atol=1e-9)
    assert tracker.totals["quantum_tasks"] == 1
    assert tracker.totals["evaluations"] == len(rows)


def test_closed_form(dev):
    """<Z> after RX(x) is cos x, its variance sin² x, the chance of 1 is sin²(x/2)."""
    @qml.qnode(dev)
    def circuit(x):
        qml.RX(x, "b")
        return qml.expval(qml.Z("b")), qml.var(qml.Z("b")), qml.probs("b")

    for x in (0.0, 0.7, math.pi, -2.4):
        mean, variance, chances = circuit(x)
        assert mean == pytest.approx(math.cos(x), abs=1e-12)
        assert variance == pytest.approx(math.sin(x) ** 2, abs=1e-12)
        assert chances == pytest.approx([math.cos(x / 2) ** 2, math.sin(x / 2) ** 2], abs=1e-12)


def test_state_preparation_and_templates(dev):
    amplitudes = random_unitary(3, 4)[0]
    layers = np.linspace(-3.0, 3.0, 24).reshape(2, 4, 3)
    _both(dev, [qml.StatePrep(amplitudes, wires=WIRES), qml.StronglyEntanglingLayers(layers, wires=WIRES)],
          [qml.probs(wires=WIRES), qml.expval(qml.Y(0) @ qml.X("a"))])
    _both(dev, [qml.BasisState(np.array([1, 0, 1, 1]), wires=WIRES), qml.QFT(wires=WIRES),
                qml.DoubleExcitationPlus(0.4, wires=WIRES), qml.Barrier(WIRES), qml.GlobalPhase(0.3)],
          [qml.probs(wires=WIRES)])


def test_wires_without_names_come_from_the_circuit(dev):
    with device(wires=None) as free:
        @qml.qnode(free)
        def circuit(x):
            qml.RX(x, "p")
            qml.CNOT(["p", "q"])
            return qml.probs(), qml.expval(qml.Z("never touched"))

        chances, mean = circuit(0.9)
    expected = [math.cos(0.45) ** 2, 0, 0, 0, 0, 0, math.sin(0.45) ** 2, 0]
    assert chances == pytest.approx(expected, abs=1e-12)
    assert mean == pytest.approx(1.0)


def test_empty_circuits_and_constants(dev):
    _both(dev, [], [qml.expval(qml.Z("a")), qml.expval(qml.Identity(7)), qml.expval(qml.X(0) - qml.X(0))])


def test_a_deferred_measurement_when_it_is_asked_for(dev):
    def circuit(x):
        qml.RX(x, "a")
        bit = qml.measure("a")
        qml.cond(bit, qml.X)("b")
        return qml.expval(qml.Z("b")), qml.expval(bit), qml.probs(op=[bit])

    with device(wires=("a", "b", 0)) as wide:
        ours = qml.QNode(circuit, wide, mcm_method="deferred")(1.1)
        theirs = qml.QNode(circuit, qml.device("default.qubit"), mcm_method="deferred")(1.1)
        seen = qml.set_shots(qml.QNode(lambda: (qml.X("a"), qml.counts(qml.measure("a")))[1], wide,
                                       mcm_method="deferred"), 20)()
    assert seen == {1: 20}
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_circuits_of_one_shape_are_compiled_once(dev, monkeypatch):
    prepared = []
    client = dev.session._client
    original = client.prepare
    monkeypatch.setattr(client, "prepare", lambda *given: prepared.append(given) or original(*given))

    @qml.qnode(dev)
    def circuit(x):
        qml.CRX(x, ["a", "b"])
        qml.RY(2 * x, 0)
        return qml.expval(qml.Y(0) @ qml.Y("b"))

    for x in (0.1, 0.2, 0.3):
        circuit(x)
    assert len(prepared) == 1


def test_one_session_for_two_devices_stays_its_owners(dev):
    session = dev.session
    with pytest.raises(ValueError, match="Both a session and its settings were given"):
        SessionDevice(wires=2, session=session, seed=3)
    other = SessionDevice(wires=1, session=session)
    assert qml.QNode(lambda: qml.expval(qml.Z(0)), other)() == pytest.approx(1.0)
    other.close()
    assert session.status() != "closed"
