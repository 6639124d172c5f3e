"""What is read out of a noisy state: exact values with readout errors, and the distribution of measured bits.

A readout that flips a bit with probability e multiplies the expectation value of every string that is measured on that
qubit by 1 - 2e.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.noise.evolution import Strings
from qloop.qpus.noise.transfer import Transfer
from qloop.qpus.simulators.pauli import Term, parity_signs, terms_of
from qloop.qpus.simulators.sampling import draw

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

_Z = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Strings that are measured together, on the circuit's qubits: all `qubits` read, each in the basis `letters`."""

    terms: tuple[Term, ...]
    qubits: tuple[int, ...]
    letters: tuple[int, ...]

    def value(self, outcomes: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
        """The sum of weight times value over outcomes, whose bit k is that of `qubits[k]`."""
        total = 0.0
        for term in self.terms:
            mask = sum(1 << k for k, qubit in enumerate(self.qubits) if term.support >> qubit & 1)
            total += term.coefficient * float((parity_signs(outcomes, mask) * weights).sum())
        return total


def group_of(part: SparsePauliOp, n_qubits: int) -> Group:
    """A group from its observable, whose strings agree qubit by qubit."""
    terms = terms_of(part, n_qubits)
    letters: dict[int, int] = {}
    for term in terms:
        letters.update({qubit: letter(term, qubit) for qubit in range(n_qubits) if term.support >> qubit & 1})
    ordered = sorted(letters)
    return Group(terms, tuple(ordered), tuple(letters[qubit] for qubit in ordered))


def letter(term: Term, qubit: int) -> int:
    """0 to 3 for I, X, Y, Z."""
    x, z = term.x >> qubit & 1, term.z >> qubit & 1
    return (0, _Z, 1, 2)[2 * x + z]


class Readout:
    """How a circuit's qubits are read: where they end, and how often each readout errs."""

    def __init__(self, ends: tuple[tuple[int, int], ...], errors: tuple[float, ...]) -> None:
        self._ends, self._errors = dict(ends), errors

    def corrected(self, group: Group) -> Group:
        """The group with every string as much larger as its readouts make it smaller: readout errors mitigated."""
        def scaled(term: Term) -> Term:
            kept = math.prod(self.contrast(qubit) for qubit in group.qubits if term.support >> qubit & 1)
            return dataclasses.replace(term, coefficient=term.coefficient / kept)

        return dataclasses.replace(group, terms=tuple(scaled(term) for term in group.terms))

    def expectation(self, state: Strings, group: Group) -> float:
        """The group's exact value."""
        tensor, total = state.tensor(), 0.0
        for term in group.terms:
            at = [0] * tensor.ndim
            value = term.coefficient
            for qubit in group.qubits:
                if term.support >> qubit & 1:
                    at[state.axes.index(self._ends[qubit])] = letter(term, qubit)
                    value *= self.contrast(qubit)
            total += value * float(tensor[tuple(at)])
        return total

    def contrast(self, qubit: int) -> float:
        """1 - 2e of one of the circuit's qubits."""
        return 1.0 - 2.0 * self._errors[self._ends[qubit]]

    def probabilities(self, state: Strings, qubits: tuple[int, ...], letters: tuple[int, ...]) -> Transfer:
        """The probabilities (2^k,) of the bits that are read, bit j that of `qubits[j]`; they add up to 1."""
        tensor = state.tensor()
        axes = {qubit: state.axes.index(self._ends[qubit]) for qubit in qubits}
        chosen = {axes[qubit]: basis for qubit, basis in zip(qubits, letters, strict=True)}
        part = tensor[tuple(slice(0, basis + 1, basis) if (basis := chosen.get(q, 0)) else 0
                            for q in range(tensor.ndim))]
        kept = sorted(chosen)
        for qubit in qubits:
            axis = kept.index(axes[qubit])
            turn = np.array([[1.0, self.contrast(qubit)], [1.0, -self.contrast(qubit)]]) * 0.5
            part = np.moveaxis(np.tensordot(turn, part, axes=(1, axis)), 0, axis)
        # Outcome bits: the last of the qubits is the most significant.
        found = part.transpose([kept.index(axes[qubit]) for qubit in reversed(qubits)]).reshape(-1)
        found = np.maximum(found, 0.0)
        return np.asarray(found / found.sum(), dtype=np.float64)

    def estimate(self, state: Strings, group: Group, shots: int, random: np.random.Generator) -> float:
        """The group's value from so many shots."""
        outcomes, times = draw(self.probabilities(state, group.qubits, group.letters), shots, random)
        return group.value(outcomes, times / shots)
