"""Sessions that hold a QPU for a while: what `session` and `pilot` have in common.

A session stands in line with its first task. The QPU that runs it is the session's alone from then on, until the
session closes, is idle for too long, or has held it long enough; then its next task stands in line as a newcomer's.
What waits already when that happens goes to the end of the line, too. The line is read SCAN_LIMIT tasks deep, as that
of `reservation` is: a session that keeps more tasks waiting than that hides those behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    ACTIVE_SINCE,
    COUNTER,
    FLOW,
    HELD,
    HOLD_MAX,
    INF,
    ONLINE,
    ORDER,
    OUTSTANDING,
    OWNER,
    OWNER_SEQ,
    SEQ,
    TOUCHED,
    WAKE,
    Row,
    Table,
)
from qloop.policies.place import eligible
from qloop.policies.reservation import owner


def ends(flow: Row, totals: Row, idle: float) -> float:
    """When the session lets its QPU go if nothing happens, in s: `idle` s after its last task, or after HOLD_MAX."""
    longest = flow[ACTIVE_SINCE] + totals[HOLD_MAX]
    if flow[OUTSTANDING] > 0.0:
        return longest
    lapses = flow[TOUCHED] + idle
    return lapses if lapses < longest else longest


def holder(flows: Table, qpus: Table, totals: Row, q: int, now: float, idle: float) -> int:
    """The row of the session that holds QPU q now, -1 if nobody does."""
    row = owner(flows, qpus[q])
    if row < 0 or int(flows[row][HELD]) != q or now >= ends(flows[row], totals, idle):
        return -1
    return row


def let_go(flow: Row, qpus: Table, row: int) -> None:
    """The session in this row holds no QPU any more."""
    held = int(flow[HELD])
    if held >= 0 and int(qpus[held][OWNER]) == row:
        qpus[held][OWNER] = -1.0
    flow[HELD] = flow[ACTIVE_SINCE] = -1.0


def stand_in_line(flow: Row, qpus: Table, totals: Row, row: int) -> None:
    """The session is behind all others that stand in line now, and holds nothing."""
    let_go(flow, qpus, row)
    flow[ORDER] = totals[COUNTER]
    totals[COUNTER] += 1.0


def join(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, idle: float) -> float:
    """The key of task i: its session's place in line, a new one if the session holds nothing and has no other task."""
    row = int(tasks[i][FLOW])
    flow = flows[row]
    alone = flow[OUTSTANDING] <= 1.0
    if flow[HELD] >= 0.0:
        late = now >= flow[ACTIVE_SINCE] + totals[HOLD_MAX] or (alone and now >= flow[TOUCHED] + idle)
    else:
        late = alone or flow[ORDER] < 0.0
    if late:
        stand_in_line(flow, qpus, totals, row)
    return flow[ORDER]


def let_lapse(flows: Table, qpus: Table, totals: Row, q: int, now: float, idle: float) -> None:
    """Take QPU q from a session whose time there is over, if there is one; it stands in line again."""
    row = owner(flows, qpus[q])
    if row >= 0 and int(flows[row][HELD]) == q and now >= ends(flows[row], totals, idle):
        stand_in_line(flows[row], qpus, totals, row)


def next_of(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int, now: float,
            idle: float) -> int:
    """The index in `entries` of the task for QPU q: its holder's first one, or of a free QPU, the first in line."""
    for other in range(len(qpus)):
        let_lapse(flows, qpus, totals, other, now, idle)
    mine = holder(flows, qpus, totals, q, now, idle)
    if mine >= 0:
        note_wake(totals, ends(flows[mine], totals, idle))
    best, place = -1, INF
    for k in range(len(entries)):
        task = tasks[entries[k]]
        row = int(task[FLOW])
        if not eligible(task, qpus[q], q):
            continue
        if row == mine:
            return k
        if mine < 0 and flows[row][ORDER] < place and not is_served(flows[row], task, qpus, row):
            best, place = k, flows[row][ORDER]
    return best


def is_served(flow: Row, task: Row, qpus: Table, row: int) -> bool:
    """Whether the session holds a QPU that can run this task of it."""
    held = int(flow[HELD])
    if held < 0 or qpus[held][ONLINE] < 1.0 or int(qpus[held][OWNER]) != row or qpus[held][OWNER_SEQ] != flow[SEQ]:
        return False
    return eligible(task, qpus[held], held)


def note_wake(totals: Row, at: float) -> None:
    """Ask to be asked again at this time, in s."""
    if at < totals[WAKE]:
        totals[WAKE] = at


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """The session holds this QPU from now on, if it did not before."""
    row = int(tasks[i][FLOW])
    flow = flows[row]
    if int(flow[HELD]) != q:
        let_go(flow, qpus, row)
        flow[ACTIVE_SINCE] = now
    qpus[q][OWNER], qpus[q][OWNER_SEQ] = float(row), flow[SEQ]
    flow[HELD], flow[TOUCHED] = float(q), now


def finish(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """The time that the session may be idle begins."""
    flows[int(tasks[i][FLOW])][TOUCHED] = now
