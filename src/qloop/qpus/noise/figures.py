"""What a calibration says of the few gates and qubits that a placed circuit uses: all that its noise depends on."""

from __future__ import annotations

from typing import NamedTuple

from qloop.qpus.noise.placed import Placed
from qloop.qpus.snapshot import Snapshot


class GateFigures(NamedTuple):
    """One gate at one place (used qubits): error as 1 - average fidelity, and length (ns)."""

    name: str
    qubits: tuple[int, ...]
    error: float
    length_ns: float


class Figures(NamedTuple):
    """Gates, and per used qubit T1 and T2 (ns) and readout error; hashable, so that models can be kept by it."""

    gates: tuple[GateFigures, ...]
    t1_ns: tuple[float, ...]
    t2_ns: tuple[float, ...]
    readout: tuple[float, ...]


def figures_of(placed: Placed, snapshot: Snapshot) -> Figures:
    """The figures of a placed circuit in a snapshot of its device."""
    wished = sorted({(step.name, step.qubits) for step in placed.steps})
    tables = {gate.name: {place: k for k, place in enumerate(gate.qubits)} for gate in snapshot.gates}
    columns = {gate.name: gate for gate in snapshot.gates}
    gates = []
    for name, qubits in wished:
        k = tables[name][tuple(placed.places[qubit] for qubit in qubits)]
        gates.append(GateFigures(name, qubits, columns[name].error.value[k], columns[name].length_ns.value[k]))
    qubits_of = snapshot.qubits

    def used(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(values[place] for place in placed.places)

    return Figures(tuple(gates), used(qubits_of.t1_ns.value), used(qubits_of.t2_ns.value),
                   used(qubits_of.readout_error.value))
