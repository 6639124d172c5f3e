"""A circuit that branches: at each point one of several operators acts on a qubit, and all choices are wanted.

The branches share what lies before them: a walk through the tree of choices runs each piece of the circuit once for
each choice before it, not once for each choice of all. Operators need not be unitary, so a measurement is two branches
instead of a dynamic circuit that is sampled shot by shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.simulators.lowering import Lowered
from qloop.qpus.simulators.qulacs_state import bound_circuit
from qloop.qpus.simulators.strings import Masks, Strings


@dataclass(frozen=True, slots=True)
class Point:
    """Where a circuit branches: one of `operators` (choices, 2, 2) acts on `qubit`."""

    qubit: int
    operators: NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Tree:
    """Pieces of a circuit without free parameters, a point between each two, and Pauli strings (x, z) at the end."""

    n_qubits: int
    pieces: tuple[Lowered, ...]
    points: tuple[Point, ...]
    strings: tuple[Masks, ...]

    def shape(self, taken: int = 0) -> tuple[int, ...]:
        """The choices at each point but the first `taken`, and the strings."""
        return (*(len(point.operators) for point in self.points[taken:]), len(self.strings))


def values_of(tree: Tree, prefix: Sequence[int] = ()) -> NDArray[np.float64]:
    """The strings' values for all choices, the first ones given by `prefix`; shape `tree.shape(len(prefix))`.

    A branch is not normalised: its strings' values carry its weight.
    """
    return _Walk(tree, tuple(prefix)).values()


class _Walk:
    """One walk through the tree: a state for each depth."""

    def __init__(self, tree: Tree, prefix: tuple[int, ...]) -> None:
        import qulacs

        self._tree, self._prefix = tree, prefix
        self._circuits = [bound_circuit(piece) for piece in tree.pieces]
        self._gates = [[qulacs.gate.DenseMatrix(point.qubit, operator.tolist()) for operator in point.operators]
                       for point in tree.points]
        depths = len(tree.points) - len(prefix) + 1
        self._states = [qulacs.QuantumState(tree.n_qubits) for _ in range(depths)]
        self._strings = Strings(tree.strings, tree.n_qubits)
        self._found: list[NDArray[np.float64]] = []

    def values(self) -> NDArray[np.float64]:
        """Walk once."""
        state = self._states[0]
        for depth, choice in enumerate(self._prefix):
            self._circuits[depth].update_quantum_state(state)
            self._gates[depth][choice].update_quantum_state(state)
        self._visit(0, state)
        return np.array(self._found).reshape(self._tree.shape(len(self._prefix)))

    def _visit(self, depth: int, state: Any) -> None:
        at = len(self._prefix) + depth
        self._circuits[at].update_quantum_state(state)
        if at == len(self._tree.points):
            self._found.append(self._strings(state.get_vector()))
            return
        branch = self._states[depth + 1]
        for gate in self._gates[at]:
            branch.load(state)
            gate.update_quantum_state(branch)
            self._visit(depth + 1, branch)
