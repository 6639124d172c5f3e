"""Classical tasks under the rule of `efaas`: HOT before NORMAL, and in each class the smallest tag (shares.py).

A packet is one iteration: c CPU seconds, then q QPU seconds. Workers and QPUs have virtual times of their own, so
neither resource is charged twice for it: on the workers the packet is charged c/N_c, which decides who computes next,
and on the QPUs max(c/N_c, q/N_q), which decides who runs next (docs/decisions/0031-fair-queuing.md). The host calls
`enter` when a task waits for a worker, `begin` when it has one, `leave` when it left the line or its worker.
"""

from __future__ import annotations

from qloop.policies.columns import (
    AGING,
    CLASS,
    COMPUTING,
    COMPUTING_WEIGHT,
    CONVERGED,
    CPU_MEAN,
    ESTIMATE,
    FLOW,
    KEY,
    LAST_END,
    LAST_NORMAL_CPU,
    LONGEST_CPU,
    N_CPUS,
    PARENT,
    POOL_TASKS,
    POOL_TENANTS,
    POOL_WAITING,
    SHARE,
    STEPS,
    TTL_HOT,
    WEIGHT,
    Row,
    Table,
)
from qloop.policies.quota import CPU_SECONDS, renew, use
from qloop.policies.shares import WORKERS, correct, forget, join, share_of_workers, tag
from qloop.policies.shares import begin as take_up

NORMAL = 1
SMOOTHING = 0.3         # weight of the newest measurement in a session's moving average
FIRST_ESTIMATE = 1.0    # CPU seconds assumed for a task of which nothing is known


def enter(task: Row, flows: Table, totals: Row, now: float) -> None:
    """The task waits for a worker: fix its class and its key. ESTIMATE has its CPU seconds, 0 where nobody knows."""
    flow = flows[int(task[FLOW])]
    tenant = flows[int(flow[PARENT])]
    renew(tenant, now)
    if task[ESTIMATE] <= 0.0:
        task[ESTIMATE] = flow[CPU_MEAN] if flow[CPU_MEAN] > 0.0 else FIRST_ESTIMATE
    hot = flow[STEPS] > 0.0 and flow[CONVERGED] < 1.0 and now - flow[LAST_END] <= totals[TTL_HOT]
    task[CLASS] = 0.0 if hot else float(NORMAL)
    if not hot:
        if totals[POOL_WAITING] == 0.0 and totals[LAST_NORMAL_CPU] < now:
            totals[LAST_NORMAL_CPU] = now
        totals[POOL_WAITING] += 1.0
    totals[POOL_TASKS] += 1.0
    flow[COMPUTING] += 1.0
    if flow[COMPUTING] == 1.0:
        tenant[COMPUTING] += 1.0
        if tenant[COMPUTING] == 1.0:
            totals[POOL_TENANTS] += 1.0
        tenant[COMPUTING_WEIGHT] += flow[WEIGHT]
    task[SHARE] = share_of_workers(flows, int(task[FLOW]))
    server = WORKERS + int(task[CLASS])
    task[KEY] = join(task, flows, totals, server, part(totals, task[ESTIMATE]), flow[COMPUTING] <= 1.0)


def part(totals: Row, seconds: float) -> float:
    """CPU seconds as a part of the workers: c/N_c."""
    return seconds / totals[N_CPUS] if totals[N_CPUS] > 1.0 else seconds


def normal_first(totals: Row, now: float) -> bool:
    """Whether NORMAL goes before HOT now: its line saw nobody begin for AGING seconds."""
    return totals[POOL_WAITING] > 0.0 and now - totals[LAST_NORMAL_CPU] >= totals[AGING]


def moved_back(task: Row, flows: Table, totals: Row) -> bool:
    """Whether the first task of a line has to stand further back, because its tenant is ahead; its key is set.

    It need not where no other tenant has classical tasks.
    """
    if totals[POOL_TENANTS] <= 1.0:
        return False
    now = tag(task, flows, WORKERS + int(task[CLASS]))
    moved = now > task[KEY]
    task[KEY] = now
    return moved


def begin(task: Row, flows: Table, totals: Row, now: float) -> None:
    """The task has a worker."""
    if totals[LONGEST_CPU] < task[ESTIMATE]:
        totals[LONGEST_CPU] = task[ESTIMATE]
    take_up(task, flows, totals, WORKERS + int(task[CLASS]))
    if task[CLASS] == NORMAL:
        totals[POOL_WAITING] -= 1.0
        totals[LAST_NORMAL_CPU] = now


def leave(task: Row, flows: Table, totals: Row, seconds: float, began: bool, now: float) -> None:
    """The task left its worker after so many CPU seconds, or the line before it had one; idle workers forget."""
    flow = flows[int(task[FLOW])]
    tenant = flows[int(flow[PARENT])]
    if began:
        use(tenant, CPU_SECONDS, seconds, now)
        if totals[LONGEST_CPU] < seconds:
            totals[LONGEST_CPU] = seconds
        old = flow[CPU_MEAN]
        flow[CPU_MEAN] = seconds if old <= 0.0 else old + SMOOTHING * (seconds - old)
    elif task[CLASS] == NORMAL:
        totals[POOL_WAITING] -= 1.0
    correct(task, flows, totals, WORKERS + int(task[CLASS]), part(totals, seconds) if began else 0.0,
                   began)
    flow[COMPUTING] -= 1.0
    if flow[COMPUTING] <= 0.0:
        tenant[COMPUTING] -= 1.0
        if tenant[COMPUTING] == 0.0:
            totals[POOL_TENANTS] -= 1.0
        left = tenant[COMPUTING_WEIGHT] - flow[WEIGHT]
        tenant[COMPUTING_WEIGHT] = left if tenant[COMPUTING] > 0.0 else 0.0
    totals[POOL_TASKS] -= 1.0
    if totals[POOL_TASKS] == 0.0:
        forget(totals, WORKERS)
