"""With shots: results have PennyLane's form, are repeatable, and come from the right distribution."""

from __future__ import annotations

import math

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qloop
from qloop.loops.pennylane.device import SessionDevice
from tests.ecosystem.pennylane_circuits import device, observables, operations, reference, several, words

SHOTS = 4000


@pytest.fixture(scope="module")
def dev():
    with device() as made:
        yield made


def _run(dev, steps, measurements, shots):
    tape = qml.tape.QuantumScript(steps, measurements, shots=shots)
    (result,) = qml.execute([tape], dev)
    return result


def _exact(steps, measurements):
    return _run(reference(), steps, measurements, None)


def _spread(observable) -> float:
    """A bound of the standard deviation of one shot of an estimate, however its strings are grouped."""
    sentence = observable.pauli_rep
    return sum(abs(c) for c in sentence.values()) if sentence else float(np.ptp(observable.eigvals()))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(steps=st.lists(operations(), max_size=8), seen=st.lists(observables(), min_size=1, max_size=3), word=words())
def test_expectation_values_are_within_six_sigma(dev, steps, seen, word):
    measurements = [qml.expval(one) for one in [*seen, word]]
    ours, theirs = _run(dev, steps, measurements, SHOTS), _exact(steps, measurements)
    for one, other, observable in zip(ours, theirs, [*seen, word], strict=True):
        assert abs(one - other) <= 6.0 * _spread(observable) / math.sqrt(SHOTS) + 1e-9


@settings(max_examples=25, deadline=None, derandomize=True)
@given(steps=st.lists(operations(), max_size=8), order=several, wide=st.integers(1, 4), word=words())
def test_frequencies_are_within_six_sigma(dev, steps, order, wide, word):
    measurements = [qml.probs(wires=order[:wide]), qml.probs(op=word)]
    for one, chance in zip(_run(dev, steps, measurements, SHOTS), _exact(steps, measurements), strict=True):
        assert one.sum() == pytest.approx(1.0)
        assert (np.abs(one - chance) <= 6.0 * np.sqrt(chance * (1 - chance) / SHOTS) + 4.0 / SHOTS).all()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(steps=st.lists(operations(), max_size=5), word=words(), order=several)
def test_counts_samples_and_means_of_one_basis_are_of_the_same_shots(dev, steps, word, order):
    counts, samples, mean, spread = _run(
        dev, steps, [qml.counts(word), qml.sample(word), qml.expval(word), qml.var(word)], 200)
    assert sum(counts.values()) == 200
    assert {value: list(samples).count(value) for value in counts} == counts
    assert np.mean(samples) == pytest.approx(mean)
    assert np.var(samples) == pytest.approx(spread)
    bits, strings = _run(dev, steps, [qml.sample(wires=order[:2]), qml.counts(wires=order[:2])], 200)
    assert bits.shape == (200, 2)
    seen = ["".join(map(str, row)) for row in bits]
    assert {string: seen.count(string) for string in strings} == strings


def test_samples_of_one_circuit_keep_their_correlation(dev):
    """In (|00> + |11>)/sqrt 2 both qubits agree in every shot, whoever asks for them."""
    steps = [qml.H("a"), qml.CNOT(["a", 7])]
    first, second, words = _run(dev, steps, [qml.sample(qml.Z("a")), qml.sample(qml.Z(7)), qml.counts()], 500)
    assert (first == second).all()
    assert 150 < (first == 1.0).sum() < 350
    assert set(words) <= {"0000", "1100"}


def test_the_order_of_samples_tells_nothing(dev):
    """Samples come of counts; a run of equal outcomes would bias whoever takes the first few."""
    values = _run(dev, [qml.H("b")], [qml.sample(wires="b")], 400).ravel()
    assert np.diff(values).astype(bool).sum() > 120


def test_all_outcomes_and_eigenvalues(dev):
    steps = [qml.X("a")]
    seen = _run(dev, steps, [qml.counts(wires=["a", "b"], all_outcomes=True)], 10)
    assert seen == {"00": 0, "01": 0, "10": 10, "11": 0}
    assert _run(dev, steps, [qml.counts(2.0 * qml.Z("a"))], 10) == {-2.0: 10}
    assert _run(dev, steps, [qml.var(qml.Z("a") + 0.5 * qml.X("a") @ qml.X(7))], 1000) == pytest.approx(0.25, abs=0.05)


def test_several_numbers_of_shots(dev):
    steps = [qml.RX(0.4, "a")]
    parts = _run(dev, steps, [qml.counts(wires="a"), qml.expval(qml.Y("a"))], (10, 20, 20))
    assert [sum(counts.values()) for counts, _ in parts] == [10, 20, 20]
    assert _run(dev, steps, [qml.expval(qml.Z("a"))], (5, 7))[1] in {1.0 - 2.0 * k / 7 for k in range(8)}


def test_the_seed_decides_everything():
    def results(seed):
        with qloop.Runtime(journal=":memory:") as runtime:
            dev = SessionDevice(wires=3, runtime=runtime, seed=seed)
            steps = [qml.H(0), qml.RY(0.7, 1), qml.CNOT([1, 2])]
            return repr(_run(dev, steps, [qml.sample(), qml.counts(qml.X(0)), qml.expval(qml.Y(2))], 50))

    assert results(5) == results(5)
    assert results(5) != results(6)


def test_what_is_counted(dev):
    tapes = [qml.tape.QuantumScript([qml.RX(x, 0)], [qml.expval(qml.Z(0)), qml.probs(wires=0), qml.expval(qml.X(0))],
                                    shots=100) for x in (0.1, 0.2, 0.3)]
    bought = dev.session.usage()["shots"]
    with qml.Tracker(dev) as tracker:
        dev.execute(tapes)
    assert tracker.totals["quantum_tasks"] == 2     # one for each basis
    assert tracker.totals["evaluations"] == 6
    assert dev.session.usage()["shots"] - bought == 600
