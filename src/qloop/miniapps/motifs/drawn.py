"""Random circuits and observables that belong to a seed and a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qloop.miniapps.problems.problem import philox

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

CIRCUIT_STREAM, OBSERVABLE_STREAM = 8, 9
WIDEST_STRING = 3


def drawn_circuit(n_qubits: int, layers: int, seed: int, number: int, *, line: bool = False) -> QuantumCircuit:
    """`layers` times: ry and rz of uniform angles on all qubits, then cx on a random pairing.

    On a `line` the pairs are neighbours: even ones in even layers, odd ones in odd layers.
    """
    from qiskit import QuantumCircuit

    generator = _generator(seed, CIRCUIT_STREAM, number)
    circuit = QuantumCircuit(n_qubits, name=f"drawn-{seed}-{number}")
    for layer in range(layers):
        for qubit, (y, z) in enumerate(generator.uniform(-np.pi, np.pi, (n_qubits, 2))):
            circuit.ry(float(y), qubit)
            circuit.rz(float(z), qubit)
        order = generator.permutation(n_qubits) if not line else np.arange(layer % 2, n_qubits)
        for first, second in zip(order[::2], order[1::2], strict=False):
            circuit.cx(int(first), int(second))
    return circuit


def drawn_observable(n_qubits: int, terms: int, seed: int, number: int) -> SparsePauliOp:
    """Random Pauli strings on one to `WIDEST_STRING` qubits, with coefficients whose sizes add up to 1."""
    from qiskit.quantum_info import SparsePauliOp

    generator = _generator(seed, OBSERVABLE_STREAM, number)
    strings = []
    for weight in generator.uniform(0.2, 1.0, terms) * generator.choice((-1.0, 1.0), terms):
        where = generator.permutation(n_qubits)[:generator.integers(1, WIDEST_STRING + 1)]
        strings.append(("".join(generator.choice(list("XYZ"), len(where))), [int(qubit) for qubit in where], weight))
    total = sum(abs(weight) for _, _, weight in strings)
    return SparsePauliOp.from_sparse_list([(letters, where, weight / total) for letters, where, weight in strings],
                                          num_qubits=n_qubits)


def _generator(seed: int, stream: int, number: int) -> np.random.Generator:
    return np.random.Generator(philox((seed << 20) + number, stream))
