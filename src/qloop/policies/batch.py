"""IBM's batches: once a batch's first task has begun, its other tasks go before those of batches that have not begun.

Nobody has a QPU alone: where no active batch has a task, the next one in line begins. At most LANES tasks of a batch
run at a time. A batch without a task for HOLD_IDLE seconds, or HOLD_MAX seconds after its begin, is active no more and
stands in line again. So a batch that has not begun waits for as long as active ones keep all QPUs busy; each of them is
moved to the end of the line after HOLD_MAX, which bounds it. Calibrations come between its tasks. Source: IBM Quantum
documentation, execution modes and their FAQ; docs/concepts/baselines.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    ACTIVE_SINCE,
    COUNTER,
    FLOW,
    HOLD,
    HOLD_IDLE,
    HOLD_MAX,
    INF,
    LANES,
    ORDER,
    OUTSTANDING,
    RUNS,
    TOUCHED,
    Row,
    Table,
)
from qloop.policies.place import eligible, fits


def stand_in_line(flow: Row, totals: Row) -> None:
    """The batch is not active, and behind all others that stand in line now."""
    flow[ORDER], flow[ACTIVE_SINCE] = totals[COUNTER], -1.0
    totals[COUNTER] += 1.0


def is_over(flow: Row, totals: Row, now: float) -> bool:
    """Whether an active batch has been so for HOLD_MAX."""
    return flow[ACTIVE_SINCE] >= 0.0 and now >= flow[ACTIVE_SINCE] + totals[HOLD_MAX]


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Batches stand in line in the order in which they came, or came back after they were idle for too long."""
    flow = flows[int(tasks[i][FLOW])]
    alone, active = flow[OUTSTANDING] <= 1.0, flow[ACTIVE_SINCE] >= 0.0
    idle = alone and (not active or now >= flow[TOUCHED] + totals[HOLD_IDLE])
    if idle or is_over(flow, totals, now):
        stand_in_line(flow, totals)
    return flow[ORDER]


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The first task of the active batches, in the order of their line, then of the others; within their lanes."""
    best, best_active, place = -1, False, INF
    for k in range(len(entries)):
        task = tasks[entries[k]]
        flow = flows[int(task[FLOW])]
        if not eligible(task, qpus[q], q) or flow[RUNS] >= totals[LANES]:
            continue
        if is_over(flow, totals, now):
            stand_in_line(flow, totals)
        active = flow[ACTIVE_SINCE] >= 0.0
        if (active and not best_active) or (active == best_active and flow[ORDER] < place):
            best, best_active, place = k, active, flow[ORDER]
    return best if best >= 0 and fits(tasks[entries[best]], qpus[q], now) else HOLD


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """The batch is active from its first task's begin on."""
    flow = flows[int(tasks[i][FLOW])]
    if flow[ACTIVE_SINCE] < 0.0:
        flow[ACTIVE_SINCE] = now
    flow[RUNS] += 1.0
    flow[TOUCHED] = now


def finish(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """A lane of the batch is free; the time that it may be idle begins."""
    flow = flows[int(tasks[i][FLOW])]
    if q >= 0:
        flow[RUNS] -= 1.0
    flow[TOUCHED] = now
