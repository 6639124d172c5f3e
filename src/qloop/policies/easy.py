"""EASY backfilling: first in, first out, except that the gap before a calibration window is filled.

The first task that may run here but does not end before the window keeps its place: it starts first after the window.
Tasks behind it run now if, by their estimate, they end before the window begins, so it is not delayed.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import HOLD, SCAN, Row, Table
from qloop.policies.place import eligible, fits


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The head if it may run and fits; else look behind it."""
    i = heads[0]
    if i < 0:
        return HOLD
    if eligible(tasks[i], qpus[q], q) and fits(tasks[i], qpus[q], now):
        return 0
    return SCAN


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The first entry that may run here and fits before the window."""
    for k in range(len(entries)):
        i = entries[k]
        if eligible(tasks[i], qpus[q], q) and fits(tasks[i], qpus[q], now):
            return k
    return HOLD
