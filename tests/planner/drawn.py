"""Random circuits, observables and partitions, each from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

GATES = ("cx", "cz", "rzz", "rxx", "cp", "swap", "iswap", "unitary")
CHEAP = ("cx", "cz", "rzz", "cp")


def circuit_of(seed: int, n_qubits: int, gates: int, kinds: tuple[str, ...] = CHEAP, wide: float = 0.4) -> Any:
    """Gates on random qubits; `wide` is the share of two-qubit gates."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import random_unitary

    random = np.random.Generator(np.random.Philox(key=seed))
    circuit = QuantumCircuit(n_qubits)
    for _ in range(gates):
        if n_qubits < 2 or random.random() > wide:
            circuit.u(*random.uniform(-3, 3, 3), int(random.integers(n_qubits)))
            continue
        first, second = (int(k) for k in random.choice(n_qubits, 2, replace=False))
        kind = str(random.choice(kinds))
        if kind == "unitary":
            circuit.unitary(random_unitary(4, seed=int(random.integers(1 << 30))), [first, second])
        elif kind in ("rzz", "rxx", "cp"):
            getattr(circuit, kind)(random.uniform(-3, 3), first, second)
        else:
            getattr(circuit, kind)(first, second)
    return circuit


def observable_of(seed: int, n_qubits: int, terms: int = 4) -> Any:
    """Random Pauli strings with random weights."""
    from qiskit.quantum_info import SparsePauliOp

    random = np.random.Generator(np.random.Philox(key=seed + 1))
    strings = ["".join(random.choice(list("IXYZ"), n_qubits)) for _ in range(terms)]
    return SparsePauliOp(strings, random.normal(size=terms))


def labels_of(seed: int, n_qubits: int, blocks: int) -> list[int]:
    """A random block for each qubit."""
    random = np.random.Generator(np.random.Philox(key=seed + 2))
    return [int(k) for k in random.integers(0, blocks, n_qubits)]


def exact(circuit: Any, observable: Any) -> float:
    """The expectation value by Qiskit's own state vector."""
    from qiskit.quantum_info import Statevector

    return float(np.real(Statevector(circuit).expectation_value(observable)))


def line(n_qubits: int, layers: int, seed: int = 0) -> tuple[Any, Any]:
    """A circuit of CNOTs along a line and rotations, and ZZ along it: cut easily in the middle."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    random = np.random.Generator(np.random.Philox(key=seed))
    circuit = QuantumCircuit(n_qubits)
    for _ in range(layers):
        for qubit in range(n_qubits):
            circuit.ry(random.uniform(-3, 3), qubit)
        for qubit in range(n_qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit, SparsePauliOp.from_sparse_list([("ZZ", [k, k + 1], 1.0) for k in range(n_qubits - 1)], n_qubits)
