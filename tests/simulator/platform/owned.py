"""A policy as a user would write it, in a module of their own: small circuits first, the first QPU preferred."""

from __future__ import annotations

from qloop.policies.columns import INF, SEQ, WIDTH, Row, Table
from qloop.policies.order import note_nothing, pick_first
from qloop.policies.place import eligible
from qloop.policies.record import Policy

PREFERENCE = 1e-6       # seconds that a QPU costs more than the one before it: ties go to the first


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    return tasks[i][SEQ] + 1e9 * small(tasks[i])


def small(task: Row) -> float:
    return 0.0 if task[WIDTH] <= 4.0 else 1.0


def place(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> float:
    return PREFERENCE * q if eligible(tasks[i], qpus[q], q) else INF


SMALL_FIRST = Policy("small first", enter, pick_first, note_nothing, note_nothing, place)
