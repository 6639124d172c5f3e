"""Random circuits and observables, and their values by Qiskit's own state vector."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

ONE = ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg")
TWO = ("cx", "cz", "swap", "cy", "ch", "ecr", "iswap", "dcx", "csx")
ROTATING = ("rx", "ry", "rz", "p")
ROTATING_TWO = ("rxx", "ryy", "rzz", "rzx", "crx", "cry", "crz", "cp")


@st.composite
def circuits(draw: st.DrawFn, max_qubits: int = 5, max_gates: int = 25) -> QuantumCircuit:
    n_qubits = draw(st.integers(2, max_qubits))
    circuit = QuantumCircuit(n_qubits)
    a, b, v = Parameter("b"), Parameter("a"), ParameterVector("v", 12)
    angles = (a, b, v[2], v[10], 2 * a + 1, a - b / 3, -v[10], a * b, a.sin() + b, 0.7)
    for _ in range(draw(st.integers(1, max_gates))):
        _append(draw, circuit, st.sampled_from(angles))
    return circuit


def _append(draw: st.DrawFn, circuit: QuantumCircuit, angle: st.SearchStrategy) -> None:
    qubits = draw(st.permutations(range(circuit.num_qubits)))
    kind = draw(st.integers(0, 6))
    if kind == 0:
        getattr(circuit, draw(st.sampled_from(ONE)))(qubits[0])
    elif kind == 1:
        getattr(circuit, draw(st.sampled_from(TWO)))(qubits[0], qubits[1])
    elif kind in (2, 3):
        getattr(circuit, draw(st.sampled_from(ROTATING)))(draw(angle), qubits[0])
    elif kind == 4:
        getattr(circuit, draw(st.sampled_from(ROTATING_TWO)))(draw(angle), qubits[0], qubits[1])
    elif kind == 5:
        circuit.u(draw(angle), draw(angle), draw(angle), qubits[0])
    else:
        width = draw(st.integers(1, min(3, circuit.num_qubits)))
        circuit.unitary(random_unitary(2**width, seed=draw(st.integers(0, 99))), list(qubits[:width]))


def observable(n_qubits: int, seed: int, n_terms: int = 12) -> SparsePauliOp:
    random = np.random.default_rng(seed)
    labels = ["".join(random.choice(list("IXYZ"), n_qubits)) for _ in range(n_terms)]
    return SparsePauliOp(labels, random.normal(size=n_terms))


def truth(circuit: QuantumCircuit, op: SparsePauliOp, theta: np.ndarray) -> float:
    return float(Statevector(circuit.assign_parameters(theta)).expectation_value(op).real)
