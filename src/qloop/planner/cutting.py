"""A circuit cut into fragments that run apart, as plain data: trees to walk, how they join, and what they weigh.

`qiskit-addon-cutting` partitions the circuit and says what each cut becomes; `sides.py` finds the least runs. Each
fragment's cuts are put off as long as gates do not need them, so that the branches share what lies before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, MissingExtra
from qloop.planner.prepared import checked_terms, prepared
from qloop.planner.sides import PAULIS, Branching, Reading, Side, branching, joined, reading
from qloop.qpus.simulators.branching import Point, Tree
from qloop.qpus.simulators.lowering import lower
from qloop.qpus.simulators.pauli import Term

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import PauliList, SparsePauliOp

Masks = tuple[int, int]
End = tuple[int, int]
"""One end of a cut: its number, and 0 or 1."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What runs apart. Its values have an axis for each point (`branched`), one for its own strings, one for each
    end that is read off (`read`, of so many letters each, `letters`)."""

    tree: Tree
    branched: tuple[End, ...]
    read: tuple[End, ...]
    letters: tuple[int, ...]
    own_strings: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut circuit and its observable.

    `joins[c]` (end 0, end 1) joins the two ends of cut c; `rows[f][p]` is the string of fragment f in the p-th of the
    observable's terms, which weighs `weights[p]`; `constant` is what needs no run. `overhead` is the sampling overhead,
    `terms[c]` how many terms the decomposition of cut c has.
    """

    fragments: tuple[Fragment, ...]
    joins: tuple[NDArray[np.float64], ...]
    rows: tuple[NDArray[np.intp], ...]
    weights: NDArray[np.float64]
    constant: float
    overhead: float
    terms: tuple[int, ...]


def cut_circuit(circuit: QuantumCircuit, observable: SparsePauliOp, labels: Sequence[int] | None = None) -> Cut:
    """Cut a circuit: qubits of equal label stay together, or, without labels, where `find_cuts` has marked it.

    `InvalidInput` for circuits and observables that cannot be cut and labels that do not fit; `MissingExtra` without
    qiskit-addon-cutting.
    """
    circuit = prepared(circuit)
    terms = checked_terms(observable, circuit)
    if labels is not None and len(labels) != circuit.num_qubits:
        raise InvalidInput(f"{len(labels)} labels are given for {circuit.num_qubits} qubits", "",
                           "Give one label for each qubit")
    parts, bases, strings = _partitioned(circuit, terms, labels)
    idle = strings.pop(None, None)
    alive = [k for k, term in enumerate(terms) if term.support and not (idle is not None and idle.x[k].any())]
    sides: dict[End, Side] = {}
    built, rows = [], []
    for name, part in parts.items():
        own, chosen = _own_strings(strings[name], alive)
        built.append(_fragment(part, own, sides))
        rows.append(chosen)
    joins = tuple(joined(sides[cut, 0], sides[cut, 1], np.asarray(basis.coeffs, dtype=np.float64))
                  for cut, basis in enumerate(bases))
    return Cut(tuple(built), joins, tuple(rows), np.array([terms[k].coefficient for k in alive]),
               sum(term.coefficient for term in terms if not term.support),
               math.prod(float(basis.overhead) for basis in bases), tuple(len(basis.coeffs) for basis in bases))


def _partitioned(circuit: QuantumCircuit, terms: Sequence[Term], labels: Sequence[int] | None,
                 ) -> tuple[Mapping[Any, QuantumCircuit], Sequence[Any], dict[Any, PauliList]]:
    """Subcircuits by name, the bases of all cuts, and each subcircuit's part of each term (None: idle qubits)."""
    try:
        from qiskit_addon_cutting import cut_wires, expand_observables, partition_problem
    except ImportError as error:
        raise MissingExtra("Cutting a circuit", "cutting") from error
    paulis = _paulis(terms, circuit.num_qubits)
    if labels is None:
        moved = cut_wires(circuit)
        paulis = expand_observables(paulis, circuit, moved)
        circuit = moved
    problem = partition_problem(circuit, None if labels is None else list(labels), paulis)
    return problem.subcircuits, problem.bases, dict(problem.subobservables)


def _paulis(terms: Sequence[Term], n_qubits: int) -> PauliList:
    from qiskit.quantum_info import PauliList

    letters = "IXZY"
    return PauliList(["".join(letters[(term.x >> q & 1) | (term.z >> q & 1) << 1] for q in reversed(range(n_qubits)))
                      for term in terms])


def _own_strings(paulis: PauliList, alive: Sequence[int]) -> tuple[list[Masks], NDArray[np.intp]]:
    """The distinct strings of one fragment, and which of them each living term has."""
    bits = 1 << np.arange(paulis.num_qubits, dtype=object)
    xs, zs = paulis.x.astype(object) @ bits, paulis.z.astype(object) @ bits
    found: dict[Masks, int] = {}
    rows = [found.setdefault((int(xs[k]), int(zs[k])), len(found)) for k in alive]
    return list(found), np.array(rows, dtype=np.intp)


def _fragment(part: QuantumCircuit, own: list[Masks], sides: dict[End, Side]) -> Fragment:
    """One subcircuit as a tree; puts its ends into `sides`."""
    index = {bit: k for k, bit in enumerate(part.qubits)}
    items = [(item.operation, tuple(index[bit] for bit in item.qubits)) for item in part.data]
    watched = 0
    for x, z in own:
        watched |= x | z
    ends = _ends(items, watched)
    sides.update(dict(ends.values()))
    pieces, marks = _pieces([(number, *item) for number, item in enumerate(items)], ends)
    points = []
    for number in marks:
        side = ends[number][1]
        assert isinstance(side, Branching)
        points.append(Point(items[number][1][0], side.operators))
    read = [(end, items[number][1][0], side) for number, (end, side) in ends.items() if isinstance(side, Reading)]
    tree = Tree(part.num_qubits, tuple(_lowered(piece, part.num_qubits) for piece in pieces), tuple(points),
                tuple(_extended(own, [(qubit, side.letters) for _, qubit, side in read])))
    return Fragment(tree, tuple(ends[number][0] for number in marks), tuple(end for end, _, _ in read),
                    tuple(len(side.letters) for _, _, side in read), len(own))


def _ends(items: Sequence[tuple[Any, tuple[int, ...]]], watched: int) -> dict[int, tuple[End, Side]]:
    """The ends of cuts among a fragment's instructions, by their place."""
    last = {qubit: number for number, (_, qubits) in enumerate(items) for qubit in qubits}
    seen: set[int] = set()
    ends: dict[int, tuple[End, Side]] = {}
    for number, (operation, qubits) in enumerate(items):
        if operation.name == "qpd_1q":
            end = (int(operation.label.rpartition("_")[2]), int(operation.qubit_id))
            terms = [choice[operation.qubit_id] for choice in operation.basis.maps]
            ends_here = last[qubits[0]] == number and not watched >> qubits[0] & 1
            ends[number] = (end, reading(terms) if ends_here else branching(terms, qubits[0] not in seen))
        seen.update(qubits)
    return ends


Numbered = tuple[int, Any, tuple[int, ...]]


def _pieces(items: list[Numbered], ends: Mapping[int, tuple[End, Side]]) -> tuple[list[list[Numbered]], list[int]]:
    """Gates before, between and after the points, each point as late as it can be; and the points' places."""
    rest = [item for item in items if item[0] not in ends or isinstance(ends[item[0]][1], Branching)]
    pieces: list[list[Numbered]] = []
    marks: list[int] = []
    while True:
        now: list[Numbered] = []
        later: list[Numbered] = []
        blocked: set[int] = set()
        for item in rest:
            if item[0] in ends or blocked.intersection(item[2]):
                blocked.update(item[2])
                later.append(item)
            else:
                now.append(item)
        pieces.append(now)
        if not later:
            return pieces, marks
        marks.append(later[0][0])
        rest = later[1:]


def _lowered(piece: Sequence[Numbered], n_qubits: int) -> Any:
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(n_qubits)
    for _, operation, qubits in piece:
        circuit.append(operation, qubits, copy=False)
    return lower(circuit)


def _extended(own: Sequence[Masks], read: Sequence[tuple[int, str]]) -> list[Masks]:
    """Each own string with each choice of letters on the qubits that are read off."""
    strings = []
    for x, z in own:
        for letters in itertools.product(*(choices for _, choices in read)):
            more_x = sum((PAULIS.index(letter) in (1, 2)) << qubit
                         for (qubit, _), letter in zip(read, letters, strict=True))
            more_z = sum((PAULIS.index(letter) in (2, 3)) << qubit
                         for (qubit, _), letter in zip(read, letters, strict=True))
            strings.append((x | more_x, z | more_z))
    return strings
