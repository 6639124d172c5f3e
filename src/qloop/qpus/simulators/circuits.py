"""A lowered circuit as a Qiskit circuit again, with one parameter for each angle, for simulators that take those."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qloop.qpus.simulators.lowering import ROTATIONS, Lowered
from qloop.qpus.simulators.pauli import Term

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


def template(lowered: Lowered, n_clbits: int = 0) -> QuantumCircuit:
    """Gates only; the k-th of `circuit.parameters` is the k-th angle."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.circuit.library import UnitaryGate

    angles = ParameterVector("angle", lowered.angles.n_slots)
    circuit = QuantumCircuit(lowered.n_qubits, n_clbits)
    for gate in lowered.gates:
        if gate.name == "matrix":
            circuit.append(UnitaryGate(gate.matrix, check_input=False), gate.qubits)
        elif gate.name in ROTATIONS:
            getattr(circuit, gate.name)(angles[gate.slot], *gate.qubits)
        else:
            getattr(circuit, gate.name)(*gate.qubits)
    return circuit


def pauli_sum(terms: tuple[Term, ...], n_qubits: int) -> SparsePauliOp:
    """The terms as a SparsePauliOp."""
    from qiskit.quantum_info import SparsePauliOp

    letters = "IXZY"
    sparse = []
    for term in terms:
        qubits = [q for q in range(term.support.bit_length()) if term.support >> q & 1]
        string = "".join(letters[(term.x >> q & 1) | (term.z >> q & 1) << 1] for q in qubits)
        sparse.append((string, qubits, term.coefficient))
    return SparsePauliOp.from_sparse_list(sparse or [("", [], 0.0)], num_qubits=n_qubits)
