"""A policy as a user would write it: strictly by the weight of the task, first in first out among equals."""

from __future__ import annotations

from qloop.policies.columns import WEIGHT, Row, Table
from qloop.policies.order import note_nothing, pick_first
from qloop.policies.place import least_wait
from qloop.policies.record import Policy


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """The heaviest first; a lane breaks ties by arrival."""
    return -tasks[i][WEIGHT]


STRICT = Policy("strict", enter, pick_first, note_nothing, note_nothing, least_wait)
