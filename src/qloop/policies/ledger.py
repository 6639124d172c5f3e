"""The bookkeeping of facts that every host does alike: what is waiting, running, used, and by whom.

These functions write the fact columns; policies write their state columns. Both hosts, engine and kernel, call
`note_ready`, `enqueue`, `dequeue`, `started`, `finished` in this order, so that their tables are equal to the last bit.
"""

from __future__ import annotations

from qloop.policies.anticipate import note_left, note_return
from qloop.policies.columns import (
    ACTIVE_SINCE,
    ACTIVE_WEIGHT,
    AWAY_SINCE,
    BOUND,
    BUSY,
    CLASS,
    EPOCH,
    ESTIMATE,
    FLOW,
    FREE_AT,
    HELD,
    HOMELESS,
    KEPT,
    KEY,
    LAST_END,
    LAST_EPOCH,
    LAST_QPU,
    MEAN,
    MEASURED,
    OPEN,
    ORDER,
    OUTSTANDING,
    PARENT,
    QUEUED,
    READY_AT,
    RUNNING,
    SEQ,
    STARTED_AT,
    STEPS,
    USED,
    WAITING,
    WEIGHT,
    Row,
    Table,
)
from qloop.policies.fits import note_visit
from qloop.policies.quota import QPU_SECONDS, renew, use

SMOOTHING = 0.3         # weight of the newest measurement in a flow's moving average
DUST = 1e-9             # seconds that may be rounding's: they must not make an idle QPU look busier than another
FIRST_ESTIMATE = 1.0    # seconds assumed for a task of which nothing is known


def note_ready(tasks: Table, flows: Table, i: int, now: float) -> None:
    """Task i became ready: its time, its estimate if it came without, its session's and tenant's activity."""
    task = tasks[i]
    task[READY_AT] = now
    flow = flows[int(task[FLOW])]
    note_return(flow, now)
    if task[ESTIMATE] <= 0.0:
        task[ESTIMATE] = flow[MEAN] if flow[MEAN] > 0.0 else FIRST_ESTIMATE
    renew(flows[int(flow[PARENT])], now)
    flow[OUTSTANDING] += 1.0
    if flow[OUTSTANDING] == 1.0:
        tenant = flows[int(flow[PARENT])]
        tenant[OUTSTANDING] += 1.0
        tenant[ACTIVE_WEIGHT] += flow[WEIGHT]


def enqueue(tasks: Table, qpus: Table, totals: Row, i: int, bound: int) -> None:
    """Task i joined the lane of QPU `bound` (-1: a shared lane; HOMELESS: none, and it counts nowhere)."""
    task = tasks[i]
    task[BOUND] = float(bound)
    class_ = int(task[CLASS])
    if bound != HOMELESS:
        totals[WAITING + class_] += 1.0
    if bound >= 0:
        qpus[bound][QUEUED + class_] += task[ESTIMATE]


def dequeue(tasks: Table, qpus: Table, totals: Row, i: int) -> None:
    """Task i left its lane: it starts, moves, or was cancelled."""
    task = tasks[i]
    bound, class_ = int(task[BOUND]), int(task[CLASS])
    if bound != HOMELESS:
        totals[WAITING + class_] -= 1.0
    if bound >= 0:
        left = qpus[bound][QUEUED + class_] - task[ESTIMATE]
        qpus[bound][QUEUED + class_] = left if left > DUST else 0.0


def started(tasks: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Task i began on QPU q."""
    task, qpu = tasks[i], qpus[q]
    task[STARTED_AT] = now
    qpu[BUSY] = 1.0
    qpu[FREE_AT] = now + task[ESTIMATE]
    totals[RUNNING] += 1.0


def finished(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float,
             useful: bool) -> None:
    """Task i left: from QPU q after `MEASURED` seconds, or (q = -1) without having begun.

    Only a `useful` run, one that gave a result, makes its session warm there.
    """
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    if q >= 0:
        qpus[q][BUSY] = 0.0
        totals[RUNNING] -= 1.0
        flow[USED] += task[MEASURED]
        use(flows[int(flow[PARENT])], QPU_SECONDS, task[MEASURED], now)
    if q >= 0 and useful:
        flow[STEPS] += 1.0
        flow[LAST_END], flow[LAST_QPU], flow[LAST_EPOCH] = now, float(q), qpus[q][EPOCH]
        note_visit(flow, q, now, qpus[q][EPOCH])
        old = flow[MEAN]
        took = task[KEPT] + task[MEASURED]
        flow[MEAN] = took if old <= 0.0 else old + SMOOTHING * (took - old)
    leave(flows, flow)
    if q >= 0 and useful:
        note_left(flows, qpus, int(task[FLOW]), q, now)


def leave(flows: Table, flow: Row) -> None:
    """One task less is outstanding in this session."""
    flow[OUTSTANDING] -= 1.0
    if flow[OUTSTANDING] > 0.0:
        return
    tenant = flows[int(flow[PARENT])]
    tenant[OUTSTANDING] -= 1.0
    left = tenant[ACTIVE_WEIGHT] - flow[WEIGHT]
    tenant[ACTIVE_WEIGHT] = left if tenant[OUTSTANDING] > 0.0 else 0.0


def set_key(tasks: Table, i: int, key: float) -> None:
    """Keep the key that the policy gave."""
    tasks[i][KEY] = key


def lapse(flows: Table, row: int, seq: float) -> None:
    """The session in this row let its interactive TTL pass: it counts as new, and holds nothing any more."""
    flow = flows[row]
    flow[SEQ], flow[OPEN] = seq, 1.0
    flow[STEPS] = 0.0
    flow[HELD] = flow[ORDER] = flow[AWAY_SINCE] = flow[ACTIVE_SINCE] = -1.0
