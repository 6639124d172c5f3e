"""The state of a noisy circuit as the expectation values of all Pauli strings: a real tensor with 4 entries a qubit.

That is the density matrix in another basis, in which channels are real matrices and readout is a look-up. A run of
operations is one product; its blocks are of a fixed size below that at which a BLAS starts threads, so that results are
the same bits in every process. A qubit comes in with its first run, and one that is not read out goes after its last:
of those that only help others on their way, few are there at a time.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.noise.placed import Placed
from qloop.qpus.noise.recipe import Recipe, pairs_of
from qloop.qpus.noise.transfer import Transfer, exchanged, rotations

_BLOCK = 1024
_SMALL = 4


class Strings:
    """A state of n qubits: `values[i]` for the string whose letters are the base-4 digits of i, axis by axis."""

    def __init__(self, axes: list[int], values: NDArray[np.float64]) -> None:
        self.axes, self.values = axes, values
        self._spare = np.empty_like(values)

    def tensor(self) -> Transfer:
        """A view of shape (4,) * n whose k-th axis is qubit `axes[k]`."""
        return self.values.reshape((4,) * len(self.axes))

    def bring_in(self, qubit: int, initial: Transfer, order: tuple[int, ...]) -> None:
        """Add a qubit that was alone so far, next to the one before it in `order` if that is here."""
        if qubit in self.axes:
            return
        before = [other for other in order[:order.index(qubit)] if other in self.axes]
        at = self.axes.index(before[-1]) + 1 if before else 0
        spread = self.values.reshape(4**at, 1, -1) * initial[:, np.newaxis]
        self._renew([*self.axes[:at], qubit, *self.axes[at:]], spread)

    def let_go(self, qubit: int) -> None:
        """Leave a qubit out from now on: of its strings only the identity matters."""
        at = self.axes.index(qubit)
        kept = self.values.reshape(4**at, 4, -1)[:, 0, :]
        self._renew([*self.axes[:at], *self.axes[at + 1:]], kept)

    def _renew(self, axes: list[int], values: Transfer) -> None:
        self.axes, self.values = axes, np.ascontiguousarray(values).reshape(-1)
        self._spare = np.empty_like(self.values)

    def apply(self, pair: tuple[int, int], matrix: Transfer) -> None:
        """Multiply the pair's axes by a matrix (16, 16), the pair's first qubit running fastest."""
        first, second = (self.axes.index(qubit) for qubit in pair)
        if abs(first - second) != 1:
            self._bring_together(first, second)
            first, second = (self.axes.index(qubit) for qubit in pair)
        # The tensor's later axis runs fastest.
        _multiply(self.values, self._spare, matrix if second < first else exchanged(matrix), min(first, second),
                  len(self.axes))
        self.values, self._spare = self._spare, self.values

    def _bring_together(self, first: int, second: int) -> None:
        """Move the earlier one of two axes next to the later one."""
        n, (low, high) = len(self.axes), sorted((first, second))
        order = [*range(low), *range(low + 1, high), low, *range(high, n)]
        np.copyto(self._spare.reshape((4,) * n), self.values.reshape((4,) * n).transpose(order))
        self.values, self._spare = self._spare, self.values
        self.axes = [self.axes[k] for k in order]


def evolve(recipe: Recipe, angles: NDArray[np.float64], plan: Plan) -> Strings:
    """The state of the qubits that are read out, after a recipe at angles (slots,)."""
    turns = rotations(angles)
    state = Strings([], np.ones(1))
    for run, leaving in zip(recipe.runs, plan.leaving, strict=True):
        for qubit in run.pair:
            state.bring_in(qubit, recipe.initial(qubit, turns), plan.order)
        state.apply(run.pair, run.matrix(turns))
        for qubit in leaving:
            state.let_go(qubit)
    for qubit in plan.read:
        state.bring_in(qubit, recipe.initial(qubit, turns), plan.order)
    return state


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The order of axes, who leaves after each run, who is read out, and how many qubits are there at most."""

    order: tuple[int, ...]
    leaving: tuple[tuple[int, ...], ...]
    read: tuple[int, ...]
    widest: int


def plan_of(placed: Placed) -> Plan:
    """The plan for a circuit's runs."""
    pairs, read = pairs_of(placed), sorted({end for _, end in placed.ends})
    last = {qubit: k for k, pair in enumerate(pairs) for qubit in pair}
    leaving = tuple(tuple(qubit for qubit in pair if last[qubit] == k and qubit not in read)
                    for k, pair in enumerate(pairs))
    here: set[int] = set()
    widest = len(read)
    for pair, gone in zip(pairs, leaving, strict=True):
        here |= set(pair)
        widest = max(widest, len(here))
        here -= set(gone)
    return Plan(order_of(pairs, placed.n_qubits), leaving, tuple(read), widest)


def order_of(pairs: tuple[tuple[int, int], ...], n_qubits: int) -> tuple[int, ...]:
    """Axes such that most pairs are neighbours: a walk along the most used couplers, from a qubit with few of them."""
    weights = Counter((min(pair), max(pair)) for pair in pairs)
    near: dict[int, dict[int, int]] = {qubit: {} for qubit in range(n_qubits)}
    for (a, b), weight in weights.items():
        near[a][b] = near[b][a] = weight
    order: list[int] = []
    left = set(near)
    while left:
        at: int | None = min(left, key=lambda qubit: (len(near[qubit]), qubit))
        while at is not None:
            order.append(at)
            left.discard(at)
            onward = [(-weight, qubit) for qubit, weight in near[at].items() if qubit in left]
            at = min(onward)[1] if onward else None
    return tuple(order)


def _multiply(values: NDArray[np.float64], out: NDArray[np.float64], matrix: Transfer, at: int, n: int) -> None:
    """Multiply axes `at` and `at + 1` of n by a matrix."""
    before, after = 4**at, 4**(n - 2 - at)
    if after <= _SMALL:
        wide = 16 * after
        whole = np.kron(matrix, np.eye(after)) if after > 1 else matrix
        rows = max(1, min(before, _BLOCK // 16))
        np.matmul(values.reshape(-1, rows, wide), whole.T, out=out.reshape(-1, rows, wide))
    else:
        columns = min(after, _BLOCK)
        np.matmul(matrix, _blocks(values, before, after, columns), out=_blocks(out, before, after, columns))


def _blocks(values: NDArray[np.float64], before: int, after: int, columns: int) -> Any:
    """A view (before, blocks, 16, columns)."""
    return values.reshape(before, 16, after // columns, columns).swapaxes(1, 2)
