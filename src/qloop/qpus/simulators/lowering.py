"""A Qiskit circuit as a flat list of gates that every simulator here knows.

Lowering checks the circuit, expands composite gates by their definitions, gives every rotation a slot in the
vector of angles, and sets measurements apart. Global phases are dropped: no expectation value or count sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.qpus.simulators.angles import AngleMap, Form, form_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

ROTATIONS = ("rx", "ry", "rz", "rxx", "ryy", "rzz")
FIXED = ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "cx", "cz", "swap", "ccx")
_SILENT = ("barrier", "delay", "id", "global_phase")
_PHASES = ("p", "u1")
_DENSE_WIDTH = 3


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: `name` is in ROTATIONS (with its `slot`), in FIXED, or "matrix" (Qiskit's qubit order)."""

    name: str
    qubits: tuple[int, ...]
    slot: int = -1
    matrix: NDArray[np.complex128] | None = None


@dataclass(frozen=True, slots=True)
class Lowered:
    """A checked circuit: gates in order, angles from parameters, and (qubit, clbit) pairs that are measured."""

    n_qubits: int
    n_clbits: int
    gates: tuple[Gate, ...]
    angles: AngleMap
    readout: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Walk:
    """What lowering has seen so far."""

    column: dict[Any, int]
    gates: list[Gate] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    measured: dict[int, int] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)

    def rotation(self, name: str, qubits: tuple[int, ...], angle: Any) -> None:
        self.gates.append(Gate(name, qubits, slot=len(self.forms)))
        self.forms.append(form_of(angle, self.column))


def lower(circuit: QuantumCircuit) -> Lowered:
    """The circuit as gates and angles; without measurements all qubits are read out, qubit k to bit k.

    Raises `InvalidInput` for anything that is not a static circuit with measurements at its end.
    """
    _check_kind(circuit)
    walk = _Walk({parameter: k for k, parameter in enumerate(circuit.parameters)})
    clbit = {bit: k for k, bit in enumerate(circuit.clbits)}
    for op, qubits, clbits in _instructions(circuit):
        _place(walk, op, qubits, tuple(clbit[bit] for bit in clbits))
    readout = tuple(sorted((qubit, bit) for bit, qubit in walk.measured.items()))
    if not readout:
        readout = tuple((qubit, qubit) for qubit in range(circuit.num_qubits))
    n_clbits = circuit.num_clbits if walk.measured else circuit.num_qubits
    return Lowered(circuit.num_qubits, n_clbits, tuple(walk.gates), AngleMap(walk.forms, len(walk.column)), readout)


def _check_kind(circuit: object) -> None:
    from qiskit import QuantumCircuit

    if not isinstance(circuit, QuantumCircuit):
        raise InvalidInput(f"A circuit must be a qiskit.QuantumCircuit, not {type(circuit).__name__}", "",
                           "Build or load it with Qiskit first")
    if circuit.num_qubits == 0:
        raise InvalidInput("The circuit has no qubits", "", "Give it at least one")
    if circuit.num_vars:
        raise InvalidInput("The circuit has classical variables", "Dynamic circuits are not supported",
                           "Use a static circuit with measurements at its end only")


def _instructions(circuit: QuantumCircuit) -> Iterator[tuple[Any, tuple[int, ...], Any]]:
    index = {bit: k for k, bit in enumerate(circuit.qubits)}
    for item in circuit.data:
        yield item.operation, tuple(index[qubit] for qubit in item.qubits), item.clbits


def _place(walk: _Walk, op: Any, qubits: tuple[int, ...], clbits: tuple[int, ...]) -> None:
    """Add one top-level instruction, minding measurements and resets."""
    if op.name in _SILENT:
        return
    if getattr(op, "blocks", None) is not None or (clbits and op.name != "measure"):
        _refuse(op.name, "Control flow and classical feed-forward are not supported")
    done = set(walk.measured.values())
    if op.name == "measure":
        walk.measured[clbits[0]] = qubits[0]
        return
    if done.intersection(qubits):
        _refuse(op.name, f"It follows a measurement of qubit {min(done.intersection(qubits))}")
    if op.name == "initialize":
        op = op.definition.data[-1].operation if not walk.touched.intersection(qubits) else op
    if op.name == "reset" and not walk.touched.intersection(qubits):
        return
    _expand(walk, op, qubits)
    walk.touched.update(qubits)


def _expand(walk: _Walk, op: Any, qubits: tuple[int, ...]) -> None:
    """Add a unitary instruction: as it is if known, as a matrix if small and fixed, else by its definition.

    Definitions are what hardware runs: a Pauli evolution is its product formula here too, bound or not.
    """
    name, params = op.name, getattr(op, "params", [])
    standard = is_standard(op)
    if name in _SILENT:
        return
    if standard and name in FIXED and len(qubits) == op.num_qubits and _plain_control(op):
        walk.gates.append(Gate(name, qubits))
    elif standard and name in ROTATIONS:
        walk.rotation(name, qubits, params[0])
    elif standard and name in _PHASES:
        walk.rotation("rz", qubits, params[0])
    elif standard and name == "u":
        for axis, angle in (("rz", params[2]), ("ry", params[0]), ("rz", params[1])):
            walk.rotation(axis, qubits, angle)
    elif len(qubits) <= _DENSE_WIDTH and (standard or name == "unitary") and _is_numeric(op):
        walk.gates.append(Gate("matrix", qubits, matrix=_matrix(op)))
    else:
        _expand_definition(walk, op, qubits)


def _expand_definition(walk: _Walk, op: Any, qubits: tuple[int, ...]) -> None:
    definition = getattr(op, "definition", None)
    if definition is None:
        if not _is_numeric(op):
            _refuse(op.name, "It has parameters and no definition")
        walk.gates.append(Gate("matrix", qubits, matrix=_matrix(op)))
        return
    for inner, inside, clbits in _instructions(definition):
        if clbits or getattr(inner, "blocks", None) is not None:
            _refuse(op.name, f"It contains {inner.name!r}")
        _expand(walk, inner, tuple(qubits[k] for k in inside))


def is_standard(op: Any) -> bool:
    """Whether it is a gate of Qiskit's library, so that its name can be trusted: a user's gate may be called 'rx'."""
    kind = getattr(op, "base_class", type(op))
    return str(kind.__module__).startswith("qiskit.circuit.library.standard_gates")


def _plain_control(op: Any) -> bool:
    """Whether all controls of a controlled gate are on 1."""
    n_controls = getattr(op, "num_ctrl_qubits", 0)
    return n_controls == 0 or op.ctrl_state == 2**n_controls - 1


def _is_numeric(op: Any) -> bool:
    """Whether the instruction, definition included, has no free parameter."""
    if any(getattr(param, "parameters", None) for param in getattr(op, "params", [])):
        return False
    definition = getattr(op, "definition", None)
    return definition is None or not definition.parameters


def _matrix(op: Any) -> NDArray[np.complex128]:
    """The instruction's matrix, in Qiskit's order of qubits."""
    from qiskit.exceptions import QiskitError
    from qiskit.quantum_info import Operator

    try:
        matrix = np.ascontiguousarray(Operator(op).data, dtype=np.complex128)
    except (QiskitError, TypeError, AttributeError) as error:
        _refuse(op.name, f"It is neither unitary nor made of unitary gates ({error})")
    if not np.isfinite(matrix).all():
        _refuse(op.name, "Its matrix has entries that are not finite")
    return matrix


def _refuse(name: str, why: str) -> NoReturn:
    raise InvalidInput(f"The circuit's instruction {name!r} cannot be simulated", why,
                       "Use a static circuit of unitary gates, with measurements at its end only")
