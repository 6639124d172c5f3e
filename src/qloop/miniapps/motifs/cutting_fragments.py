"""Fragments of a cut circuit as plain data, and the exact or sampled values of their subexperiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import dense
from qloop.miniapps.problems.problem import philox

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

TINY = 1e-15        # squared norm of a branch that is not followed
SHOT_STREAM = 12


class Step(msgspec.Struct, frozen=True):
    """What is done in a fragment: a "gate", a "measure" whose outcome is a sign, or a "reset"."""

    kind: str
    operation: dense.Operation


class Side(msgspec.Struct, frozen=True):
    """A place where a cut touches a fragment: its number there (see `Fragment.touches`), and the steps of each map."""

    touch: int
    maps: tuple[tuple[Step, ...], ...]


class Fragment(msgspec.Struct, frozen=True):
    """A part of a cut circuit: its steps in order, the cuts that touch it, and the observable's strings on it."""

    n_qubits: int
    steps: tuple[Step | Side, ...]
    touches: tuple[int, ...]
    strings: tuple[dense.Term, ...]

    @property
    def gates(self) -> int:
        """Gates, without those that stand for cuts."""
        return sum(isinstance(step, Step) for step in self.steps)

    @property
    def groups(self) -> int:
        """Bases in which the strings can be measured: circuits that a QPU would run for each subexperiment."""
        return len(grouped(self.strings))


Branch = tuple[float, dense.Complex]


def evaluate(fragment: Fragment, maps: Sequence[int], shots: int = 0, seed: int = 0) -> tuple[float, ...]:
    """The value of each string of a subexperiment: the mean of string times the signs of its measurements.

    Mid-circuit measurements are followed branch by branch, so without shots the values are exact. With shots, each
    group of strings that can be measured together has so many, drawn by `seed`. `InvalidInput` for maps of another
    fragment.
    """
    if len(maps) != len(fragment.touches):
        raise InvalidInput(f"{len(maps)} maps are given for {len(fragment.touches)} cuts", "", "Give one for each cut")
    branches: list[Branch] = [(1.0, dense.zero(fragment.n_qubits))]
    for step in fragment.steps:
        inner = (step,) if isinstance(step, Step) else step.maps[maps[step.touch]]
        for one in inner:
            branches = [after for branch in branches for after in _taken(branch, one)]
    if shots:
        return _sampled(fragment, branches, shots, seed)
    return tuple(sum(sign * dense.expectation(state, (string,)) for sign, state in branches)
                 for string in fragment.strings)


def _taken(branch: Branch, step: Step) -> list[Branch]:
    """The branches that a step makes of one; states are not normalised, their norms are probabilities."""
    sign, state = branch
    if step.kind == "gate":
        return [(sign, dense.apply(state, step.operation))]
    (qubit,) = step.operation.qubits
    view = state.reshape(-1, 2, 1 << qubit)
    low, high = np.zeros_like(view), np.zeros_like(view)
    low[:, 0] = view[:, 0]
    high[:, 1 if step.kind == "measure" else 0] = view[:, 1]
    other = -sign if step.kind == "measure" else sign
    found = [(sign, low.reshape(-1)), (other, high.reshape(-1))]
    return [one for one in found if np.vdot(one[1], one[1]).real > TINY]


def _sampled(fragment: Fragment, branches: Sequence[Branch], shots: int, seed: int) -> tuple[float, ...]:
    """Means over shots, a set of shots for each basis."""
    generator = np.random.Generator(philox(seed, SHOT_STREAM))
    found = [0.0] * len(fragment.strings)
    index = np.arange(1 << fragment.n_qubits)
    for basis, members in grouped(fragment.strings).items():
        turned = [(sign, _turned(state, basis)) for sign, state in branches]
        weights = np.concatenate([dense.probabilities(state) for _, state in turned])
        counts = generator.multinomial(shots, weights / weights.sum()).reshape(len(turned), -1)
        signed = sum(sign * row for (sign, _), row in zip(turned, counts, strict=True))
        for member in members:
            string = fragment.strings[member]
            found[member] = float(np.sum(signed * dense.parity(index, string.x | string.z)) / shots)
    return tuple(found)


def grouped(strings: Sequence[dense.Term]) -> Mapping[tuple[int, int], tuple[int, ...]]:
    """Strings that agree on every qubit that both touch, by the masks of their common basis; greedy, in order."""
    found: list[tuple[int, int, list[int]]] = []
    for number, string in enumerate(strings):
        support = string.x | string.z
        for place, (x, z, members) in enumerate(found):
            both = (x | z) & support
            if (x & both, z & both) == (string.x & both, string.z & both):
                found[place] = (x | string.x, z | string.z, [*members, number])
                break
        else:
            found.append((string.x, string.z, [number]))
    return {(x, z): tuple(members) for x, z, members in found}


def _turned(state: dense.Complex, basis: tuple[int, int]) -> dense.Complex:
    """The state after the rotations that make Z of the basis."""
    x, z = basis
    hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2.0)
    for qubit in range(int(state.size).bit_length() - 1):
        if x >> qubit & 1:
            turn = hadamard @ np.diag([1, -1j]) if z >> qubit & 1 else hadamard
            state = dense.apply(state, dense.Operation(turn.astype(np.complex128), (qubit,)))
    return state


def bases_of(circuits: Mapping[Any, QuantumCircuit]) -> dict[int, Any]:
    """The decomposition of every cut by its number, from the addon's subcircuits."""
    return {_number(one.operation): one.operation.basis for circuit in circuits.values() for one in circuit.data
            if _is_cut(one.operation)}


def fragment_of(circuit: QuantumCircuit, labels: Sequence[str], bases: Mapping[int, Any]) -> Fragment:
    """A subcircuit of the addon, with the observable's strings on it."""
    place = {cut: n for n, cut in enumerate(sorted(bases))}
    touches = tuple(sorted({place[_number(one.operation)] for one in circuit.data if _is_cut(one.operation)}))
    steps: list[Step | Side] = []
    for one in circuit.data:
        qubits = tuple(circuit.find_bit(qubit).index for qubit in one.qubits)
        if not _is_cut(one.operation):
            steps += _steps(one.operation, qubits)
            continue
        basis, touch = bases[_number(one.operation)], touches.index(place[_number(one.operation)])
        maps = (each[one.operation.qubit_id] for each in basis.maps)
        steps.append(Side(touch, tuple(tuple(step for gate in each for step in _steps(gate, qubits)) for each in maps)))
    return Fragment(circuit.num_qubits, tuple(steps), touches, tuple(dense.masks(label) for label in labels))


def _steps(gate: Any, qubits: tuple[int, ...]) -> list[Step]:
    """A gate, a measurement or a reset."""
    if gate.name in dense.SILENT:
        return []
    kind = {"qpd_measure": "measure", "reset": "reset"}.get(gate.name, "gate")
    matrix = np.asarray(gate.to_matrix(), np.complex128) if kind == "gate" else np.eye(2, dtype=np.complex128)
    return [Step(kind, dense.Operation(matrix, qubits))]


def _is_cut(gate: Any) -> bool:
    return bool(gate.name == "qpd_1q")


def _number(gate: Any) -> int:
    """The number of the cut that a gate is a side of, which the addon keeps in its label."""
    return int(gate.label.rpartition("_")[2])
