"""Reservation: a session holds a QPU for itself from its first shot until it closes.

The line is read SCAN_LIMIT tasks deep: behind a holder with so many waiting tasks a second, free QPU stays idle until
one of them is served (docs/decisions/0001-the-policy-seam.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    COUNTER,
    FLOW,
    HELD,
    HOLD,
    ONLINE,
    OPEN,
    ORDER,
    OWNER,
    OWNER_SEQ,
    SCAN,
    SEQ,
    Row,
    Table,
)
from qloop.policies.place import eligible, fits


def owner(flows: Table, qpu: Row) -> int:
    """The row of the open session that holds the QPU, -1 if nobody does."""
    row = int(qpu[OWNER])
    if row < 0 or flows[row][SEQ] != qpu[OWNER_SEQ] or flows[row][OPEN] < 1.0:
        return -1
    return row


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Sessions stand in line in the order of their first task."""
    flow = flows[int(tasks[i][FLOW])]
    if flow[ORDER] < 0.0:
        flow[ORDER] = totals[COUNTER]
        totals[COUNTER] += 1.0
    return flow[ORDER]


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
         now: float, u: float) -> int:
    """Whose turn it is depends on who holds the QPU: look at the line."""
    return SCAN if heads[0] >= 0 else HOLD


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The first task of the session that holds the QPU; on a free one, of a session that holds none."""
    holder = owner(flows, qpus[q])
    for k in range(len(entries)):
        task = tasks[entries[k]]
        row = int(task[FLOW])
        mine = row == holder if holder >= 0 else not holds(flows[row], qpus, row)
        if mine and eligible(task, qpus[q], q):
            return k if fits(task, qpus[q], now) else HOLD
    return HOLD


def holds(flow: Row, qpus: Table, row: int) -> bool:
    """Whether the session in this row holds a QPU that is online."""
    held = int(flow[HELD])
    return held >= 0 and qpus[held][ONLINE] > 0.0 and int(qpus[held][OWNER]) == row


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """The session holds this QPU from now on."""
    row = int(tasks[i][FLOW])
    qpus[q][OWNER], qpus[q][OWNER_SEQ] = float(row), flows[row][SEQ]
    flows[row][HELD] = float(q)


def let_go(flows: Table, qpu: Row, q: int) -> None:
    """QPU q takes tasks again: a session that meanwhile took another one holds it no more."""
    row = int(qpu[OWNER])
    if row >= 0 and int(flows[row][HELD]) != q:
        qpu[OWNER] = -1.0
