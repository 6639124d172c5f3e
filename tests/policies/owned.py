"""A policy as a user would write it, in a module of their own: the widest task first, but nobody waits too long."""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import FLOW, HOLD, STEPS, WIDTH, Row, Table
from qloop.policies.order import before, note_nothing
from qloop.policies.place import fits, least_wait
from qloop.policies.record import Policy

PATIENCE = 4.0      # seconds of waiting that are worth one qubit


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    return now - PATIENCE * value(tasks[i], flows[int(tasks[i][FLOW])]) + u * 1e-3


def value(task: Row, flow: Row) -> float:
    return task[WIDTH] + min(flow[STEPS], 2.0)


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int, now: float,
         u: float) -> int:
    best = HOLD
    for lane in range(len(heads)):
        i = heads[lane]
        if i >= 0 and fits(tasks[i], qpus[q], now) and (best < 0 or before(tasks[i], tasks[heads[best]])):
            best = lane
    return best


WIDEST = Policy("widest", enter, pick, note_nothing, note_nothing, least_wait, enter_draws=True)
