"""A pilot: one wait for a QPU, then all tasks of the session run there without a queue, until the pilot's end.

The pilot keeps the QPU while the session thinks, until the session closes or HOLD_MAX seconds (the walltime) have
passed. It knows nothing of calibrations: its tasks do not ask whether they end before a window, and a window that is
due begins between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import INF, Row, Table
from qloop.policies.tenure import join, next_of


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Pilots stand in line in the order of their sessions' first tasks; after the walltime they stand in it again."""
    return join(tasks, flows, qpus, totals, i, now, INF)


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The next task of the pilot that holds the QPU; on a free one the first in line."""
    return next_of(tasks, flows, qpus, totals, entries, q, now, INF)
