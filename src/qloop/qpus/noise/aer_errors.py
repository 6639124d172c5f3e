"""Aer's errors as transfer matrices.

An error is a mixture of short circuits of Pauli gates, resets and Kraus channels. Few different operations occur in a
device's errors, so each is converted once; asking Qiskit for the whole superoperator takes about ten times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qloop.qpus.noise.transfer import Transfer, transfer_of

Known = dict[tuple[Any, ...], Transfer]


def transfer_of_error(error: Any, known: Known) -> Transfer:
    """The transfer matrix of a `QuantumError` on one or two qubits; `known` keeps operations from call to call."""
    dim = 4**error.num_qubits
    total = np.zeros((dim, dim))
    for circuit, probability in zip(error.circuits, error.probabilities, strict=True):
        index = {qubit: k for k, qubit in enumerate(circuit.qubits)}
        matrix = np.eye(dim)
        for item in circuit.data:
            matrix = _operation(item.operation, tuple(index[q] for q in item.qubits), dim, known) @ matrix
        total += probability * matrix
    return total


def _operation(operation: Any, qubits: tuple[int, ...], dim: int, known: Known) -> Transfer:
    """An operation on some of the error's qubits, as a matrix on all of them."""
    params = tuple(param.tobytes() if isinstance(param, np.ndarray) else param for param in operation.params)
    key = (operation.name, params, qubits, dim)
    if key not in known:
        known[key] = _converted(operation, qubits, dim)
    return known[key]


def _converted(operation: Any, qubits: tuple[int, ...], dim: int) -> Transfer:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SuperOp

    width = 1 if dim == 4 else 2
    alone = QuantumCircuit(width)
    alone.append(operation, qubits)
    return transfer_of(np.asarray(SuperOp(alone).data))
