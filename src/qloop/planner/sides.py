"""One side of a cut: the least number of pure runs from which every term of the decomposition follows.

A decomposition names, for each term and each side, a small channel on one qubit: gates, measurements whose outcome is a
sign, resets. A state vector follows pure branches `rho -> A rho A^+` only, so a measurement is two of them. All these
branches span a small space (for CX: the six of a side span four dimensions, as `Sdg = I + Z - S` and
`P1 = (I + Z) / 2 - P0` as channels), so only a basis of it is run and the terms are sums of what was run. Where the cut
is the first thing on its qubit, only what becomes of |0> counts; where it is the last and nobody measures the qubit,
the terms are read off the final state as Pauli strings, and nothing is run twice: one run serves a wire's upstream end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

Matrix = NDArray[np.complex128]
PAULIS = "IXYZ"
_NOTHING = 1e-12
_INDEPENDENT = 1e-8
_PROJECTORS = (np.diag([1.0, 0.0]).astype(np.complex128), np.diag([0.0, 1.0]).astype(np.complex128))
_RESETS = (np.array([[1, 0], [0, 0]], dtype=np.complex128), np.array([[0, 1], [0, 0]], dtype=np.complex128))
_STRINGS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128)

Branches = list[tuple[float, Matrix]]


@dataclass(frozen=True, slots=True)
class Branching:
    """A side that is run `len(operators)` times: term t is `sum_r mixing[t, r]` of run r."""

    operators: Matrix
    mixing: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """A side that is read off the final state: term t is `sum_p mixing[t, p]` of Pauli `letters[p]` on the qubit."""

    letters: str
    mixing: NDArray[np.float64]


Side = Branching | Reading


def branching(terms: Sequence[Sequence[Any]], first: bool) -> Branching:
    """The side of a cut as runs; `terms` holds Qiskit instructions for each term.

    `first` says that nothing acts on the qubit before. The basis is taken from the branches themselves, in order.
    """
    branches = [branches_of(operations) for operations in terms]
    candidates = [operator for term in branches for _, operator in term]
    vectors = np.array([_seen(operator, first) for operator in candidates])
    kept = _independent(vectors)
    solved = np.linalg.lstsq(vectors[kept].T, vectors.T, rcond=None)[0].T
    mixing = np.zeros((len(terms), len(kept)))
    at = 0
    for number, term in enumerate(branches):
        for sign, _ in term:
            mixing[number] += sign * solved[at]
            at += 1
    return Branching(np.array([candidates[k] for k in kept]), mixing)


def reading(terms: Sequence[Sequence[Any]]) -> Reading:
    """The side of a cut as Pauli strings on its final state, where nothing follows and nobody measures the qubit."""
    weights = np.zeros((len(terms), 4))
    for number, operations in enumerate(terms):
        for sign, operator in branches_of(operations):
            effect = operator.conj().T @ operator
            weights[number] += sign * np.einsum("ij,pji->p", effect, _STRINGS).real / 2
    used = [p for p in range(4) if np.abs(weights[:, p]).max() > _NOTHING]
    return Reading("".join(PAULIS[p] for p in used), np.ascontiguousarray(weights[:, used]))


def branches_of(operations: Sequence[Any]) -> Branches:
    """The pure branches of a list of one-qubit instructions, with their signs; what cannot happen is left out.

    A `qpd_measure` gives its second outcome the sign -1; a reset sums over what was there.
    """
    found: Branches = [(1.0, np.eye(2, dtype=np.complex128))]
    for operation in operations:
        choices = _choices(operation)
        found = [(sign * other, after @ before) for sign, before in found for other, after in choices]
    return [(sign, operator) for sign, operator in found if np.abs(operator).max() > _NOTHING]


def joined(left: Side, right: Side, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """How the runs of both sides of a cut join: (left, right), the decomposition's coefficients worked in."""
    joint: NDArray[np.float64] = np.einsum("t,tl,tr->lr", coefficients, left.mixing, right.mixing)
    return joint


def _choices(operation: Any) -> Branches:
    """What one instruction may do, with signs."""
    if operation.name == "qpd_measure":
        return [(1.0, _PROJECTORS[0]), (-1.0, _PROJECTORS[1])]
    if operation.name == "reset":
        return [(1.0, matrix) for matrix in _RESETS]
    if operation.num_qubits != 1 or operation.num_clbits:
        raise InvalidInput(f"A cut's side holds {operation.name!r}, which is neither a gate, a measurement nor a reset",
                           "", "Cut with qiskit-addon-cutting's own decompositions")
    return [(1.0, np.asarray(operation.to_matrix(), dtype=np.complex128))]


def _seen(operator: Matrix, first: bool) -> NDArray[np.float64]:
    """A branch as a real vector: its whole channel, or what it makes of |0>."""
    seen = np.outer(operator[:, 0], operator[:, 0].conj()) if first else np.kron(operator, operator.conj())
    return np.concatenate([seen.real.ravel(), seen.imag.ravel()])


def _independent(vectors: NDArray[np.float64]) -> list[int]:
    """The first rows that none before them span (Gram-Schmidt, twice for accuracy)."""
    basis: list[NDArray[np.float64]] = []
    kept = []
    for number, vector in enumerate(vectors):
        rest = vector
        for _ in range(2):
            for unit in basis:
                rest = rest - (unit @ rest) * unit
        size = float(np.linalg.norm(rest))
        if size > _INDEPENDENT:
            kept.append(number)
            basis.append(rest / size)
    return kept
