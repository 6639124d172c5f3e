"""ESP of a compiled circuit from a Qiskit `Target`: what a provider publishes of its device is enough.

    ESP = prod_gates (1 - e) * prod_measured (1 - ro) * prod_qubits exp(-idle/T1) exp(-idle/T2)

in the log domain, with `idle` the time that a qubit waits between its first and its last operation (see `esp`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput
from qloop.qpus.esp import BARRIER, Success
from qloop.qpus.snapshot import BROKEN_ERROR

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

_FREE = ("global_phase", BARRIER)
_WAITING = (*_FREE, "delay")      # a qubit that is told to wait waits


def success_of(circuit: QuantumCircuit, target: Target) -> Success:
    """The ESP of a circuit on the target's own qubits.

    Errors and lengths that the target does not know count as 0. Raises `InvalidInput` for an operation that the target
    cannot do there, for one that is broken (error from 0.5), and for what is no circuit or no target.
    """
    _check_kinds(circuit, target)
    index = {qubit: k for k, qubit in enumerate(circuit.qubits)}
    ln_gates = ln_readout = 0.0
    clock: dict[int, float] = {}
    spans: dict[int, tuple[float, float, float]] = {}
    for item in circuit.data:
        place = tuple(index[qubit] for qubit in item.qubits)
        start = max((clock.get(qubit, 0.0) for qubit in place), default=0.0)
        error, length = (0.0, 0.0) if item.operation.name in _FREE else _cost(target, item.operation, place)
        for qubit in place:
            clock[qubit] = start + length
            if item.operation.name not in _WAITING:
                begin, _, busy = spans.get(qubit, (start, start, 0.0))
                spans[qubit] = (begin, start + length, busy + length)
        if item.operation.name == "measure":
            ln_readout += math.log1p(-error)
        else:
            ln_gates += math.log1p(-error)
    return Success(ln_gates, ln_readout, _ln_idle(target, spans))


def _check_kinds(circuit: object, target: object) -> None:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

    for what, value, kind in (("circuit", circuit, QuantumCircuit), ("target", target, Target)):
        if not isinstance(value, kind):
            raise InvalidInput(f"The {what} is a {type(value).__name__}", "The ESP is computed of Qiskit's own",
                               f"Give a qiskit {kind.__name__}")


def _cost(target: Target, operation: Any, place: tuple[int, ...]) -> tuple[float, float]:
    """Error and seconds of an operation at its place."""
    name = operation.name
    if name == "delay":
        return 0.0, _delay(operation, target)
    if not target.instruction_supported(name, place):
        raise InvalidInput(f"The target has no {name} on qubits {place}", "",
                           "Transpile the circuit to this target first")
    facts = target[name].get(place)
    error = 0.0 if facts is None or facts.error is None else float(facts.error)
    if not 0.0 <= error < BROKEN_ERROR:
        raise InvalidInput(f"{name} on qubits {place} has the error {error:g}",
                           f"From {BROKEN_ERROR:g} on an operation counts as broken",
                           "Transpile to a target without it")
    length = 0.0 if facts is None or facts.duration is None else float(facts.duration)
    if not 0.0 <= length < math.inf:
        raise InvalidInput(f"{name} on qubits {place} takes {length:g} s", "No operation ends before it begins",
                           "Correct the target")
    return error, length


def _delay(operation: Any, target: Target) -> float:
    """Seconds of a delay."""
    scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "dt": target.dt}[operation.unit]
    if scale is None:
        raise InvalidInput("A delay is in dt, and the target does not say how long that is", "", "Give it in ns")
    return float(operation.duration) * float(scale)


def _ln_idle(target: Target, spans: dict[int, tuple[float, float, float]]) -> float:
    """What waiting costs; T1 or T2 that the target does not know count as infinite."""
    total = 0.0
    for qubit, (begin, end, busy) in spans.items():
        idle = max(0.0, end - begin - busy)
        facts = target.qubit_properties[qubit] if target.qubit_properties else None
        for time in (getattr(facts, "t1", None), getattr(facts, "t2", None)):
            if time:
                total -= idle / time
    return total
