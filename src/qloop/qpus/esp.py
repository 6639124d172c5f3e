"""How long a compiled circuit takes and how likely it is to succeed: an ASAP schedule and the ESP.

    ESP = prod_gates (1 - e) * prod_measured (1 - ro) * prod_qubits exp(-idle/T1) exp(-idle/T2)

(estimated success probability, spec: efaas 3). `idle` is what a qubit waits between the begin of its first operation
and the end of its last one: before its first gate a qubit rests in its ground state and loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from qloop.qpus.device import Device

BARRIER = "barrier"


class Operation(msgspec.Struct, frozen=True):
    """One operation of a compiled circuit: a gate, `measure`, or `barrier`, on the device's working qubits."""

    name: str
    qubits: tuple[int, ...]


class Schedule(msgspec.Struct, frozen=True):
    """When a circuit ends (`length_ns`, readout included), and per qubit how long it waits (`idle_ns`)."""

    length_ns: float
    idle_ns: dict[int, float]


class Success(msgspec.Struct, frozen=True):
    """The ESP as three sums of logarithms, all <= 0."""

    ln_gates: float
    ln_readout: float
    ln_idle: float

    @property
    def ln_esp(self) -> float:
        """The natural logarithm of the ESP."""
        return self.ln_gates + self.ln_readout + self.ln_idle

    @property
    def esp(self) -> float:
        """The ESP, between 0 and 1."""
        return math.exp(self.ln_esp)


def schedule(operations: Iterable[Operation], device: Device) -> Schedule:
    """Start every operation as soon as its qubits are free; a barrier makes its qubits wait for each other."""
    free: dict[int, float] = {}
    spans: dict[int, tuple[float, float, float]] = {}
    for operation in operations:
        start = max((free.get(qubit, 0.0) for qubit in operation.qubits), default=0.0)
        is_barrier = operation.name == BARRIER
        length = 0.0 if is_barrier else device.cost(operation.name, operation.qubits).length_ns
        for qubit in operation.qubits:
            free[qubit] = start + length
            if not is_barrier:
                begin, _, busy = spans.get(qubit, (start, start, 0.0))
                spans[qubit] = (begin, start + length, busy + length)
    idle = {qubit: max(0.0, end - begin - busy) for qubit, (begin, end, busy) in sorted(spans.items())}
    return Schedule(max((end for _, end, _ in spans.values()), default=0.0), idle)


def success(operations: Iterable[Operation], timing: Schedule, device: Device) -> Success:
    """The ESP of a scheduled circuit, in the log domain, so that wide circuits do not underflow."""
    ln_gates = ln_readout = 0.0
    for operation in operations:
        if operation.name == BARRIER:
            continue
        ln_kept = math.log1p(-device.cost(operation.name, operation.qubits).error)
        if operation.name == "measure":
            ln_readout += ln_kept
        else:
            ln_gates += ln_kept
    ln_idle = 0.0
    for qubit, idle_ns in timing.idle_ns.items():
        t1_ns, t2_ns = device.coherence(qubit)
        ln_idle -= idle_ns / t1_ns + idle_ns / t2_ns
    return Success(ln_gates, ln_readout, ln_idle)
