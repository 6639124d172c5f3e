"""A compiled circuit cut to the qubits it uses: gates and waits, angles from parameters, and where each qubit ends.

Waits are those of the schedule of `qloop.qpus.esp`: between a qubit's first and its last operation. Before its first
gate a qubit rests in its ground state and loses nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from qloop.qpus.device import Device
from qloop.qpus.esp import BARRIER
from qloop.qpus.simulators.angles import AngleMap, Form, form_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_FREE = ("reset", "global_phase")
ROTATION = "rz"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A gate on used qubits, and how long (ns) each of them has waited for it; `slot` is a rotation's angle or -1."""

    name: str
    qubits: tuple[int, ...]
    waited_ns: tuple[float, ...]
    slot: int = -1


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A circuit on a device. `places` are the device's own numbers of the used qubits, which steps number 0..n-1.

    `ends` are pairs of a circuit's qubit that can be read out and the used one where it ends, and `last_wait_ns` is how
    long each used qubit waits for its readout. Angles are not compared: they follow from the circuit's structure.
    """

    places: tuple[int, ...]
    steps: tuple[Step, ...]
    angles: AngleMap = dataclasses.field(compare=False)
    ends: tuple[tuple[int, int], ...]
    last_wait_ns: tuple[float, ...]

    @property
    def n_qubits(self) -> int:
        """How many of the device's qubits the circuit uses."""
        return len(self.places)


@dataclasses.dataclass(slots=True)
class _Clock:
    """When each qubit (by place) is free, and whether it has begun."""

    free: dict[int, float] = dataclasses.field(default_factory=dict)
    ended: dict[int, float] = dataclasses.field(default_factory=dict)

    def start(self, places: tuple[int, ...], length_ns: float) -> tuple[float, ...]:
        """Start an operation as soon as its qubits are free; what each has waited since its last one."""
        start = max((self.free.get(place, 0.0) for place in places), default=0.0)
        waited = tuple(max(0.0, start - self.ended.get(place, start)) for place in places)
        for place in places:
            self.free[place] = self.ended[place] = start + length_ns
        return waited

    def meet(self, places: tuple[int, ...]) -> None:
        """A barrier."""
        at = max((self.free.get(place, 0.0) for place in places), default=0.0)
        self.free.update(dict.fromkeys(places, at))


def placed_of(compiled: QuantumCircuit, circuit: QuantumCircuit, measured: tuple[int, ...], device: Device) -> Placed:
    """Cut a circuit that was compiled for the device; `measured` are the qubits of `circuit` that are read out."""
    column = {parameter: k for k, parameter in enumerate(circuit.parameters)}
    index: dict[Any, int] = {qubit: k for k, qubit in enumerate(compiled.qubits)}
    clock, steps, last = _Clock(), [], {}
    forms: list[Form] = []
    for item in compiled.data:
        name, places = item.operation.name, tuple(index[qubit] for qubit in item.qubits)
        if name in _FREE:
            continue
        if name == BARRIER:
            clock.meet(places)
            continue
        waited = clock.start(places, device.cost(name, places).length_ns)
        if name == "measure":
            last[places[0]] = waited[0]
            continue
        if name == ROTATION:
            forms.append(form_of(item.operation.params[0], column))
        steps.append(Step(name, places, waited, len(forms) - 1 if name == ROTATION else -1))
    ends = compiled.layout.final_index_layout(filter_ancillas=True)
    used = sorted({place for step in steps for place in step.qubits} | {ends[qubit] for qubit in measured})
    number = {place: k for k, place in enumerate(used)}
    return Placed(
        places=tuple(device.working[place] for place in used),
        steps=tuple(dataclasses.replace(step, qubits=tuple(number[place] for place in step.qubits)) for step in steps),
        angles=AngleMap(forms, len(column)),
        ends=tuple((qubit, number[end]) for qubit, end in enumerate(ends) if end in number),
        last_wait_ns=tuple(last.get(place, 0.0) for place in used))
