"""Fair share: the tenant that has used least of the QPUs, for its weight, in the last 28 days goes first; FIFO inside.

Usage is counted when a run ends, in buckets of a day: the window is the present day and the 27 before, so what is
older than 28 days never counts, and what is younger than 27 always does. The line is read SCAN_LIMIT tasks deep. So
that the least used tenant is among those, a task's key is what its tenant would have used once all its earlier tasks
had run: up to SCAN_LIMIT waiting tasks the order is exact, beyond that the line is kept by that prediction.

A tenant that has used more than all others waits for as long as these have tasks, by design: until they have caught
up, at the latest when its usage leaves the window. Source: IBM Quantum documentation, fair-share scheduler.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qloop.policies.columns import (
    DAY,
    DAYS,
    ESTIMATE,
    FINISH_TAG,
    FLOW,
    HOLD,
    INF,
    MEASURED,
    OUTSTANDING,
    PARENT,
    PENDING,
    RECENT,
    SEQ,
    WEIGHT,
    WINDOW_DAYS,
    Row,
    Table,
)
from qloop.policies.place import eligible, fits

DAY_S = 86_400.0


def roll(tenant: Row, now: float) -> None:
    """Bring the tenant's window up to the present day."""
    today = math.floor(now / DAY_S)
    gone = int(today - tenant[DAY])
    if gone <= 0:
        return
    for k in range(gone if gone < WINDOW_DAYS else WINDOW_DAYS):
        tenant[DAYS + int(today - k) % WINDOW_DAYS] = 0.0
    tenant[DAY] = float(today)
    total = 0.0
    for k in range(WINDOW_DAYS):        # anew, so that no rounding gathers
        total += tenant[DAYS + k]
    tenant[RECENT] = total


def used(tenant: Row, now: float) -> float:
    """QPU seconds that the tenant used in the window, for each unit of its weight."""
    roll(tenant, now)
    return tenant[RECENT] / tenant[WEIGHT]


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Key: what the tenant will have used when its earlier tasks have run; rising within a tenant."""
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    tenant = flows[int(flow[PARENT])]
    roll(tenant, now)
    if tenant[OUTSTANDING] <= 1.0 and flow[OUTSTANDING] <= 1.0:
        tenant[FINISH_TAG] = 0.0        # none of its other tasks is there: their order binds nobody
    key = (tenant[RECENT] + tenant[PENDING]) / tenant[WEIGHT]
    tenant[FINISH_TAG] = key if key > tenant[FINISH_TAG] else tenant[FINISH_TAG]
    tenant[PENDING] += task[ESTIMATE]
    return tenant[FINISH_TAG]


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The oldest task of the tenant that used least; if it does not end before the next window, nothing runs."""
    best, least, seq = -1, INF, INF
    for k in range(len(entries)):
        task = tasks[entries[k]]
        if not eligible(task, qpus[q], q):
            continue
        usage = used(flows[int(flows[int(task[FLOW])][PARENT])], now)
        if usage < least or (usage == least and task[SEQ] < seq):
            best, least, seq = k, usage, task[SEQ]
    return best if best >= 0 and fits(tasks[entries[best]], qpus[q], now) else HOLD


def finish(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """What was used is the tenant's usage of today."""
    task = tasks[i]
    tenant = flows[int(flows[int(task[FLOW])][PARENT])]
    left = tenant[PENDING] - task[ESTIMATE]
    tenant[PENDING] = left if left > 0.0 and tenant[OUTSTANDING] > 0.0 else 0.0
    if q >= 0:
        roll(tenant, now)
        tenant[DAYS + int(tenant[DAY]) % WINDOW_DAYS] += task[MEASURED]
        tenant[RECENT] += task[MEASURED]
