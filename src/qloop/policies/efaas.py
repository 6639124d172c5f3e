"""EFaaS, first form: loops in progress (HOT) before the rest (NORMAL), fair by start-time tags, NORMAL never starved.

A task is HOT if its session has finished a quantum step, has not converged, and was ready within `TTL_HOT` of its
last shot; the class is fixed when the task becomes ready, so waiting does not cost a loop its class. Tags follow
start-time fair queuing: S = max(V, F), F = S + max(c/N_c, q/N_q)/weight, corrected when the task ends to what it
really used. NORMAL is served first when it is due: `AGING` seconds without a dispatch, or a deficit that covers its
first task (docs/decisions/0002-efaas-tags.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    ACTIVE_WEIGHT,
    AGING,
    CHARGE,
    CLASS,
    CONVERGED,
    CPU,
    DEFICIT,
    DEFICIT_AT,
    ESTIMATE,
    FINISH_TAG,
    FLOW,
    HOLD,
    INF,
    KEY,
    LAST_END,
    LAST_FINISH,
    LAST_NORMAL,
    LONGEST,
    MEASURED,
    N_CPUS,
    N_QPUS,
    PARENT,
    PHI,
    RUNNING,
    SEQ,
    START_TAG,
    STEPS,
    TTL_HOT,
    VIRTUAL,
    WAITING,
    WEIGHT,
    Row,
    Table,
)
from qloop.policies.place import fits

HOT, NORMAL = 0, 1


def share(flows: Table, row: int) -> float:
    """The session's weight now: its tenant's weight, divided among the tenant's active sessions by theirs."""
    flow = flows[row]
    tenant = flows[int(flow[PARENT])]
    # the sum is kept by adding and subtracting: what rounding left of it may be less than one of its parts
    active = tenant[ACTIVE_WEIGHT] if tenant[ACTIVE_WEIGHT] > flow[WEIGHT] else flow[WEIGHT]
    return tenant[WEIGHT] * flow[WEIGHT] / active


def charge(totals: Row, cpu: float, quantum: float, weight: float) -> float:
    """Normalised dominant share of one iteration: max(c/N_c, q/N_q)/weight."""
    cpus, qpus = totals[N_CPUS], totals[N_QPUS]
    c = cpu / cpus if cpus > 1.0 else cpu
    q = quantum / qpus if qpus > 1.0 else quantum
    return (c if c > q else q) / weight


def accrue(totals: Row, now: float) -> None:
    """While NORMAL is backlogged it is owed PHI of the QPUs' time; what it is owed is bounded both ways."""
    since = totals[DEFICIT_AT]
    if now == since:
        return
    totals[DEFICIT_AT] = now
    if totals[WAITING + NORMAL] > 0.0:
        rate = totals[PHI] * totals[N_QPUS]
        settle(totals, totals[DEFICIT] + rate * (now - since))


def settle(totals: Row, owed: float) -> None:
    """What NORMAL is owed from now on, within its bounds."""
    bound = totals[PHI] * totals[N_QPUS] * totals[AGING] + totals[LONGEST]
    totals[DEFICIT] = bound if owed > bound else -bound if owed < -bound else owed


def is_hot(flow: Row, totals: Row, now: float) -> bool:
    """Whether a task of this session that becomes ready now belongs to a loop in progress."""
    return flow[STEPS] > 0.0 and flow[CONVERGED] < 1.0 and now - flow[LAST_END] <= totals[TTL_HOT]


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Fix class and tag: S = max(V, F of the session)."""
    task = tasks[i]
    row = int(task[FLOW])
    flow = flows[row]
    accrue(totals, now)
    task[CLASS] = float(HOT) if is_hot(flow, totals, now) else float(NORMAL)
    if task[CLASS] == NORMAL and totals[WAITING + NORMAL] == 0.0 and totals[LAST_NORMAL] < now:
        totals[LAST_NORMAL] = now
    if totals[LONGEST] < task[ESTIMATE]:
        totals[LONGEST] = task[ESTIMATE]
    virtual, finished = totals[VIRTUAL], flow[FINISH_TAG]
    task[START_TAG] = virtual if virtual > finished else finished
    task[CHARGE] = charge(totals, task[CPU], task[ESTIMATE], share(flows, row))
    flow[FINISH_TAG] = task[START_TAG] + task[CHARGE]
    return task[START_TAG]


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
         now: float, u: float) -> int:
    """HOT before NORMAL unless NORMAL is due; within a class the smallest tag. What does not fit is left."""
    accrue(totals, now)
    hot = first_fitting(tasks, qpus[q], heads, HOT, now)
    normal = first_fitting(tasks, qpus[q], heads, NORMAL, now) if totals[WAITING + NORMAL] > 0.0 else -1
    if hot < 0 or normal < 0:
        return max(hot, normal, HOLD)
    return normal if due(tasks[heads[normal]], totals, now) else hot


def first_fitting(tasks: Table, qpu: Row, heads: Sequence[int], class_: int, now: float) -> int:
    """The lane of this class whose head has the smallest tag among those that end before the next window."""
    best, key, seq = -1, INF, INF
    for lane in range(class_, len(heads), 2):
        i = heads[lane]
        if i < 0:
            continue
        task = tasks[i]
        tag = task[KEY]
        if (tag < key or (tag == key and task[SEQ] < seq)) and fits(task, qpu, now):
            best, key, seq = lane, tag, task[SEQ]
    return best


def due(task: Row, totals: Row, now: float) -> bool:
    """Whether NORMAL, with this task at its head, goes before HOT now."""
    return now - totals[LAST_NORMAL] >= totals[AGING] or totals[DEFICIT] >= task[ESTIMATE]


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Virtual time moves up to the start tag; a NORMAL dispatch resets its age."""
    task = tasks[i]
    if totals[VIRTUAL] < task[START_TAG]:
        totals[VIRTUAL] = task[START_TAG]
    if task[CLASS] == NORMAL:
        totals[LAST_NORMAL] = now


def finish(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Correct the session's tag to what was really used; an empty system forgets (memoryless)."""
    task = tasks[i]
    accrue(totals, now)
    if q >= 0:
        used = charge(totals, task[CPU], task[MEASURED], 1.0)
        planned = charge(totals, task[CPU], task[ESTIMATE], 1.0)
        correct(flows, task, used / planned if planned > 0.0 else 1.0)
        if task[CLASS] == NORMAL:
            settle(totals, totals[DEFICIT] - task[MEASURED])
    else:
        correct(flows, task, 0.0)
    finished = flows[int(task[FLOW])][FINISH_TAG]
    if totals[LAST_FINISH] < finished:
        totals[LAST_FINISH] = finished
    if totals[RUNNING] == 0.0 and totals[WAITING] + totals[WAITING + NORMAL] == 0.0:
        totals[VIRTUAL] = max(totals[VIRTUAL], totals[LAST_FINISH])


def correct(flows: Table, task: Row, factor: float) -> None:
    """Scale the task's charge, at the weight it was charged with, and move the session's finish tag by the rest."""
    corrected = task[CHARGE] * factor
    flows[int(task[FLOW])][FINISH_TAG] += corrected - task[CHARGE]
    task[CHARGE] = corrected
