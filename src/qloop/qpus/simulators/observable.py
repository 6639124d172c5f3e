"""The exact expectation value of a Pauli sum in a state vector.

All diagonal strings become one real vector, so MaxCut costs one pass however many edges it has. The others become the
lower triangle of one sparse matrix while that fits `_MATRIX_ENTRIES`, else they are applied block by block. Sums
run in blocks of fixed size, below the size where a BLAS starts threads: the same bits in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.simulators.pauli import Term, phases

_BLOCK = 4096
_CHUNK = 1 << 16
_MATRIX_ENTRIES = 1 << 24
_DENSE_QUBITS = 5
_TABLE_QUBITS = 22

Amplitudes = NDArray[np.complex128]
Part = Callable[[Amplitudes], float]


def expectation_of(terms: tuple[Term, ...], n_qubits: int) -> Part:
    """A function from amplitudes (2**n_qubits,) to the real expectation value of the sum of terms."""
    diagonal = [term for term in terms if term.x == 0]
    masks: dict[int, list[Term]] = {}
    for term in terms:
        if term.x:
            masks.setdefault(term.x, []).append(term)
    if masks and n_qubits <= _DENSE_QUBITS:
        return _dense(diagonal, masks, n_qubits)
    parts: list[Part] = []
    if diagonal:
        parts.append(_diagonal(diagonal, n_qubits))
    if masks:
        fits = len(masks) << (n_qubits - 1) <= _MATRIX_ENTRIES
        parts.append(_sparse(masks, n_qubits) if fits else _blockwise(masks, n_qubits))
    if len(parts) == 1:
        return parts[0]
    return lambda amplitudes: sum((part(amplitudes) for part in parts), 0.0)


def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The product of two vectors, summed in an order that no thread count changes."""
    if a.size <= 2 * _BLOCK:
        return float(a @ b)
    return float(np.vecdot(a.reshape(-1, _BLOCK), b.reshape(-1, _BLOCK)).sum())


def probabilities(amplitudes: Amplitudes) -> NDArray[np.float64]:
    """Squared magnitudes (2**n,), not normalised."""
    result = np.square(amplitudes.real)
    result += np.square(amplitudes.imag)
    return result


def _dense(diagonal: list[Term], masks: dict[int, list[Term]], n_qubits: int) -> Part:
    """One small matrix: for a few qubits a call costs more than the arithmetic."""
    basis = np.arange(1 << n_qubits, dtype=np.int64)
    matrix = np.zeros((basis.size, basis.size), dtype=np.complex128)
    matrix[basis, basis] = phases(diagonal, basis)
    for mask, terms in masks.items():
        matrix[basis ^ mask, basis] += phases(terms, basis)
    return lambda amplitudes: float(np.vdot(amplitudes, matrix @ amplitudes).real)


def _diagonal(terms: list[Term], n_qubits: int) -> Part:
    """`sum_j |a_j|^2 d_j`; the vector d is kept up to 2**22 entries, beyond it is made anew, chunk by chunk."""
    size = 1 << n_qubits
    if n_qubits <= 16:
        doubled = np.repeat(phases(terms, np.arange(size, dtype=np.int64)), 2)

        def whole(amplitudes: Amplitudes) -> float:
            squares = np.square(amplitudes.view(np.float64))
            return dot(squares, doubled)

        return whole
    table = phases(terms, np.arange(size, dtype=np.int64)) if n_qubits <= _TABLE_QUBITS else None

    def chunked(amplitudes: Amplitudes) -> float:
        total = 0.0
        for begin in range(0, size, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            values = table[part] if table is not None else phases(terms, np.arange(begin, begin + _CHUNK))
            total += dot(probabilities(amplitudes[part]), values)
        return total

    return chunked


def _sparse(masks: dict[int, list[Term]], n_qubits: int) -> Part:
    """`2 Re a^H (L a)` with L the strictly lower triangle; real matrices act on real and imaginary parts at once."""
    from scipy.sparse import coo_array

    size = 1 << n_qubits
    low = {mask: _below(mask, np.arange(size // 2, dtype=np.int64)) for mask in masks}
    cols = np.concatenate([low[mask] for mask in masks])
    rows = np.concatenate([low[mask] ^ mask for mask in masks])
    data = np.concatenate([phases(terms, low[mask]) for mask, terms in masks.items()])
    matrix: Any = coo_array((data, (rows.astype(np.int32), cols.astype(np.int32))), shape=(size, size)).tocsr()

    def real(amplitudes: Amplitudes) -> float:
        pairs = amplitudes.view(np.float64).reshape(-1, 2)
        return 2.0 * dot(pairs.reshape(-1), (matrix @ pairs).reshape(-1))

    def complex_(amplitudes: Amplitudes) -> float:
        return 2.0 * dot(amplitudes.view(np.float64), (matrix @ amplitudes).view(np.float64))

    return complex_ if np.iscomplexobj(data) else real


def _blockwise(masks: dict[int, list[Term]], n_qubits: int) -> Part:
    """The same sum without a stored matrix, for many strings on many qubits."""
    half = 1 << (n_qubits - 1)

    def total(amplitudes: Amplitudes) -> float:
        value = 0.0
        for mask, terms in masks.items():
            for begin in range(0, half, _CHUNK):
                low = _below(mask, np.arange(begin, min(begin + _CHUNK, half), dtype=np.int64))
                image = phases(terms, low) * amplitudes[low]
                value += dot(amplitudes[low ^ mask].view(np.float64), image.view(np.float64))
        return 2.0 * value

    return total


def _below(mask: int, counter: NDArray[np.int64]) -> NDArray[np.int64]:
    """The counter-th basis states whose bit at the mask's top position is 0: one of each pair (j, j ^ mask)."""
    top = mask.bit_length() - 1
    return ((counter >> top) << (top + 1)) | (counter & ((1 << top) - 1))
