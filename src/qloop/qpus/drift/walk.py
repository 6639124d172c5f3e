"""A path of processes over the grid that can be read at any step, forwards and backwards, and is always the same.

Step k of the grid lies at k*60 s. Draws come in blocks of an hour, and the values at the end of each block are kept
(all of the last two days, one a day before), so that reading far back or ahead never starts at the run's begin again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qloop.policies.drift import GRID_S
from qloop.qpus.drift.processes import Values
from qloop.qpus.drift.streams import BLOCK

GRID_NS = round(GRID_S * 1e9)
_RECENT, _DAY, _PATHS = 48, 24, 2

Draws = Callable[[int], NDArray[np.float64]]


class Process(Protocol):
    """Processes of n parameters: one step of any length, or some of the grid's."""

    def step(self, before: Values, draws: NDArray[np.float64], dt: NDArray[np.float64]) -> Values:
        """The values (n,) after `dt` (n,) s."""

    def follow(self, before: Values, draws: NDArray[np.float64]) -> Values:
        """The values (rows, n) after each of some steps of the grid."""


class Walk:
    """The path that has the values `first` at `start_ns` (on the grid or not).

    `draws(block)` are the draws (60, n) of the steps that lead to the grid's points of that block.
    """

    def __init__(self, start_ns: int, first: Values, process: Process, draws: Draws) -> None:
        self._begin, self._first = start_ns // GRID_NS, first
        self._first_dt = (GRID_NS - start_ns % GRID_NS) * 1e-9
        self._process, self._draws = process, draws
        self._paths: OrderedDict[int, Values] = OrderedDict()
        self._ends: OrderedDict[int, Values] = OrderedDict()
        self._days: dict[int, Values] = {}

    def at(self, step: int) -> Values:
        """The values (n,) at a point of the grid; before the start, those of the start."""
        if step <= self._begin:
            return self._first
        block = step // BLOCK
        if block not in self._paths:
            self._go_to(block)
        self._paths.move_to_end(block)
        return np.asarray(self._paths[block][step % BLOCK])

    def _go_to(self, block: int) -> None:
        """Compute a block from the nearest one before it whose end is known."""
        known = max((end for end in (*self._ends, *self._days) if end < block), default=self._begin // BLOCK - 1)
        before = self._ends.get(known, self._days.get(known, self._first))
        for number in range(known + 1, block + 1):
            path = self._block(number, before)
            before = path[-1]
            self._keep(number, before)
        self._paths[block] = path
        while len(self._paths) > _PATHS:
            self._paths.popitem(last=False)

    def _block(self, number: int, before: Values) -> Values:
        """The values (60, n) at the points of a block; the first step may be shorter than the grid's."""
        draws, row = self._draws(number), max(0, self._begin + 1 - number * BLOCK)
        head = [self._first] * row
        if number * BLOCK + row == self._begin + 1 and row < BLOCK:
            before = self._process.step(before, draws[row], np.full(len(self._first), self._first_dt))
            head.append(before)
            row += 1
        rest = self._process.follow(before, draws[row:])
        return np.concatenate([np.stack(head), rest]) if head else rest

    def _keep(self, block: int, end: Values) -> None:
        """Remember a block's end."""
        end = end.copy()
        if block % _DAY == 0:
            self._days[block] = end
            return
        self._ends[block] = end
        while len(self._ends) > _RECENT:
            self._ends.popitem(last=False)
