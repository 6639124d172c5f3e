"""Pauli transfer matrices: what gates and channels do to the expectation values of Pauli strings.

`R[i, j] = tr(P_i E(P_j)) / 2^n` in the order I, X, Y, Z; of two qubits the first runs fastest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Transfer = NDArray[np.float64]
GROUND = np.array([1.0, 0.0, 0.0, 1.0])
"""A qubit in its ground state: expectation values of I, X, Y, Z."""


def ideal(name: str) -> Transfer:
    """The transfer matrix of a fixed gate of Qiskit's library, by its name."""
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.quantum_info import PTM, Operator

    return np.ascontiguousarray(np.real(PTM(Operator(get_standard_gate_name_mapping()[name])).data))


def transfer_of(superoperator: NDArray[np.complex128]) -> Transfer:
    """The transfer matrix of a superoperator on column-stacked density matrices (4^n, 4^n), n = 1 or 2.

    Column stacking puts the row's bits behind the column's; string P_i is `vec(P_i)` there.
    """
    strings = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1j, -1j, 0], [1, 0, 0, -1]])   # vec of I, X, Y, Z by columns
    if superoperator.shape[0] > 4:
        # From (A, column, row, B, column, row) to vec(A x B): columns first, then rows.
        both = np.multiply.outer(strings.reshape(4, 2, 2), strings.reshape(4, 2, 2))
        strings = both.transpose(0, 3, 1, 4, 2, 5).reshape(16, 16)
    norm = np.sqrt(float(superoperator.shape[0]))
    return np.ascontiguousarray((strings.conj() @ superoperator @ strings.T).real / norm)


def rotations(angles: NDArray[np.float64]) -> Transfer:
    """Rotations about z by angles (k,) in radians: (k, 4, 4)."""
    found = np.zeros((angles.size, 4, 4))
    found[:, 0, 0] = found[:, 3, 3] = 1.0
    found[:, 1, 1] = found[:, 2, 2] = np.cos(angles)
    found[:, 2, 1] = np.sin(angles)
    found[:, 1, 2] = -found[:, 2, 1]
    return found


def exchanged(pair: Transfer) -> Transfer:
    """The same on two qubits that have changed places."""
    return np.ascontiguousarray(pair.reshape(4, 4, 4, 4).transpose(1, 0, 3, 2).reshape(16, 16))
