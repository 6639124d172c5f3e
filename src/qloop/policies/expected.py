"""`efaas` with its NORMAL tasks in order of what they bring: shortest expected work first, with aging.

The first shot of a loop is a short task, but it lets a whole loop into HOT, which goes before all others. So a NORMAL
task counts for what is expected to follow on it as well: its own estimate, and the HOT seconds that came after the
NORMAL tasks of its tenant until now, those with a classical step before them and those without apart. Its key is a
time, begin + DEFER * expected * mean weight / weight: nothing that comes after that time goes before it. `begin` is
when it became ready, or later if its tenant has more waiting than its share of the QPUs could have done
(docs/decisions/0037-order-of-newcomers.md). HOT, the due rule and all accounts are those of `efaas`.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.anticipate import holds
from qloop.policies.columns import (
    BUSY_TENANTS,
    BUSY_WEIGHT,
    CLASS,
    COUNTED,
    CPU,
    DEFER,
    ESTIMATE,
    FLOW,
    FOLLOWED,
    FOLLOWS,
    HOLD,
    INF,
    KEY,
    KIND,
    LINE,
    MEASURED,
    N_QPUS,
    OUTSTANDING,
    PARENT,
    PAUSES,
    START_TAG,
    WAITING,
    WHOLE,
    Row,
    Table,
)
from qloop.policies.efaas import (
    CLASSES,
    HOT,
    NORMAL,
    accrue,
    aged,
    due,
    due_here_at,
    enter,
    finish,
    first_fitting,
    look_behind,
    own_lane,
    start,
)
from qloop.policies.order import before
from qloop.policies.place import fits
from qloop.policies.shares import tenant_weight
from qloop.policies.switching import pause

LEARNED = 0.1       # weight of the newest in what is learned


def enter_expected(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float,
                   u: float) -> float:
    """Class, tags and charges as `efaas`; the key of a NORMAL task is the time up to which others may overtake it."""
    key = enter(tasks, flows, qpus, totals, i, now, u)
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    tenant = flows[int(flow[PARENT])]
    weight = tenant_weight(tenant)
    totals[BUSY_WEIGHT] += weight - tenant[COUNTED]
    tenant[COUNTED] = weight
    if task[CLASS] == HOT:
        return key
    flow[KIND] = 1.0 if task[CPU] > 0.0 else 0.0
    brings = expected(task, tenant, totals, int(flow[KIND]))
    part = weight / totals[BUSY_WEIGHT]
    alone = flow[OUTSTANDING] <= 1.0 and tenant[OUTSTANDING] <= 1.0
    begin = now if alone or totals[WAITING + NORMAL] == 0.0 or tenant[LINE] < now else tenant[LINE]
    tenant[LINE] = begin + task[ESTIMATE] / (part * (totals[N_QPUS] if totals[N_QPUS] > 1.0 else 1.0))
    return begin + totals[DEFER] * brings / (part * totals[BUSY_TENANTS])


def expected(task: Row, tenant: Row, totals: Row, kind: int) -> float:
    """QPU seconds that a NORMAL task is expected to bring: its own, and those of HOT tasks that follow on it."""
    follows = tenant[FOLLOWS + kind] if tenant[FOLLOWS + kind] < INF else totals[FOLLOWED + kind]
    brings = task[ESTIMATE] + follows
    return brings if brings > 0.0 else 0.0


def pick_expected(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
                  now: float, u: float) -> int:
    """As `efaas`, but NORMAL by its keys."""
    accrue(totals, now)
    hot = first_fitting(tasks, flows, qpus[q], heads, HOT, now)
    normal = first_normal(tasks, qpus[q], heads, now) if totals[WAITING + NORMAL] > 0.0 else -1
    if normal >= 0:
        task = tasks[heads[normal]]
        if hot < 0:
            at = due_here_at(tasks, qpus[q], totals, heads, heads[normal], q, now)
            if holds(tasks, flows, qpus, totals, heads[normal], q, now, at):
                return HOLD
        elif due(task, totals, now):
            hot = -1
        elif aged(tasks, qpus[q], totals, heads, q, now):
            return own_lane(heads, q)
    return normal if hot < 0 else look_behind(tasks, flows, qpus, totals, heads, hot, q, now)


def first_normal(tasks: Table, qpu: Row, heads: Sequence[int], now: float) -> int:
    """The lane whose NORMAL head has the smallest key among those that end before the next window; -1: none."""
    best = -1
    for lane in range(NORMAL, len(heads), CLASSES):
        i = heads[lane]
        if i >= 0 and (best < 0 or before(tasks[i], tasks[heads[best]])) and fits(tasks[i], qpu, now):
            best = lane
    return best


def start_expected(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """As `efaas`, whose accounts are in virtual time: they are shown the task's tag in place of its key."""
    task = tasks[i]
    key = task[KEY]
    task[KEY] = task[START_TAG]
    start(tasks, flows, qpus, totals, i, q, now)
    task[KEY] = key


def finish_expected(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """As `efaas`; and what followed on NORMAL tasks is learned."""
    task = tasks[i]
    over = 1.0 if task[CLASS] == NORMAL and (q >= 0 or task[PAUSES] > 0.0) else 0.0
    if q >= 0 or over > 0.0:
        learn(task, flows, totals, task[MEASURED] if q >= 0 else 0.0, over)
    finish(tasks, flows, qpus, totals, i, q, now)
    tenant = flows[int(flows[int(task[FLOW])][PARENT])]
    if tenant[OUTSTANDING] == 0.0:
        totals[BUSY_WEIGHT] -= tenant[COUNTED]
        tenant[COUNTED] = 0.0
    if totals[BUSY_TENANTS] <= 0.0:
        totals[BUSY_WEIGHT] = 0.0       # what rounding left


def pause_expected(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """As `efaas`; what it used until now is learned."""
    learn(tasks[i], flows, totals, tasks[i][MEASURED], 0.0)
    pause(tasks, flows, qpus, totals, i, q, now)


def learn(task: Row, flows: Table, totals: Row, seconds: float, over: float) -> None:
    """The session's last NORMAL task brought so many QPU seconds, itself or what follows on it.

    `over`: 1 when that task ends; what it was expected to bring is then taken off, so that a tenant's expectations add
    up to what it brought, whatever its estimates and its kinds of tasks (but for what is still in FOLLOWS).
    """
    flow = flows[int(task[FLOW])]
    tenant, kind = flows[int(flow[PARENT])], int(flow[KIND])
    if tenant[FOLLOWS + kind] == INF:
        tenant[FOLLOWS + kind] = totals[FOLLOWED + kind]
    own = task[WHOLE] if task[PAUSES] > 0.0 else task[ESTIMATE]
    tenant[FOLLOWS + kind] += LEARNED * (seconds - over * (own + tenant[FOLLOWS + kind]))
    totals[FOLLOWED + kind] += LEARNED * (seconds - over * (own + totals[FOLLOWED + kind]))
