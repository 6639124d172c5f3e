"""The measures of parsed circuits, taken in the child, and the refusal of what no text could have shown.

Angles that are not finite, definitions within definitions that the file only hints at, classes that are no part of a
circuit: all that needs the parsed object. Walks keep their own stack, so that no depth can overflow the interpreter's.
"""

from __future__ import annotations

import cmath
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qloop.intake.bounds import Bounds
from qloop.intake.facts import KINDS, Facts
from qloop.intake.refusal import Unfit, excerpt, over

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

# Where instructions come from: Qiskit's circuits, its operators, and gates that a text defines. QPY names classes, and
# whoever loads it calls their constructors; of anything else they are not called a second time.
ALLOWED: Final = ("qiskit.circuit.", "qiskit.quantum_info.operators.", "qiskit.qasm2.parse")
PROBES: Final = (0.3, 1.7, -0.9)
NAME: Final = 100               # characters of a name in facts
_WRITTEN_OUT: Final = {"Gate", "Instruction", "ControlledGate", "_DefinedGate"}


def measure(circuits: list[QuantumCircuit], bounds: Bounds) -> tuple[Facts, ...]:
    """Facts of each circuit. Raises `Unfit` at the first bound that is exceeded, counting over all of them."""
    if len(circuits) > bounds.circuits:
        raise over("circuits", len(circuits), bounds.circuits, "circuits")
    walk = _Walk(bounds)
    return tuple(walk.facts(circuit) for circuit in circuits)


class _Walk:
    """Counts over all circuits of a source."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._instructions = self._expanded = self._definitions = self._operations = 0

    def facts(self, circuit: QuantumCircuit) -> Facts:
        """All about one circuit, its definitions and its control flow."""
        from qiskit import QuantumCircuit

        if not isinstance(circuit, QuantumCircuit):
            raise Unfit("It holds something else than circuits", "Write circuits with qiskit.qpy.dump")
        gates: Counter[str] = Counter()
        before = self._instructions, self._expanded
        # Circuits to be visited: how deep they lie, and whether they are instructions of the circuit (control flow)
        # or what a definition is written out to.
        waiting: list[tuple[QuantumCircuit, int, bool]] = [(circuit, 0, True)]
        while waiting:
            inner, depth, own = waiting.pop()
            self._look(inner, depth)
            for instruction in inner.data:
                found = self._count(instruction, gates if own else None)
                waiting += [(block, depth + 1, own and control) for block, control in found]
        depth = circuit.depth()
        if depth > self._bounds.depth:
            raise over("layers", depth, self._bounds.depth, "depth")
        return Facts(circuit.name[:NAME], circuit.num_qubits, circuit.num_clbits, self._instructions - before[0],
                     self._expanded - before[1], depth, circuit.num_parameters, _ranked(gates))

    def _look(self, circuit: QuantumCircuit, depth: int) -> None:
        """A circuit as such, without its instructions."""
        bounds = self._bounds
        for count, what, bound in ((circuit.num_qubits, "qubits", "qubits"),
                                   (circuit.num_clbits, "classical bits", "clbits"),
                                   (circuit.num_parameters, "free parameters", "parameters")):
            if count > getattr(bounds, bound):
                raise over(what, count, getattr(bounds, bound), bound)
        if depth > bounds.nesting:
            raise Unfit(f"Definitions or control flow are nested deeper than {bounds.nesting}",
                        "Send a flatter circuit")
        registers = itertools.chain(circuit.qregs, circuit.cregs, circuit.parameters)
        for name in itertools.chain([circuit.name], (one.name for one in registers)):
            self._name(name)
        self._number(circuit.global_phase, "The global phase")
        _check_metadata(circuit.metadata, bounds)

    def _count(self, instruction: Any, gates: Counter[str] | None) -> list[tuple[QuantumCircuit, bool]]:
        """Count an instruction; the circuits within it, and whether they are control flow."""
        self._expanded += 1
        if gates is not None:
            gates[instruction.name] += 1
            self._instructions += 1
        if self._instructions > self._bounds.instructions:
            raise over("instructions", f"more than {self._bounds.instructions:,}", self._bounds.instructions,
                       "instructions")
        if self._expanded > self._bounds.expanded:
            raise over("gates when its definitions are written out", f"more than {self._bounds.expanded:,}",
                       self._bounds.expanded, "expanded")
        for value in instruction.params:
            self._number(value, f"An angle of gate {excerpt(instruction.name)}")
        return [] if instruction.is_standard_gate() else self._within(instruction)

    def _within(self, instruction: Any) -> list[tuple[QuantumCircuit, bool]]:
        operation = instruction.operation
        kind = getattr(operation, "base_class", type(operation))
        if not str(kind.__module__).startswith(ALLOWED):
            raise Unfit(f"The instruction {excerpt(instruction.name)} is of the class {excerpt(kind.__name__)}, which "
                        "is no part of Qiskit's circuits", "Decompose it before it is sent")
        self._name(instruction.name)
        self._name(getattr(operation, "label", None) or "")
        if instruction.is_control_flow():
            return [(block, True) for block in operation.blocks]
        return [(block, False) for block in map(_definition, self._layers(operation)) if block is not None]

    def _layers(self, operation: Any) -> Iterator[Any]:
        """The operation, and what it controls or modifies, down to the last."""
        for _ in range(self._bounds.nesting):
            yield operation
            operation = getattr(operation, "base_gate", None) or getattr(operation, "base_op", None)
            if operation is None:
                return
        raise Unfit(f"Modifiers of gates are nested deeper than {self._bounds.nesting}", "Send a flatter circuit")

    def _name(self, name: str) -> None:
        if len(name) > self._bounds.name_length:
            raise Unfit(f"The name {excerpt(name)} has {len(name):,} characters, and at most "
                        f"{self._bounds.name_length:,} are accepted", "Choose a shorter name")

    def _number(self, value: Any, what: str) -> None:
        """An angle is finite; so are the numbers in an expression of parameters, and it is not too long."""
        for number in self._numbers(value):
            if not cmath.isfinite(number):
                raise Unfit(f"{what} is {number}", "Angles are finite; look for overflows and divisions by zero")

    def _numbers(self, value: Any) -> Iterator[complex]:
        if isinstance(value, int):
            return
        if isinstance(value, (float, complex)):
            yield value
        elif isinstance(value, (np.ndarray, np.generic)) and np.issubdtype(value.dtype, np.inexact):
            if not np.isfinite(value).all():
                yield float("nan")
        elif hasattr(value, "_qpy_replay"):
            yield from self._in_expression(value)

    def _in_expression(self, expression: Any) -> Iterator[complex]:
        steps = expression._qpy_replay
        self._operations += len(steps)
        if self._operations > self._bounds.expanded:
            raise over("operations in expressions of parameters", f"more than {self._bounds.expanded:,}",
                       self._bounds.expanded, "expanded")
        sides = itertools.chain.from_iterable((step.lhs, step.rhs) for step in steps if hasattr(step, "lhs"))
        yield from (side for side in sides if isinstance(side, (float, complex)))
        if not any(_finite_at(expression, point) for point in PROBES):      # factors that overflow together
            yield float("inf")


def _finite_at(expression: Any, point: float) -> bool:
    """Whether an expression has a finite value where all of its parameters have this one."""
    try:
        return cmath.isfinite(complex(expression.bind(dict.fromkeys(expression.parameters, point))))
    except Exception:       # Qiskit's, SymPy's and Python's errors of division and overflow
        return False


def _ranked(gates: Counter[str]) -> dict[str, int]:
    """The most frequent gates."""
    return {name[:NAME]: count for name, count in sorted(gates.items(), key=lambda item: (-item[1], item[0]))[:KINDS]}


def _definition(operation: Any) -> QuantumCircuit | None:
    """What an operation is written out to in the source; None for those that Qiskit knows how to write out."""
    if type(operation).__name__ not in _WRITTEN_OUT:
        return None
    found: QuantumCircuit | None = operation.definition
    return found


def _check_metadata(metadata: Any, bounds: Bounds) -> None:
    """JSON, not too long, not too deep."""
    import json

    level: list[Any] = [metadata] if metadata else []
    depth = 0
    while level := [inner for item in level for inner in _items(item)]:
        depth += 1
        if depth > bounds.nesting:
            raise Unfit(f"Its metadata are nested deeper than {bounds.nesting}", "Send fewer metadata")
    size = len(json.dumps(metadata)) if metadata else 0
    if size > bounds.metadata_bytes:
        raise over("bytes of metadata", size, bounds.metadata_bytes, "metadata_bytes")


def _items(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.values()]
    return item if isinstance(item, list) else []
