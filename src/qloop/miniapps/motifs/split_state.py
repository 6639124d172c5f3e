"""A state vector that is split over ranks: each holds the amplitudes of one value of the highest qubits.

Gates on local qubits need nobody else. Before a gate on a global qubit, its rank and the partner that differs in this
bit exchange halves, which swaps the qubit with a local one; the new places are remembered and not undone (after De
Raedt et al., Comput. Phys. Commun. 176, 121, 2007). Diagonal gates need no exchange at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qloop.miniapps.motifs import dense


class Ranks(Protocol):
    """Who computes together: this rank's number, how many there are, and what they can do."""

    @property
    def rank(self) -> int:
        """The number of this one, from 0."""

    @property
    def size(self) -> int:
        """How many there are: a power of two."""

    def exchange(self, values: dense.Complex, partner: int) -> dense.Complex:
        """Send values to a partner, who calls this too, and return what it sent."""

    def total(self, value: float) -> float:
        """The sum of everybody's value, for everybody."""


class Alone:
    """One rank."""

    rank, size = 0, 1

    def exchange(self, values: dense.Complex, partner: int) -> dense.Complex:
        """There is nobody to exchange with."""
        raise ValueError("One rank alone exchanges nothing")

    def total(self, value: float) -> float:
        """Its own."""
        return value


class SplitState:
    """The part of |0...0> of `n_qubits` that this rank holds, shape (2^n / ranks,), and what it becomes.

    `place[q]`: where qubit q lies now; places from `n_local` on are global. `sent` counts bytes that left this rank.
    """

    def __init__(self, n_qubits: int, ranks: Ranks) -> None:
        self.ranks, self.n_qubits = ranks, n_qubits
        self.n_local = n_qubits - (ranks.size.bit_length() - 1)
        if self.n_local < 2:
            raise ValueError(f"{ranks.size} ranks are too many for {n_qubits} qubits")
        self.place = list(range(n_qubits))
        self.sent, self.exchanges = 0, 0
        self.local = np.zeros(1 << self.n_local, np.complex128)
        if ranks.rank == 0:
            self.local[0] = 1.0

    def run(self, program: Iterable[dense.Operation]) -> None:
        """Apply operations in order; all ranks must do so."""
        for operation in program:
            self.apply(operation)

    def apply(self, operation: dense.Operation) -> None:
        """Apply one operation on at most two qubits."""
        diagonal = np.diagonal(operation.matrix)
        if not np.any(operation.matrix - np.diag(diagonal)):
            self.local *= diagonal[self._index(operation.qubits)]
            return
        for qubit in operation.qubits:
            if self.place[qubit] >= self.n_local:
                self._bring(qubit, operation.qubits)
        where = tuple(self.place[qubit] for qubit in operation.qubits)
        self.local = dense.apply(self.local, dense.Operation(operation.matrix, where))

    def _index(self, qubits: tuple[int, ...]) -> NDArray[np.int64]:
        """For each amplitude here, the value of these qubits, the first of them as the lowest bit."""
        index = np.arange(self.local.size, dtype=np.int64) + (self.ranks.rank << self.n_local)
        found = np.zeros_like(index)
        for k, qubit in enumerate(qubits):
            found |= (index >> self.place[qubit] & 1) << k
        return found

    def _bring(self, qubit: int, busy: tuple[int, ...]) -> None:
        """Swap a global qubit with the highest local one that is not in use."""
        away = self.place[qubit]
        partner_bit = 1 << (away - self.n_local)
        free = (other for other in range(self.n_qubits) if self.place[other] < self.n_local and other not in busy)
        victim = max(free, key=lambda other: self.place[other])
        near = self.place[victim]
        view = self.local.reshape(-1, 2, 1 << near)
        mine = int(bool(self.ranks.rank & partner_bit))
        half = np.ascontiguousarray(view[:, 1 - mine])
        view[:, 1 - mine] = self.ranks.exchange(half, self.ranks.rank ^ partner_bit).reshape(half.shape)
        self.place[qubit], self.place[victim] = near, away
        self.sent += half.nbytes
        self.exchanges += 1

    def indices(self) -> NDArray[np.int64]:
        """For each amplitude here, its index in the whole state, qubits in their own order."""
        return self._index(tuple(range(self.n_qubits)))

    def norm(self) -> float:
        """The squared norm of the whole state."""
        return self.ranks.total(float(np.sum(dense.probabilities(self.local))))
