"""Many strings at once, and circuits that branch, against Qiskit's state vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli, Statevector

from qloop.qpus.simulators.branching import Point, Tree, values_of
from qloop.qpus.simulators.lowering import lower
from qloop.qpus.simulators.strings import Strings

from .drawn import circuit_of


def _random_state(n_qubits: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    random = np.random.Generator(np.random.Philox(key=seed))
    return random.normal(size=(2**n_qubits, 2)).view(np.complex128).ravel()


@given(st.integers(1, 6), st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_values_are_those_of_each_string(n_qubits: int, seed: int, count: int) -> None:
    random = np.random.Generator(np.random.Philox(key=seed))
    masks = [(int(random.integers(2**n_qubits)), int(random.integers(2**n_qubits))) for _ in range(count)]
    state = _random_state(n_qubits, seed)
    wanted = [np.vdot(state, _matrix(x, z, n_qubits) @ state).real for x, z in masks]
    np.testing.assert_allclose(Strings(masks, n_qubits)(state), wanted, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("mask", [(0, 1 << 13), (1 << 13, 1), (1, 1 << 12), (1 << 12 | 1, 1 << 12 | 1),
                                  (1 << 13 | 2, 3)])
def test_strings_reach_across_chunks(mask: tuple[int, int]) -> None:
    n_qubits = 17
    whole = QuantumCircuit(n_qubits)
    whole.compose(circuit_of(5, 4, 12), [0, 1, 12, 13], inplace=True)
    state = Statevector(whole)
    label = Pauli((_bits(mask[1], n_qubits), _bits(mask[0], n_qubits)))
    wanted = state.expectation_value(label).real
    assert Strings([mask], n_qubits)(np.ascontiguousarray(state.data))[0] == pytest.approx(wanted, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_all_choices_of_a_tree_are_those_of_single_circuits(seed: int, taken: int) -> None:
    n_qubits = 3
    random = np.random.Generator(np.random.Philox(key=seed))
    pieces = [circuit_of(seed + k, n_qubits, 5) for k in range(3)]
    points = tuple(Point(int(random.integers(n_qubits)), random.normal(size=(size, 2, 4)).view(np.complex128))
                   for size in (2, 3))
    strings = ((0, 5), (3, 1), (0, 0))
    tree = Tree(n_qubits, tuple(lower(piece) for piece in pieces), points, strings)
    prefix = (1, 2)[:taken]
    found = values_of(tree, prefix)
    assert found.shape == tree.shape(taken)
    for choice in np.ndindex(*tree.shape(taken)[:-1]):
        whole = (*prefix, *choice)
        state = Statevector.from_label("0" * n_qubits)
        for k, piece in enumerate(pieces):
            state = state.evolve(piece)
            if k < len(points):
                state = Statevector(_on(points[k].operators[whole[k]], points[k].qubit, n_qubits) @ state.data)
        wanted = [np.vdot(state.data, _matrix(x, z, n_qubits) @ state.data).real for x, z in strings]
        np.testing.assert_allclose(found[choice], wanted, rtol=1e-9, atol=1e-9)


def _matrix(x: int, z: int, n_qubits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    return np.asarray(Pauli((_bits(z, n_qubits), _bits(x, n_qubits))).to_matrix())


def _bits(mask: int, n_qubits: int) -> list[bool]:
    return [bool(mask >> k & 1) for k in range(n_qubits)]


def _on(operator: np.ndarray[tuple[int, ...], np.dtype[np.complex128]], qubit: int,
        n_qubits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    return np.asarray(np.kron(np.kron(np.eye(2 ** (n_qubits - qubit - 1)), operator), np.eye(2**qubit)), np.complex128)
