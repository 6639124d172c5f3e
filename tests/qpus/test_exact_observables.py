"""Every way of computing an expectation value from amplitudes, against Qiskit's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import SparsePauliOp, random_statevector

from qloop.qpus.simulators import observable as module
from qloop.qpus.simulators.pauli import terms_of
from tests.qpus.circuits_for_tests import observable


def both(op: SparsePauliOp, seed: int) -> tuple[float, float]:
    state = random_statevector(2**op.num_qubits, seed=seed)
    amplitudes = np.array(state.data)
    ours = module.expectation_of(terms_of(op, op.num_qubits), op.num_qubits)(amplitudes)
    assert np.array_equal(amplitudes, state.data)
    return ours, float(state.expectation_value(op).real)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 9), terms=st.integers(1, 30), seed=st.integers(0, 10**6))
def test_dense_and_sparse(n, terms, seed):
    ours, truth = both(observable(n, seed, terms), seed)
    assert ours == pytest.approx(truth, abs=1e-11)


@pytest.mark.parametrize("chunk", [4, 1 << 16])
def test_without_a_stored_matrix(monkeypatch, chunk):
    monkeypatch.setattr(module, "_MATRIX_ENTRIES", 0)
    monkeypatch.setattr(module, "_CHUNK", chunk)
    ours, truth = both(observable(8, 3, 20), 3)
    assert ours == pytest.approx(truth, abs=1e-11)


@pytest.mark.parametrize("kept", [0, 22])
def test_wide_diagonals_by_chunks(monkeypatch, kept):
    monkeypatch.setattr(module, "_TABLE_QUBITS", kept)
    n = 17
    op = SparsePauliOp.from_sparse_list([("ZZ", [k, (k + 5) % n], 0.3 + k) for k in range(n)] + [("", [], 2.0)], n)
    ours, truth = both(op, 1)
    assert ours == pytest.approx(truth, abs=1e-10)


def test_real_strings_on_many_qubits():
    n = 13
    field = [("X", [k], 0.7) for k in range(n)] + [("YY", [0, 9], 0.2)]
    op = SparsePauliOp.from_sparse_list([("ZZ", [k, k + 1], -1.0) for k in range(n - 1)] + field, n)
    ours, truth = both(op, 2)
    assert ours == pytest.approx(truth, abs=1e-11)


def test_equal_strings_add_up_and_zeros_vanish():
    terms = terms_of(SparsePauliOp(["XY", "ZZ", "XY", "II"], [1.0, 2.0, -1.0, 0.5]), 2)
    assert [(term.x, term.z, term.coefficient) for term in terms] == [(0, 3, 2.0), (0, 0, 0.5)]
