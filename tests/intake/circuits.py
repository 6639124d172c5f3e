"""Circuits for tests: fixed ones that use all a QPY file can hold, and random ones."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import PauliEvolutionGate, QFTGate, XGate
from qiskit.quantum_info import SparsePauliOp

ANGLES = st.floats(-10, 10, allow_nan=False)
# Gates that OpenQASM 2 and Qiskit share: name of the method, number of angles, number of qubits.
GATES = (("h", 0, 1), ("x", 0, 1), ("y", 0, 1), ("z", 0, 1), ("s", 0, 1), ("sdg", 0, 1), ("t", 0, 1), ("tdg", 0, 1),
         ("sx", 0, 1), ("sxdg", 0, 1), ("id", 0, 1), ("rx", 1, 1), ("ry", 1, 1), ("rz", 1, 1), ("p", 1, 1), ("u", 3, 1),
         ("cx", 0, 2), ("cy", 0, 2), ("cz", 0, 2), ("ch", 0, 2), ("swap", 0, 2), ("csx", 0, 2), ("crx", 1, 2),
         ("cry", 1, 2), ("crz", 1, 2), ("cp", 1, 2), ("cu", 4, 2), ("rxx", 1, 2), ("rzz", 1, 2), ("ryy", 1, 2),
         ("rzx", 1, 2), ("ecr", 0, 2), ("iswap", 0, 2), ("dcx", 0, 2), ("ccx", 0, 3), ("cswap", 0, 3), ("rccx", 0, 3),
         ("ccz", 0, 3))


def packed(*circuits: QuantumCircuit, **how: Any) -> bytes:
    """The circuits as a QPY file."""
    stream = io.BytesIO()
    qpy.dump(list(circuits), stream, **how)
    return stream.getvalue()


@st.composite
def unitary_circuits(draw: st.DrawFn, most_qubits: int = 4, most_gates: int = 12) -> QuantumCircuit:
    """Circuits of shared gates, some of them put together to gates of their own, nested."""
    width = draw(st.integers(1, most_qubits))
    circuit = QuantumCircuit(width)
    for _ in range(draw(st.integers(0, most_gates))):
        fitting = [gate for gate in GATES if gate[2] <= width]
        name, n_angles, n_qubits = draw(st.sampled_from(fitting))
        angles = [draw(ANGLES) for _ in range(n_angles)]
        qubits = draw(st.permutations(range(width)))[:n_qubits]
        getattr(circuit, name)(*angles, *qubits)
        if draw(st.integers(0, 5)) == 0:
            whole = QuantumCircuit(width)
            whole.append(circuit.to_gate(label=None), draw(st.permutations(range(width))))
            circuit = whole
    return circuit


def rich() -> list[QuantumCircuit]:
    """Circuits with parameters, control flow, variables, arrays, definitions, layouts and metadata."""
    theta, phis = Parameter("θ"), ParameterVector("φ", 3)
    loop = QuantumCircuit(3, 2, name="loop", metadata={"author": ["Ada", {"year": 1843}]}, global_phase=theta)
    loop.rx(2 * theta + phis[0] ** 2, 0)
    loop.rz((phis[1] - phis[2]).sin(), 1)
    loop.measure(0, 0)
    with loop.if_test((loop.clbits[0], 1)) as otherwise:
        loop.x(1)
    with otherwise:
        loop.h(1)
    with loop.for_loop(range(3)):
        loop.cx(0, 1)
        loop.break_loop()
    with loop.while_loop(expr.logic_not(loop.clbits[1])):
        loop.measure(1, 1)
    rng = np.random.Generator(np.random.Philox(key=7))
    arrays = QuantumCircuit(4, name="arrays")
    square, _ = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))
    arrays.unitary(square, [0, 1])
    arrays.initialize([0, 1], 2)
    arrays.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"], [0.5, 0.25]), time=0.3), [0, 1])
    arrays.append(QFTGate(3), [0, 1, 2])
    arrays.append(XGate().control(3, ctrl_state=5), range(4))
    arrays.delay(100, 0)
    arrays.barrier()
    arrays.reset(3)
    inner = QuantumCircuit(2, name="inner")
    inner.h(0)
    inner.cx(0, 1)
    gates = QuantumCircuit(3, name="gates")
    gates.append(inner.to_gate(), [0, 1])
    gates.append(inner.to_gate().control(1), [0, 1, 2])
    gates.append(inner.to_instruction(), [1, 2])
    return [loop, arrays, gates]
