"""A device as a compiler and a clock see it: what of it works, and what each operation there costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from qloop.errors import InvalidInput
from qloop.qpus.snapshot import BROKEN_ERROR, Snapshot

if TYPE_CHECKING:
    from qiskit.transpiler import Target

_NS = 1e-9


class Cost(msgspec.Struct, frozen=True):
    """One operation at one place: its error (probability) and its length (ns)."""

    error: float
    length_ns: float


class Device:
    """The working part of a snapshot: the largest set of working qubits that working couplers connect.

    A qubit is broken if its readout or one of its gates errs with 0.5 or more, a coupler if its gate does. Compiled
    circuits number the working qubits 0..n-1; `working[k]` is the device's own number. `InvalidInput` if nothing works.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        alive = set(range(snapshot.n_qubits)) - _broken_qubits(snapshot)
        self.working = _largest_part(alive, _couplers(snapshot, alive))
        if not self.working:
            raise InvalidInput(f"Snapshot {snapshot.name!r} has no working qubit",
                               f"every qubit has an error of {BROKEN_ERROR} or more", "Use another snapshot")
        self._number = {qubit: k for k, qubit in enumerate(self.working)}
        self._costs = self._collect()

    @property
    def n_qubits(self) -> int:
        """The number of qubits that circuits can use."""
        return len(self.working)

    def fits(self, width: int) -> bool:
        """Whether a circuit of that many qubits can be placed."""
        return 1 <= width <= self.n_qubits

    def cost(self, name: str, place: tuple[int, ...]) -> Cost:
        """Error and length of a gate or of `measure` on working qubits, in this object's numbering."""
        return self._costs[name, place]

    def coherence(self, qubit: int) -> tuple[float, float]:
        """T1 and T2 (ns) of a working qubit, in this object's numbering."""
        qubits, physical = self.snapshot.qubits, self.working[qubit]
        return qubits.t1_ns.value[physical], qubits.t2_ns.value[physical]

    def target(self) -> Target:
        """The working part as Qiskit's compiler wants it; times in seconds there."""
        from qiskit.circuit import Measure, Reset
        from qiskit.circuit.library import get_standard_gate_name_mapping
        from qiskit.transpiler import InstructionProperties, Target

        target = Target(num_qubits=self.n_qubits, dt=self.snapshot.dt_ns * _NS)
        gates = get_standard_gate_name_mapping()
        for name in (*self.snapshot.basis_gates, "measure"):
            places = {place: InstructionProperties(cost.length_ns * _NS, cost.error)
                      for (other, place), cost in self._costs.items() if other == name}
            if places:
                target.add_instruction(Measure() if name == "measure" else gates[name], places)
        # The device starts each shot reset, so an explicit reset at the beginning costs nothing more.
        target.add_instruction(Reset(), {(qubit,): InstructionProperties(0.0, 0.0) for qubit in range(self.n_qubits)})
        return target

    def _collect(self) -> dict[tuple[str, tuple[int, ...]], Cost]:
        """Every usable operation; broken ones and those that leave the working part are left out."""
        costs: dict[tuple[str, tuple[int, ...]], Cost] = {}
        for gate in self.snapshot.gates:
            for place, error, length in zip(gate.qubits, gate.error.value, gate.length_ns.value, strict=True):
                if error < BROKEN_ERROR and all(qubit in self._number for qubit in place):
                    costs[gate.name, tuple(self._number[qubit] for qubit in place)] = Cost(error, length)
        qubits = self.snapshot.qubits
        for k, qubit in enumerate(self.working):
            costs["measure", (k,)] = Cost(qubits.readout_error.value[qubit], qubits.readout_ns.value[qubit])
        return costs


def _broken_qubits(snapshot: Snapshot) -> set[int]:
    """Qubits that cannot be read out or turned."""
    broken = {qubit for qubit, error in enumerate(snapshot.qubits.readout_error.value) if error >= BROKEN_ERROR}
    for gate in snapshot.gates:
        broken |= {place[0] for place, error in zip(gate.qubits, gate.error.value, strict=True)
                   if len(place) == 1 and error >= BROKEN_ERROR}
    return broken


def _couplers(snapshot: Snapshot, alive: set[int]) -> list[tuple[int, int]]:
    """Pairs of working qubits with a working two-qubit gate in at least one direction."""
    return [(place[0], place[1]) for gate in snapshot.gates
            for place, error in zip(gate.qubits, gate.error.value, strict=True)
            if len(place) == 2 and error < BROKEN_ERROR and alive.issuperset(place)]


def _largest_part(alive: set[int], couplers: list[tuple[int, int]]) -> tuple[int, ...]:
    """The largest connected set, sorted; of equals the one with the smallest qubit."""
    near: dict[int, set[int]] = {qubit: set() for qubit in alive}
    for a, b in couplers:
        near[a].add(b)
        near[b].add(a)
    best: set[int] = set()
    left = set(alive)
    while left:
        part = _reachable(min(left), near)
        left -= part
        best = part if len(part) > len(best) else best
    return tuple(sorted(best))


def _reachable(start: int, near: dict[int, set[int]]) -> set[int]:
    seen, edge = {start}, [start]
    while edge:
        new = near[edge.pop()] - seen
        seen |= new
        edge.extend(new)
    return seen
