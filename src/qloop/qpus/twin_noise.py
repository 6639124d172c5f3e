"""The twin's noise: a fast surrogate in which each shot succeeds with probability ESP and is random otherwise.

A failed shot sees the fully mixed state, so expectation values are `ESP*E + (1-ESP)*tr(H)/2^n` (spec: efaas 4), and
shots are drawn from exactly that mixture. The estimator measures strings that agree qubit by qubit together, each such
group with the task's full number of shots S: with `A_g` the group's sum of strings, its variance is

    sum_g (<A_g^2> - <A_g>^2) / S,   <A_g> = ESP*<A_g>_ideal,   <A_g^2> = ESP*<A_g^2>_ideal + (1-ESP)*sum_k c_k^2

and no normal approximation is made. Per group the number k of successful shots is drawn from Binomial(S, ESP), k shots
come from the noise-free program and S-k from uniformly random bits.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from qloop.qpus.simulators.circuits import pauli_sum
from qloop.qpus.simulators.pauli import Term, terms_of
from qloop.qpus.simulators.sampling import Basis, bases_of

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

_CHUNK = 1 << 13


class Group(msgspec.Struct, frozen=True):
    """Strings measured together: their masks of qubits, and their coefficients."""

    masks: tuple[int, ...]
    coefficients: tuple[float, ...]


class Measured(msgspec.Struct, frozen=True):
    """An observable as it is measured: `constant` (= tr(H)/2^n), groups, and each group as an observable."""

    constant: float
    groups: tuple[Group, ...]
    observables: tuple[SparsePauliOp, ...]
    support: tuple[int, ...]


def measured_as(observable: SparsePauliOp, n_qubits: int) -> Measured:
    """Group an observable's strings as the noise-free estimator groups them; `InvalidInput` if it is not one."""
    constant, bases = bases_of(terms_of(observable, n_qubits))
    groups = tuple(Group(tuple(mask for mask, _ in basis.terms), tuple(value for _, value in basis.terms))
                   for basis in bases)
    touched = 0
    for group in groups:
        for mask in group.masks:
            touched |= mask
    return Measured(constant, groups, tuple(pauli_sum(_terms(basis), n_qubits) for basis in bases),
                    tuple(qubit for qubit in range(n_qubits) if touched >> qubit & 1))


def _terms(basis: Basis) -> tuple[Term, ...]:
    """A basis as Pauli strings again: X on the qubits turned from X, Y on those from Y, Z elsewhere."""
    return tuple(Term(mask & (basis.x | basis.y), mask & ~basis.x, value) for mask, value in basis.terms)


def stream(digest: bytes, purpose: str) -> bytes:
    """A digest for one purpose of an evaluation, so that its draws are independent of all others."""
    return hashlib.sha256(digest + b"/twin/" + purpose.encode()).digest()


def random_sum(group: Group, shots: int, random: np.random.Generator) -> float:
    """The sum over `shots` uniformly random outcomes of the group's value."""
    touched = sorted({qubit for mask in group.masks for qubit in range(mask.bit_length()) if mask >> qubit & 1})
    member = np.array([[mask >> qubit & 1 for mask in group.masks] for qubit in touched], dtype=np.float32)
    coefficients = np.asarray(group.coefficients)
    total = 0.0
    for begin in range(0, shots, _CHUNK):
        rows = min(_CHUNK, shots - begin)
        bits = random.integers(0, 2, (rows, len(touched)), dtype=np.uint8).astype(np.float32)
        # Sums of at most some thousand ones are whole numbers in float32, in any order of adding.
        odd = (bits @ member).astype(np.int64) & 1
        total += float(coefficients @ (rows - 2 * odd.sum(axis=0)))
    return total


def random_counts(readout: tuple[int, ...], n_clbits: int, shots: int, random: np.random.Generator) -> dict[str, int]:
    """Uniformly random bit strings: `readout` are the classical bits that are written, the others stay 0."""
    bits = np.zeros((shots, n_clbits), dtype=np.uint8)
    columns = [n_clbits - 1 - clbit for clbit in readout]
    bits[:, columns] = random.integers(0, 2, (shots, len(columns)), dtype=np.uint8)
    rows, times = np.unique(bits, axis=0, return_counts=True)
    return {(row + ord("0")).tobytes().decode(): int(count) for row, count in zip(rows, times, strict=True)}


def merged(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Counts added up, sorted by bit string."""
    return {key: first.get(key, 0) + second.get(key, 0) for key in sorted(first.keys() | second.keys())}
