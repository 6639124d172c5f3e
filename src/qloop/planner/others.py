"""Simulators that need no cut: matrix product states for low entanglement, stabilizers for Clifford gates.

Each says why it cannot, how long it takes, and computes; the planner sets them beside state vectors and cuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.planner.machine import Others
from qloop.qpus.simulators.aer_mps import AerMps, max_bond
from qloop.qpus.simulators.lowering import Lowered, lower
from qloop.qpus.simulators.pauli import Term

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

MPS, STABILIZER, STATE = "matrix product state", "stabilizer", "state vector"
_EVEN = 1e-9


@dataclass(frozen=True, slots=True)
class Other:
    """A simulator for the whole circuit: its name, why it cannot ("" if it can), seconds and bytes."""

    name: str
    refusal: str
    seconds: float
    memory_bytes: int


def others(circuit: QuantumCircuit, terms: tuple[Term, ...], known: Others) -> tuple[Other, ...]:
    """The simulators beside the state vector, for a circuit as `prepared` makes it."""
    lowered = lower(circuit)
    return _mps(lowered, terms, known), _stabilizer(circuit, lowered, terms, known)


def evaluate_other(name: str, circuit: QuantumCircuit, observable: SparsePauliOp) -> float:
    """The observable's exact expectation value by `MPS` or `STABILIZER`."""
    if name == STABILIZER:
        return _stabilizer_value(circuit, observable)
    from qloop.qpus.exact import ExactQpu
    from qloop.qpus.protocol import Request

    qpu = ExactQpu(n_qubits=max(64, circuit.num_qubits), simulators=["aer_mps"])
    found = qpu.evaluate(qpu.compile(circuit, observable), Request(np.zeros((1, 0)), 0, (bytes(32),)))
    return float(found.values[0])


def _mps(lowered: Lowered, terms: tuple[Term, ...], known: Others) -> Other:
    simulator = AerMps()
    refusal = simulator.refusal(lowered, terms)
    if simulator.version() is None:
        refusal = "it is not installed: pip install 'qloop[aer]'"
    bond = min(max_bond(lowered), 1 << 20)
    memory = 64 * lowered.n_qubits * bond**2 + (4 << 20)
    return Other(MPS, refusal, known.mps * simulator.forecast(lowered, terms, sampled=False), memory)


def _stabilizer(circuit: QuantumCircuit, lowered: Lowered, terms: tuple[Term, ...], known: Others) -> Other:
    wrong = _not_clifford(circuit)
    constant, gate, string = known.stabilizer
    seconds = constant + gate * len(lowered.gates) + string * len(terms) * lowered.n_qubits
    return Other(STABILIZER, wrong, seconds, 8 * lowered.n_qubits**2 + (1 << 20))


def _not_clifford(circuit: QuantumCircuit) -> str:
    """Why a circuit is no Clifford circuit; empty if it is one, up to rounding of its angles."""
    from qiskit.exceptions import QiskitError
    from qiskit.quantum_info import Clifford

    for item in circuit.data:
        operation = item.operation
        if operation.params and any(_fraction(value) > _EVEN for value in operation.params):
            return f"{operation.name} is no Clifford gate at its angle"
    try:
        Clifford(circuit)
    except QiskitError as error:
        return str(error).strip("'\"")
    return ""


def _fraction(value: Any) -> float:
    """How far an angle is from a multiple of pi / 2; 1 for what is no angle, such as a matrix."""
    try:
        turns = float(value) / (np.pi / 2)
    except TypeError:
        return 1.0
    return abs(turns - round(turns))


def _stabilizer_value(circuit: QuantumCircuit, observable: SparsePauliOp) -> float:
    from qiskit.quantum_info import Clifford, StabilizerState

    state = StabilizerState(Clifford(circuit))
    return float(sum(float(np.real(weight)) * float(np.real(state.expectation_value(pauli)))
                     for pauli, weight in zip(observable.paulis, observable.coeffs, strict=True)))
