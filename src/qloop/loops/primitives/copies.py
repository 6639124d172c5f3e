"""Copies of circuits that share nothing with them that somebody might change in place, and what no comparison sees."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from qloop.loops.primitives.observables import fingerprint

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Memo = dict[int, tuple[Any, Any]]       # by id: the original, which so keeps its id, and its copy


def detached(circuit: QuantumCircuit, memo: Memo | None = None) -> QuantumCircuit:
    """A copy of a circuit.

    Qiskit's copies, deep ones too, share what a gate holds beside its parameters and its definition: the operator of
    a `PauliEvolutionGate`, the modifiers of an `AnnotatedOperation`, all attributes of gates that users wrote.
    """
    kept, memo = circuit.copy(), {} if memo is None else memo
    memo[id(circuit)] = circuit, kept       # at once: a user's gate may hold the circuit that it stands in
    for place, item in enumerate(kept.data):
        # What Qiskit holds as a number needs no copy, and has no gate to look at until one is made.
        if not item.is_standard_gate() and getattr(item.operation, "mutable", True):
            kept.data[place] = item.replace(operation=_own(item.operation, memo))
    return kept


def _own(value: Any, memo: Memo) -> Any:
    """A copy of what a gate holds, or of a gate; of what cannot be copied, itself."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Operation, ParameterExpression

    if id(value) in memo:
        return memo[id(value)][1]
    if isinstance(value, QuantumCircuit):
        return detached(value, memo)
    if isinstance(value, Operation):
        return _gate(value, memo) if getattr(value, "mutable", True) else value
    if isinstance(value, list):
        return [_own(part, memo) for part in value]
    if isinstance(value, ParameterExpression):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:       # a lock, a generator, a thing of another language: whatever a user's gate may hold
        return value


def _gate(operation: Any, memo: Memo) -> Any:
    from qiskit.circuit.library import PauliEvolutionGate

    twin = copy.copy(operation)
    memo[id(operation)] = operation, twin
    for name, part in getattr(operation, "__dict__", {}).items():
        vars(twin)[name] = _own(part, memo)
    if isinstance(twin, PauliEvolutionGate):
        twin._definition = None     # it may be of an operator that was changed since: Qiskit goes by the operator
    return twin


def evolutions(circuit: QuantumCircuit) -> list[tuple[Any, Hashable]]:
    """The gates of a circuit, at any depth, that compare equal although their operators differ, with `operators` of it.

    A `PauliEvolutionGate` is compared by its definition, which is made once.
    """
    return [(gate, operators(gate)) for gate in _evolutions(circuit, {})]


def operators(gate: Any) -> Hashable:
    """The content of an evolution's operator, or of its several."""
    several = gate.operator if isinstance(gate.operator, list) else [gate.operator]
    return tuple(fingerprint(one) or str(one.to_list()) for one in several)


def _evolutions(inside: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Those of a circuit or a gate; what was seen already is passed over."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Operation
    from qiskit.circuit.library import PauliEvolutionGate

    if id(inside) in seen or not isinstance(inside, QuantumCircuit | Operation):
        return
    seen[id(inside)] = inside       # which so keeps its id
    if isinstance(inside, PauliEvolutionGate):
        yield inside
    elif isinstance(inside, QuantumCircuit):
        for item in inside.data:
            if not item.is_standard_gate():
                yield from _evolutions(item.operation, seen)
    else:
        for part in getattr(inside, "__dict__", {}).values():
            yield from _evolutions(part, seen)
