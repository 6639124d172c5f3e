"""EFaaS: loops in progress (HOT) before the rest (NORMAL), fair by start-time tags, NORMAL never starved.

A task is HOT if its session has finished a quantum step, has not converged, and was ready within `TTL_HOT` of its
last shot; the class is fixed when the task becomes ready, so waiting does not cost a loop its class. Tags follow
start-time fair queuing in each class (shares.py): S = max(V, F), F = S + max(c/N_c, q/N_q)/weight, corrected when the
task ends to what it really used. NORMAL is served first when it is due: `AGING` seconds without a dispatch, or a
deficit that covers its first task; and, because tasks may run on some QPUs only, also where the first one bound to a
QPU waited for `AGING` seconds in which that QPU served none (docs/decisions/0031-fair-queuing.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.anticipate import holds
from qloop.policies.columns import (
    AGING,
    ANTICIPATE,
    BUSY_TENANTS,
    CHARGED,
    CLASS,
    CONVERGED,
    CPU,
    DEFICIT,
    DEFICIT_AT,
    EARLIER,
    ESTIMATE,
    FLOW,
    HOLD,
    INF,
    KEY,
    LAST_END,
    LAST_NORMAL,
    LAST_NORMAL_AT,
    LONGEST,
    MEASURED,
    N_QPUS,
    OUTSTANDING,
    PAID,
    PARENT,
    PAUSES,
    PHI,
    READY_AT,
    RUNNING,
    SCAN,
    SEQ,
    SHARE,
    STEPS,
    TENANT_SHARE,
    TTL_HOT,
    WAITING,
    Row,
    Table,
)
from qloop.policies.place import fits
from qloop.policies.shares import begin, charge, correct, dominant, forget, join, share, tag

__all__ = ["charge", "share"]

HOT, NORMAL = 0, 1
CLASSES = 2


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
    server = HOT if is_hot(flow, totals, now) else NORMAL
    task[CLASS] = float(server)
    if task[CLASS] == NORMAL and totals[WAITING + NORMAL] == 0.0 and totals[LAST_NORMAL] < now:
        totals[LAST_NORMAL] = now
    if task[CHARGED] != task[SEQ]:
        task[CHARGED] = task[SEQ]
        task[PAID] = task[EARLIER] = 0.0
    alone = flow[OUTSTANDING] <= 1.0
    if alone and flows[int(flow[PARENT])][OUTSTANDING] <= 1.0:
        totals[BUSY_TENANTS] += 1.0
    task[SHARE] = share(flows, row)
    rest = dominant(totals, task[CPU], task[EARLIER] + task[ESTIMATE]) - task[PAID]
    return join(task, flows, totals, server, rest if rest > 0.0 else 0.0, alone)


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
         now: float, u: float) -> int:
    """HOT before NORMAL unless NORMAL is due; within a class the smallest tag. What does not fit is left."""
    accrue(totals, now)
    hot = first_fitting(tasks, flows, qpus[q], heads, HOT, now)
    normal = first_fitting(tasks, flows, qpus[q], heads, NORMAL, now) if totals[WAITING + NORMAL] > 0.0 else -1
    if hot < 0 and normal >= 0 and totals[ANTICIPATE] > 0.0:
        i = heads[normal]
        if holds(tasks, flows, qpus, totals, i, q, now, due_here_at(tasks, qpus[q], totals, heads, i, q, now)):
            return HOLD
    lane = max(hot, normal)
    if lane < 0:
        return HOLD
    if hot >= 0 and normal >= 0:
        lane = normal if due(tasks[heads[normal]], totals, now) else hot
        if lane == hot and aged(tasks, qpus[q], totals, heads, q, now):
            lane = own_lane(heads, q)
    return look_behind(tasks, flows, qpus, totals, heads, lane, q, now)


def first_fitting(tasks: Table, flows: Table, qpu: Row, heads: Sequence[int], class_: int, now: float) -> int:
    """The lane of this class whose head has the smallest tag among those that end before the next window."""
    best, first, key, seq = -1, INF, INF, INF
    for lane in range(class_, len(heads), CLASSES):
        i = heads[lane]
        if i < 0 or tasks[i][KEY] > first:
            continue
        task = tasks[i]
        found = tag(task, flows, class_)
        if found > first or (found == first and (task[KEY] > key or (task[KEY] == key and task[SEQ] > seq))):
            continue
        if fits(task, qpu, now):
            best, first, key, seq = lane, found, task[KEY], task[SEQ]
    return best


def look_behind(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], lane: int, q: int,
                now: float) -> int:
    """The lane, or SCAN for the first entries of the QPU's own: behind tasks whose tenant is ahead of their keys,
    another tenant's may be due. If the first of these does not fit, none may, and the head in the lane must start.
    """
    if totals[BUSY_TENANTS] <= 1.0:
        return lane
    task = tasks[heads[lane]]
    first = tag(task, flows, int(task[CLASS]))
    wide = totals[N_QPUS] if totals[N_QPUS] > 1.0 else 1.0
    if first <= task[KEY] + totals[LONGEST] / (wide * task[TENANT_SHARE]):
        return lane     # by less than a longest task: it is not worth looking
    own = lane if len(heads) <= CLASSES else q * CLASSES + int(task[CLASS])
    if heads[own] < 0 or tasks[heads[own]][KEY] >= first or not fits(tasks[heads[own]], qpus[q], now):
        return lane
    return SCAN - own


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """Of a lane's first tasks, the one with the smallest tag that ends before the next window."""
    best, first, key = HOLD, INF, INF
    for k in range(len(entries)):
        task = tasks[entries[k]]
        if task[KEY] > first:
            break       # tags are not before keys, and these only grow
        found = tag(task, flows, int(task[CLASS]))
        if (found < first or (found == first and task[KEY] < key)) and fits(task, qpus[q], now):
            best, first, key = k, found, task[KEY]
    return best


def due(task: Row, totals: Row, now: float) -> bool:
    """Whether NORMAL, with this task at its head, goes before HOT now."""
    return now - totals[LAST_NORMAL] >= totals[AGING] or totals[DEFICIT] >= task[ESTIMATE]


def due_at(task: Row, totals: Row, now: float) -> float:
    """When NORMAL, with this task at its head, becomes due (s), if none of it starts before; not after now: it is."""
    if due(task, totals, now):
        return now
    aged, rate = totals[LAST_NORMAL] + totals[AGING], totals[PHI] * totals[N_QPUS]
    owed = now + (task[ESTIMATE] - totals[DEFICIT]) / rate if rate > 0.0 else INF
    return aged if aged < owed else owed


def own_lane(heads: Sequence[int], q: int) -> int:
    """The lane of NORMAL tasks that are bound to QPU q; where lanes are shared, of all."""
    return NORMAL if len(heads) <= CLASSES else q * CLASSES + NORMAL


def aged_at(tasks: Table, qpu: Row, totals: Row, heads: Sequence[int], q: int) -> float:
    """When the first NORMAL task bound to QPU q has waited for AGING seconds in which it served none; inf: no task."""
    i = heads[own_lane(heads, q)]
    if i < 0:
        return INF
    since = tasks[i][READY_AT] if tasks[i][READY_AT] > qpu[LAST_NORMAL_AT] else qpu[LAST_NORMAL_AT]
    return since + totals[AGING]


def aged(tasks: Table, qpu: Row, totals: Row, heads: Sequence[int], q: int, now: float) -> bool:
    """Whether the first NORMAL task bound to QPU q goes before HOT there, though NORMAL is not due."""
    return now >= aged_at(tasks, qpu, totals, heads, q) and fits(tasks[heads[own_lane(heads, q)]], qpu, now)


def due_here_at(tasks: Table, qpu: Row, totals: Row, heads: Sequence[int], i: int, q: int, now: float) -> float:
    """When NORMAL, with task i the first that QPU q can run, goes before HOT there, if none of it starts before."""
    due_, own = due_at(tasks[i], totals, now), aged_at(tasks, qpu, totals, heads, q)
    if own >= due_ or not fits(tasks[heads[own_lane(heads, q)]], qpu, now):
        return due_
    return own if own > now else now


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Virtual time moves up to the task's tag; a NORMAL dispatch resets its age (on the QPU, its end does)."""
    task = tasks[i]
    if totals[LONGEST] < task[ESTIMATE]:
        totals[LONGEST] = task[ESTIMATE]
    if task[PAUSES] == 0.0:     # else it was charged when it began
        begin(task, flows, totals, int(task[CLASS]))
    if task[CLASS] == NORMAL:
        totals[LAST_NORMAL] = now


def finish(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Charge what was really used, the classical step and lost attempts once; an empty system forgets (memoryless)."""
    task = tasks[i]
    accrue(totals, now)
    if q >= 0:
        if totals[LONGEST] < task[MEASURED]:
            totals[LONGEST] = task[MEASURED]
        task[EARLIER] += task[MEASURED]
        used = dominant(totals, task[CPU], task[EARLIER])
        correct(task, flows, totals, int(task[CLASS]), used - task[PAID] if used > task[PAID] else 0.0, True)
        task[PAID] = used
        if task[CLASS] == NORMAL:
            settle(totals, totals[DEFICIT] - task[MEASURED])
            qpus[q][LAST_NORMAL_AT] = now
    elif task[PAUSES] > 0.0:    # it stood aside, and will not be continued
        used = dominant(totals, task[CPU], task[EARLIER])
        correct(task, flows, totals, int(task[CLASS]), used - task[PAID] if used > task[PAID] else 0.0, True)
        task[PAID] = used
    else:
        correct(task, flows, totals, int(task[CLASS]), 0.0, False)
    if flows[int(flows[int(task[FLOW])][PARENT])][OUTSTANDING] == 0.0:
        totals[BUSY_TENANTS] -= 1.0
    if totals[RUNNING] == 0.0 and totals[WAITING] + totals[WAITING + NORMAL] == 0.0:
        forget(totals, HOT)
