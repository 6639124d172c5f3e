"""A small noise model, simulated exactly: depolarizing after each gate, and bits that flip when they are read.

A density matrix of n qubits is a vector of 2 n qubits here: rows are qubits n and up, columns those below. So a noisy
gate is one matrix on twice as many qubits.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.miniapps.motifs import dense

Floats = NDArray[np.float64]


class NoiseModel(msgspec.Struct, frozen=True):
    """Probabilities: `two_qubit` and `one_qubit` of depolarizing after a gate, `read_0` and `read_1` of misreading."""

    two_qubit: float
    one_qubit: float
    read_0: float
    read_1: float


def outcome_probabilities(n_qubits: int, program: Sequence[dense.Operation], noise: NoiseModel) -> Floats:
    """The probability (2^n,) of each bit string that is read after a noisy program on |0...0>."""
    rho = np.zeros(1 << (2 * n_qubits), np.complex128)
    rho[0] = 1.0
    for one in program:
        share = noise.two_qubit if len(one.qubits) == 2 else noise.one_qubit
        rho = dense.apply(rho, _channel(one, share, n_qubits))
    true = np.ascontiguousarray(np.diagonal(rho.reshape(1 << n_qubits, -1))).astype(np.complex128)
    for qubit in range(n_qubits):
        true = dense.apply(true, dense.Operation(assignment(noise).astype(np.complex128), (qubit,)))
    return np.asarray(np.clip(true.real, 0.0, None) / true.real.sum(), np.float64)


def assignment(noise: NoiseModel) -> Floats:
    """Column k: the probabilities of reading 0 and 1 where the bit is k."""
    return np.array([[1.0 - noise.read_0, noise.read_1], [noise.read_0, 1.0 - noise.read_1]])


def _channel(gate: dense.Operation, share: float, n_qubits: int) -> dense.Operation:
    """The gate, then with probability `share` the completely mixed state of its qubits."""
    size = len(gate.matrix)
    unitary = np.kron(gate.matrix, gate.matrix.conj())
    mixed = np.outer(np.eye(size).reshape(-1), np.eye(size).reshape(-1)) / size
    rows = tuple(qubit + n_qubits for qubit in gate.qubits)
    return dense.Operation((1.0 - share) * unitary + share * mixed.astype(np.complex128), (*gate.qubits, *rows))
