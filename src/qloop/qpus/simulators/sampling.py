"""Shots drawn honestly from a state vector: bit strings, and expectation values by measured bases.

Strings that agree qubit by qubit are measured together; each such basis gets the task's full number of shots, as one
circuit per basis does on hardware. The draw is one stream of the row's generator, basis after basis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.qpus.simulators.observable import Amplitudes, probabilities
from qloop.qpus.simulators.pauli import Term, parity_signs

_ROOT_HALF = float(np.sqrt(0.5))
_TABLE_ENTRIES = 1 << 22
_WIDEST_READOUT = 62


@dataclass(frozen=True, slots=True)
class Basis:
    """Strings measured together: qubits to turn from X and from Y to Z, then (support mask, coefficient) pairs."""

    x: int
    y: int
    terms: tuple[tuple[int, float], ...]


def bases_of(terms: tuple[Term, ...]) -> tuple[float, tuple[Basis, ...]]:
    """The identity's coefficient, and the others grouped first-fit, in their order, qubit-wise commuting."""
    constant = sum((term.coefficient for term in terms if not term.support), 0.0)
    groups: list[tuple[int, int, list[Term]]] = []
    for term in terms:
        if term.support:
            _insert(groups, term)
    return constant, tuple(
        Basis(x & ~z, x & z, tuple((term.support, term.coefficient) for term in members)) for x, z, members in groups)


def _insert(groups: list[tuple[int, int, list[Term]]], term: Term) -> None:
    """Put a term into the first group whose strings it agrees with on every shared qubit."""
    for k, (x, z, members) in enumerate(groups):
        shared = (x | z) & term.support
        if (x ^ term.x) & shared == 0 and (z ^ term.z) & shared == 0:
            groups[k] = (x | term.x, z | term.z, [*members, term])
            return
    groups.append((term.x, term.z, [term]))


class Estimator:
    """Expectation values from shots; standard error `sqrt(sum over bases of Var(basis) / shots)`."""

    def __init__(self, terms: tuple[Term, ...], n_qubits: int) -> None:
        self._constant, self._bases = bases_of(terms)
        small = len(self._bases) << n_qubits <= _TABLE_ENTRIES
        everything = np.arange(1 << n_qubits, dtype=np.int64) if small else None
        self._tables = [_values(basis, everything) if everything is not None else None for basis in self._bases]

    def estimate(self, amplitudes: Amplitudes, shots: int, random: np.random.Generator) -> float:
        """The mean over `shots` shots in each basis."""
        total = self._constant
        for basis, table in zip(self._bases, self._tables, strict=True):
            outcomes, times = draw(probabilities(_turned(amplitudes, basis)), shots, random)
            values = table[outcomes] if table is not None else _values(basis, outcomes)
            total += float((values * times).sum()) / shots
        return total


def draw(weights: NDArray[np.float64], shots: int,
         random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Outcomes that occurred and how often, for `shots` shots from weights that need not be normalised."""
    cumulated = np.cumsum(weights)
    if weights.size <= max(64, shots // 8):
        # A multinomial costs one binomial draw per outcome, inversion one search per shot.
        times = random.multinomial(shots, weights / cumulated[-1])
        seen = np.flatnonzero(times)
        return seen, times[seen]
    last = int(np.searchsorted(cumulated, cumulated[-1]))
    drawn = np.searchsorted(cumulated, random.random(shots) * cumulated[-1], side="right")
    outcomes, repeats = np.unique(np.minimum(drawn, last), return_counts=True)
    return outcomes.astype(np.int64), repeats.astype(np.int64)


def counts_of(outcomes: NDArray[np.int64], times: NDArray[np.int64], readout: tuple[tuple[int, int], ...],
              n_clbits: int) -> dict[str, int]:
    """Bit strings with their counts: clbit 0 is the rightmost, unwritten clbits are 0, registers are not spaced."""
    if n_clbits > _WIDEST_READOUT:
        raise InvalidInput(f"The circuit has {n_clbits} classical bits, and at most {_WIDEST_READOUT} can be counted",
                           "", "Remove the unused ones")
    bits = np.zeros_like(outcomes)
    for qubit, clbit in readout:
        bits |= ((outcomes >> qubit) & 1) << clbit
    keys, where = np.unique(bits, return_inverse=True)
    sums = np.zeros(keys.size, dtype=np.int64)
    np.add.at(sums, where, times)
    return {format(key, f"0{n_clbits}b"): total for key, total in zip(keys.tolist(), sums.tolist(), strict=True)}


def _values(basis: Basis, outcomes: NDArray[np.int64]) -> NDArray[np.float64]:
    """What one shot with each outcome contributes."""
    values = np.zeros(outcomes.shape)
    for mask, coefficient in basis.terms:
        values += coefficient * parity_signs(outcomes, mask)
    return values


def _turned(amplitudes: Amplitudes, basis: Basis) -> Amplitudes:
    """Amplitudes in the measured basis: H on X qubits, H after S-dagger on Y qubits."""
    turned = amplitudes.copy() if basis.x | basis.y else amplitudes
    for qubit in range((basis.x | basis.y).bit_length()):
        if (basis.x | basis.y) >> qubit & 1:
            pairs = turned.reshape(-1, 2, 1 << qubit)
            zero = pairs[:, 0, :] * _ROOT_HALF
            one = pairs[:, 1, :] * (-1j * _ROOT_HALF if basis.y >> qubit & 1 else _ROOT_HALF)
            np.add(zero, one, out=pairs[:, 0, :])
            np.subtract(zero, one, out=pairs[:, 1, :])
    return turned
