"""Fair queuing without classes: start-time fair queuing of QPU seconds (`sfq`), and of both resources (`drfq`).

S = max(V, F of the session), F = S + charge/weight, V the largest start tag in service; the smallest S goes first. The
charge is q/N_q in `sfq` (Goyal, Vin and Cheng, SIGCOMM 1996) and the dominant share max(c/N_c, q/N_q) in `drfq`
(memoryless; Ghodsi and others, SIGCOMM 2012), corrected when the task ends to what it used.
Weights are those of `efaas`: a session has its part of its tenant's. Tags are kept for sessions alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    CHARGE,
    CPU,
    ESTIMATE,
    FINISH_TAG,
    FLOW,
    HOLD,
    INF,
    KEY,
    LAST_FINISH,
    MEASURED,
    RUNNING,
    SEQ,
    START_TAG,
    VIRTUAL,
    WAITING,
    Row,
    Table,
)
from qloop.policies.place import fits
from qloop.policies.shares import charge, share


def tag(tasks: Table, flows: Table, totals: Row, i: int, amount: float) -> float:
    """Give the task its start tag, and its session's next one: `amount` later, in seconds of virtual time."""
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    virtual, finished = totals[VIRTUAL], flow[FINISH_TAG]
    task[START_TAG] = virtual if virtual > finished else finished
    task[CHARGE] = amount
    flow[FINISH_TAG] = task[START_TAG] + amount
    return task[START_TAG]


def enter_sfq(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Start tag, charged for QPU seconds alone."""
    task = tasks[i]
    return tag(tasks, flows, totals, i, charge(totals, 0.0, task[ESTIMATE], share(flows, int(task[FLOW]))))


def enter_drfq(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Start tag, charged for the larger of the shares of CPU and QPU."""
    task = tasks[i]
    return tag(tasks, flows, totals, i, charge(totals, task[CPU], task[ESTIMATE], share(flows, int(task[FLOW]))))


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The smallest tag among the tasks that end before the next window."""
    best, key, seq = HOLD, INF, INF
    for lane in range(len(heads)):
        i = heads[lane]
        if i < 0:
            continue
        task = tasks[i]
        if (task[KEY] < key or (task[KEY] == key and task[SEQ] < seq)) and fits(task, qpus[q], now):
            best, key, seq = lane, task[KEY], task[SEQ]
    return best


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Virtual time moves up to the start tag."""
    if totals[VIRTUAL] < tasks[i][START_TAG]:
        totals[VIRTUAL] = tasks[i][START_TAG]


def finish_sfq(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Correct the session's tag to the QPU seconds used; an empty system forgets."""
    task = tasks[i]
    planned = charge(totals, 0.0, task[ESTIMATE], 1.0)
    settle(tasks, flows, totals, i, charge(totals, 0.0, task[MEASURED], 1.0) if q >= 0 else 0.0, planned)


def finish_drfq(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Correct the session's tag to the dominant share used; an empty system forgets."""
    task = tasks[i]
    planned = charge(totals, task[CPU], task[ESTIMATE], 1.0)
    settle(tasks, flows, totals, i, charge(totals, task[CPU], task[MEASURED], 1.0) if q >= 0 else 0.0, planned)


def settle(tasks: Table, flows: Table, totals: Row, i: int, used: float, planned: float) -> None:
    """Scale the task's charge from what was planned to what was used, at the weight that it was charged with."""
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    corrected = task[CHARGE] * (used / planned if planned > 0.0 else 1.0)
    flow[FINISH_TAG] += corrected - task[CHARGE]
    task[CHARGE] = corrected
    finished = flow[FINISH_TAG]
    if totals[LAST_FINISH] < finished:
        totals[LAST_FINISH] = finished
    if totals[RUNNING] == 0.0 and totals[WAITING] == 0.0:
        totals[VIRTUAL] = max(totals[VIRTUAL], totals[LAST_FINISH])
