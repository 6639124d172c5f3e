"""The dense state vector against Qiskit's, and the noise model against channels written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Kraus, Operator, Pauli, Statevector

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import dense
from qloop.miniapps.motifs.drawn import drawn_circuit, drawn_observable
from qloop.miniapps.motifs.noise_model import NoiseModel, assignment, outcome_probabilities

SEEDS = st.integers(0, 2**20)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 6), layers=st.integers(1, 4), seed=SEEDS, line=st.booleans())
def test_states_and_values_are_qiskits(n: int, layers: int, seed: int, line: bool) -> None:
    circuit, observable = drawn_circuit(n, layers, seed, 3, line=line), drawn_observable(n, 4, seed, 3)
    state = dense.run(n, dense.operations(circuit))
    assert np.allclose(state, Statevector(circuit).data, atol=1e-12)
    wanted = float(np.real(Statevector(circuit).expectation_value(observable)))
    assert dense.value_of(circuit, observable) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(label=st.text("IXYZ", min_size=1, max_size=5), seed=SEEDS)
def test_every_pauli_string_has_its_matrix(label: str, seed: int) -> None:
    n = len(label)
    state = Statevector(drawn_circuit(n, 2, seed, 0)).data
    wanted = np.vdot(state, Pauli(label).to_matrix() @ state).real
    assert dense.expectation(state, (dense.masks(label),)) == pytest.approx(wanted, abs=1e-12)


def test_three_qubit_gates_and_any_order_of_qubits() -> None:
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.ccx(3, 0, 2)
    circuit.cswap(1, 3, 0)
    circuit.ryy(0.3, 3, 1)
    assert np.allclose(dense.run(4, dense.operations(circuit)), Statevector(circuit).data)


def test_measurements_are_refused_with_what_to_do() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with pytest.raises(InvalidInput, match=r"has a measure.*takes gates alone"):
        dense.operations(circuit)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 12), terms=st.integers(1, 8), seed=SEEDS)
def test_drawn_observables_have_norm_one_and_never_the_identity(n: int, terms: int, seed: int) -> None:
    observable = drawn_observable(n, terms, seed, 1)
    assert np.abs(observable.coeffs).sum() == pytest.approx(1.0)
    assert all(set(label) != {"I"} for label in observable.paulis.to_labels())
    assert observable == drawn_observable(n, terms, seed, 1)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, two=st.floats(0, 0.2), one=st.floats(0, 0.1), read=st.floats(0, 0.2))
def test_noise_is_depolarizing_channels_and_flips(seed: int, two: float, one: float, read: float) -> None:
    circuit = drawn_circuit(3, 2, seed, 0)
    state = DensityMatrix.from_label("000")
    for each in circuit.data:
        where = [circuit.find_bit(qubit).index for qubit in each.qubits]
        state = state.evolve(Operator(each.operation), where)
        state = state.evolve(_depolarizing(len(where), two if len(where) == 2 else one), where)
    flips = np.array([[1 - read / 2, read], [read / 2, 1 - read]])
    wanted = np.kron(np.kron(flips, flips), flips) @ np.diag(state.data).real
    noise = NoiseModel(two, one, read / 2, read)
    assert np.allclose(assignment(noise), flips)
    assert np.allclose(outcome_probabilities(3, dense.operations(circuit), noise), wanted, atol=1e-12)


def _depolarizing(count: int, share: float) -> Kraus:
    """With probability `share` the completely mixed state: all Pauli strings alike."""
    strings = ["".join(letters) for letters in itertools.product("IXYZ", repeat=count)]
    weights = [share / 4**count + (1 - share if set(string) == {"I"} else 0) for string in strings]
    return Kraus([np.sqrt(weight) * Pauli(string).to_matrix() for weight, string in zip(weights, strings, strict=True)])
