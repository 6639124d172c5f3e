"""Subexperiments of a cut circuit as circuits for QPUs, and their values from counts.

QPUs here measure at the end alone. So a measurement within a fragment is put off: its qubit is copied by a cx to a
qubit of its own, which is measured at the end (deferred measurement). A reset of a qubit that was not used yet does
nothing; one of a used qubit puts a fresh qubit in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from qloop.miniapps.motifs import dense
from qloop.miniapps.motifs.cutting_fragments import Fragment, Step, grouped

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class Reading(msgspec.Struct, frozen=True):
    """How counts of a circuit are read: the mask of its signs, and by string's number the mask of its bits."""

    signs: int
    strings: tuple[tuple[int, int], ...]


def circuits_of(fragment: Fragment, maps: Sequence[int]) -> list[tuple[QuantumCircuit, Reading]]:
    """A circuit for each basis that the fragment's strings need, and how to read its counts."""
    steps = [one for step in fragment.steps
             for one in ((step,) if isinstance(step, Step) else step.maps[maps[step.touch]])]
    return [_circuit(fragment, steps, basis, members) for basis, members in grouped(fragment.strings).items()]


def values_from(counts: Mapping[str, int], reading: Reading) -> dict[int, float]:
    """The value of each string that was read, by its number: the mean of string times signs."""
    total = sum(counts.values())
    found = {}
    for number, mask in reading.strings:
        found[number] = sum(many * (-1) ** (int(bits, 2) & (mask | reading.signs)).bit_count()
                            for bits, many in counts.items()) / total
    return found


def _circuit(fragment: Fragment, steps: Sequence[Step], basis: tuple[int, int],
             members: Sequence[int]) -> tuple[QuantumCircuit, Reading]:
    """One circuit; every qubit is measured into the bit of its own number."""
    from qiskit import QuantumCircuit

    spare = sum(step.kind != "gate" for step in steps)
    circuit = QuantumCircuit(fragment.n_qubits + spare, name="subexperiment")
    place, used, fresh, signs = list(range(fragment.n_qubits)), [False] * fragment.n_qubits, fragment.n_qubits, 0
    for step in steps:
        where = [place[qubit] for qubit in step.operation.qubits]
        if step.kind == "gate":
            circuit.unitary(step.operation.matrix, where)
        elif step.kind == "measure":
            circuit.cx(where[0], fresh)
            signs, fresh = signs | 1 << fresh, fresh + 1
        elif used[step.operation.qubits[0]]:
            place[step.operation.qubits[0]], fresh = fresh, fresh + 1
        for qubit in step.operation.qubits:
            used[qubit] = True
    _turn(circuit, basis, place)
    made = _narrowed(circuit, fresh)
    made.measure_all()
    masks = tuple((member, _moved(fragment.strings[member], place)) for member in members)
    return made, Reading(signs, masks)


def _turn(circuit: QuantumCircuit, basis: tuple[int, int], place: Sequence[int]) -> None:
    """Rotations that make Z of the basis."""
    x, z = basis
    for qubit, where in enumerate(place):
        if x >> qubit & 1:
            if z >> qubit & 1:
                circuit.sdg(where)
            circuit.h(where)


def _narrowed(circuit: QuantumCircuit, width: int) -> QuantumCircuit:
    """The circuit on its first qubits: spare ones that nobody needed are left out."""
    from qiskit import QuantumCircuit

    made = QuantumCircuit(width, name=circuit.name)
    for one in circuit.data:
        made.append(one.operation, [circuit.find_bit(qubit).index for qubit in one.qubits])
    return made


def _moved(string: dense.Term, place: Sequence[int]) -> int:
    """The bits of a string where its qubits lie at the end."""
    support = string.x | string.z
    return sum(1 << where for qubit, where in enumerate(place) if support >> qubit & 1)
