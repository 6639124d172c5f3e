"""Expectation values of many Pauli strings on one state at once: matrix products over signs, chunk by chunk.

A state is seen as rows of 4,096 amplitudes. Signs and flips of the low twelve qubits come from tables of that length,
those of the other qubits from one entry for each row, so nothing of the state's size is made beside it, and what is
worked on stays in a core's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.simulators.observable import Amplitudes

_LOW = 12
_ROWS = 16

Masks = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Group:
    """Strings that flip the same qubits.

    `rows` says where their values go, `signs` what i^ny makes of them, `imaginary` whether the imaginary part counts;
    `low` and `high` hold the signs of amplitudes, `columns` and `lines` whom they meet (None: no low or high flip).
    """

    rows: NDArray[np.intp]
    imaginary: NDArray[np.bool_]
    signs: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    columns: NDArray[np.intp] | None
    lines: NDArray[np.intp] | None


class Strings:
    """Pauli strings on `n_qubits`, each as masks (x, z): an x and a z bit on the same qubit are a Y."""

    def __init__(self, masks: Sequence[Masks], n_qubits: int) -> None:
        self._count = len(masks)
        low = min(n_qubits, _LOW)
        self._shape = (1 << (n_qubits - low), 1 << low)
        rows: dict[int, list[int]] = {}
        for row, (flip, _) in enumerate(masks):
            rows.setdefault(flip, []).append(row)
        self._groups = [self._group(flip, chosen, masks, low) for flip, chosen in rows.items()]

    def __call__(self, amplitudes: Amplitudes) -> NDArray[np.float64]:
        """`<a|P|a>` for each string, of amplitudes (2**n,) that need not be normalised."""
        state, values = amplitudes.reshape(self._shape), np.zeros(self._count)
        for begin in range(0, self._shape[0], _ROWS):
            chosen = slice(begin, begin + _ROWS)
            for group in self._groups:
                values[group.rows] += _part(state, group, chosen)
        for group in self._groups:
            values[group.rows] *= group.signs
        return values

    def _group(self, flip: int, rows: list[int], masks: Sequence[Masks], low: int) -> _Group:
        z = np.array([masks[row][1] for row in rows], dtype=np.int64)
        n_y = np.array([(flip & int(mask)).bit_count() % 4 for mask in z])
        lines, columns = np.arange(self._shape[0]), np.arange(self._shape[1])
        flip_low, flip_high = flip & (self._shape[1] - 1), flip >> low
        # With w = conj(a[j ^ x]) a[j] the value is Re(i^ny sum (-1)^(z.j) w): Re w, -Im w, -Re w, Im w.
        signs = np.where((n_y == 1) | (n_y == 2), -1.0, 1.0)
        return _Group(np.array(rows, dtype=np.intp), n_y % 2 == 1, signs, _signs(columns, z), _signs(lines, z >> low),
                      columns ^ flip_low if flip_low else None, lines ^ flip_high if flip_high else None)


def _part(state: Amplitudes, group: _Group, chosen: slice) -> NDArray[np.float64]:
    """What some rows of a state add to the values of a group's strings."""
    own = state[chosen]
    if group.columns is None and group.lines is None:
        squares = np.square(own.real)
        squares += np.square(own.imag)
        return _folded(squares, group, chosen)
    partner = own if group.lines is None else state[group.lines[chosen]]
    if group.columns is not None:
        partner = partner.take(group.columns, axis=1)
    pairs = partner.conj() * own
    if not group.imaginary.any():
        return _folded(pairs.real, group, chosen)
    return np.where(group.imaginary, _folded(pairs.imag, group, chosen), _folded(pairs.real, group, chosen))


def _folded(weights: NDArray[np.float64], group: _Group, chosen: slice) -> NDArray[np.float64]:
    """`sum_j sign(j) weights[j]` for each string."""
    sums: NDArray[np.float64] = ((np.ascontiguousarray(weights) @ group.low) * group.high[chosen]).sum(axis=0)
    return sums


def _signs(states: NDArray[np.int64], masks: NDArray[np.int64]) -> NDArray[np.float64]:
    """(-1)^(bits that state and mask share), (states, masks)."""
    shared = np.bitwise_count(states[:, None] & masks[None, :])
    signs: NDArray[np.float64] = 1.0 - 2.0 * (shared & 1)
    return signs
