"""Circuits as the primitives know them: checked once, recognised as long as nobody changes them, without idle wires."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from qloop.errors import InvalidInput
from qloop.loops.primitives.copies import detached, evolutions, operators

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

KEPT = 64               # circuits that are recognised again
PREPARED = 4096         # observables of one circuit that are
PATIENCE = 1.05         # how much longer than it was a set is expected to take after one that was slow
SILENT = ("barrier", "delay")


@dataclass(slots=True)
class Prepared:
    """A circuit with its observable that the session has compiled: its structure, and what it is expected to take.

    `pace`: seconds a set of parameters; `waited`: seconds that its last task waited for a QPU.
    """

    structure: str
    pace: float = float("inf")
    waited: float = 0.0

    def took(self, seconds: float, waited: float) -> None:
        """Learn how long a set took; one that took longer than usual changes little: it may have been the machine."""
        self.pace, self.waited = min(seconds, PATIENCE * self.pace), waited


@dataclass(slots=True, eq=False)
class Known:
    """A copy of a circuit as it is now; the names of its parameters, and the qubits that it does something with.

    `readout`: for each classical bit that is written, the qubit it is read from. `evolutions`: the circuit's own gates
    of which a comparison does not tell that they were changed, with what they were. `prepared` is by content of the
    observable.
    """

    circuit: QuantumCircuit
    names: tuple[str, ...]
    active: frozenset[int]
    readout: dict[int, int]
    evolutions: list[tuple[Any, Hashable]] = field(default_factory=list)
    prepared: dict[bytes, Prepared] = field(default_factory=dict)

    def shows(self, circuit: QuantumCircuit) -> bool:
        """Whether it is still a copy of this circuit, of which it is one."""
        return unchanged(self.circuit, circuit) and all(operators(gate) == was for gate, was in self.evolutions)

    def keep(self, key: bytes, prepared: Prepared) -> Prepared:
        """Remember what was prepared, and forget the oldest if it is too much."""
        self.prepared[key] = prepared
        if len(self.prepared) > PREPARED:
            del self.prepared[next(iter(self.prepared))]
        return prepared


class Album:
    """The circuits seen last. One that was changed in place is another circuit: it is compared before it is trusted."""

    def __init__(self) -> None:
        self._known: dict[int, Known] = {}

    def recognise(self, circuit: QuantumCircuit) -> Known:
        """The circuit, known or new; `InvalidInput` if it cannot be run."""
        known = self._known.pop(id(circuit), None)
        if known is None or not known.shows(circuit):
            known = learned(circuit)
        self._known[id(circuit)] = known
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return known


def unchanged(kept: QuantumCircuit, circuit: QuantumCircuit) -> bool:
    """Whether a circuit is still what the copy of it is: all that decides what its results are and mean."""
    # Comparing the instructions takes half the time of comparing the circuits.
    return bool(kept.data == circuit.data and kept.qubits == circuit.qubits and kept.clbits == circuit.clbits
                and kept.cregs == circuit.cregs and kept.global_phase == circuit.global_phase
                and kept.num_vars == circuit.num_vars)


def learned(circuit: QuantumCircuit) -> Known:
    """Check a circuit and look at what it does."""
    active, readout = walked(circuit)
    kept = detached(circuit)
    return Known(kept, tuple(parameter.name for parameter in kept.parameters), frozenset(active), readout,
                 evolutions(circuit))


def walked(circuit: QuantumCircuit) -> tuple[set[int], dict[int, int]]:
    """The qubits that instructions act on, and clbit -> qubit of the readout; `InvalidInput` if it is not static."""
    if circuit.num_qubits == 0:
        raise InvalidInput("The circuit has no qubits", "", "Give it at least one")
    if circuit.num_vars:
        _refuse("It has classical variables")
    qubit_of = {bit: k for k, bit in enumerate(circuit.qubits)}
    clbit_of = {bit: k for k, bit in enumerate(circuit.clbits)}
    active: set[int] = set()
    readout: dict[int, int] = {}
    read: set[int] = set()
    for item in circuit.data:
        name, qubits = item.operation.name, [qubit_of[bit] for bit in item.qubits]
        if item.is_control_flow() or (item.clbits and name != "measure"):
            _refuse(f"The instruction {name!r} depends on classical bits or writes them")
        if name == "measure":
            readout[clbit_of[item.clbits[0]]] = qubits[0]
            read.add(qubits[0])
        elif name not in SILENT:
            _check_gate(name, qubits, active, read)
        if name not in SILENT:
            active.update(qubits)
    return active, readout


def _check_gate(name: str, qubits: list[int], active: set[int], read: set[int]) -> None:
    if read.intersection(qubits):
        _refuse(f"The instruction {name!r} follows a measurement of qubit {min(read.intersection(qubits))}")
    if name == "reset" and active.intersection(qubits):
        _refuse(f"Qubit {qubits[0]} is reset after it was used")


def _refuse(why: str) -> NoReturn:
    raise InvalidInput("The circuit is dynamic", f"{why}, and no QPU of qloop runs that",
                       "Use a static circuit of gates, with measurements at its end only")


def narrowed(known: Known, kept: list[int]) -> QuantumCircuit:
    """The circuit on the qubits `kept` alone, which must hold the active ones; classical bits are those written."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Clbit, Qubit

    circuit = known.circuit
    small: Any = QuantumCircuit([Qubit() for _ in kept], [Clbit() for _ in known.readout],
                                global_phase=circuit.global_phase)
    place = {circuit.qubits[old]: small.qubits[new] for new, old in enumerate(kept)}
    bit = {circuit.clbits[old]: small.clbits[new] for new, old in enumerate(sorted(known.readout))}
    for item in circuit.data:
        qubits = [place[qubit] for qubit in item.qubits if qubit in place]
        if len(qubits) == len(item.qubits):
            small.append(item.operation, qubits, [bit[clbit] for clbit in item.clbits])
        elif item.operation.name == "barrier" and qubits:
            small.barrier(qubits)
    return small
