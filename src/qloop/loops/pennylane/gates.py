"""PennyLane's gates as Qiskit's: the shape of a circuit, apart from its angles.

Circuits that differ in angles only have one shape, so that all the shifted circuits of a gradient are compiled once
and run as one quantum task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Step = tuple[str, tuple[int, ...], bytes]
"""One gate: the name of Qiskit's circuit method, its qubits, and the matrix of a `unitary`, else nothing."""

FIXED = MappingProxyType({
    "PauliX": "x", "PauliY": "y", "PauliZ": "z", "Hadamard": "h", "S": "s", "T": "t", "SX": "sx",
    "Adjoint(S)": "sdg", "Adjoint(T)": "tdg", "Adjoint(SX)": "sxdg", "CNOT": "cx", "CY": "cy", "CZ": "cz", "CH": "ch",
    "SWAP": "swap", "ISWAP": "iswap", "ECR": "ecr", "Toffoli": "ccx", "CSWAP": "cswap",
})
"""Gates without an angle, by PennyLane's name."""

ROTATIONS = MappingProxyType({
    "RX": ("rx",), "RY": ("ry",), "RZ": ("rz",), "PhaseShift": ("p",), "Rot": ("rz", "ry", "rz"),
    "IsingXX": ("rxx",), "IsingYY": ("ryy",), "IsingZZ": ("rzz",),
    "CRX": ("crx",), "CRY": ("cry",), "CRZ": ("crz",), "ControlledPhaseShift": ("cp",),
})
"""Gates with angles, by PennyLane's name, each as gates of one angle; both libraries count angles alike."""

SILENT = frozenset({"Identity", "GlobalPhase", "Barrier"})
"""What changes no result."""

DENSE_WIRES = 6
"""The widest matrix that is taken as a gate."""


class Shape(NamedTuple):
    """A circuit without its angles: hashable, and equal for circuits that differ in angles only."""

    width: int
    steps: tuple[Step, ...]

    @property
    def n_angles(self) -> int:
        """How many angles it takes."""
        return sum(method in _TURNING for method, _, _ in self.steps)


_TURNING = frozenset(method for methods in ROTATIONS.values() for method in methods)


def supported(operation: Any) -> bool:
    """Whether a PennyLane operation is a gate here, without being decomposed."""
    name = operation.name
    return name in FIXED or name in ROTATIONS or name in SILENT or _is_matrix(operation)


def _is_matrix(operation: Any) -> bool:
    """Whether it is a small matrix, or has one and nothing that it could be decomposed to."""
    if len(operation.wires) > DENSE_WIRES:
        return False
    return bool(operation.name == "QubitUnitary" or (operation.has_matrix and not operation.has_decomposition))


def read(operations: Iterable[Any], qubit: Mapping[Any, int]) -> tuple[list[Step], list[float]]:
    """The steps of PennyLane's operations and the angles of those that have one, both in order.

    `qubit` tells each wire's qubit. Raises InvalidInput for an operation that is no gate here.
    """
    steps: list[Step] = []
    angles: list[float] = []
    for operation in operations:
        name, qubits = operation.name, tuple(qubit[wire] for wire in operation.wires)
        if name in ROTATIONS:
            steps += [(method, qubits, b"") for method in ROTATIONS[name]]
            angles += map(float, operation.data)
        elif name in FIXED:
            steps.append((FIXED[name], qubits, b""))
        elif _is_matrix(operation):
            steps.append(("unitary", qubits, _matrix(operation)))
        elif name not in SILENT:
            raise InvalidInput(f"The operation {name} is no gate of the device qloop.session", "",
                               "Run the circuit as a QNode, which decomposes it, or use other gates")
    return steps, angles


def _matrix(operation: Any) -> bytes:
    return np.ascontiguousarray(operation.matrix(), dtype=np.complex128).tobytes()


def circuit_of(shape: Shape) -> QuantumCircuit:
    """The Qiskit circuit of a shape, with one parameter for each angle, in order."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    made = QuantumCircuit(shape.width)
    angles = iter(ParameterVector("angle", shape.n_angles))
    for method, qubits, matrix in shape.steps:
        if method == "unitary":     # PennyLane's first wire is the most significant bit, Qiskit's the least
            side = 2 ** len(qubits)
            made.unitary(np.frombuffer(matrix, dtype=np.complex128).reshape(side, side), qubits[::-1])
        elif method in _TURNING:
            getattr(made, method)(next(angles), *qubits)
        else:
            getattr(made, method)(*qubits)
    return made


def flipped(shape: Shape, qubits: Sequence[int]) -> Shape:
    """The shape with one rotation about X more on each of these qubits, for reading bit strings one by one."""
    return Shape(shape.width, (*shape.steps, *(("rx", (qubit,), b"") for qubit in qubits)))
