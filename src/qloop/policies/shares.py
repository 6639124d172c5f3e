"""Start-time fair queuing of tenants and their sessions, on QPUs and on workers (docs/decisions/0031-fair-queuing.md).

A *server* is what one line of tags is served by: HOT and NORMAL on QPUs, and the same on workers. Each has a virtual
time V, the largest start tag that was in service. A session's tag F says where its next service begins,
S = max(V, F), F = S + charge; when it changes its class it takes along what it owes, F - V. A tenant has a
position P, moved on by every service of any of its sessions at the tenant's own weight; nothing of the tenant begins
before P, so that it gains nothing by splitting its work into sessions. The tag by which a task is served is max(S, P).
"""

from __future__ import annotations

from qloop.policies.columns import (
    ACTIVE_WEIGHT,
    CHARGE,
    COMPUTING,
    COMPUTING_WEIGHT,
    CPU_SERVER,
    CPU_TAG,
    FINISH_TAG,
    FLOW,
    IN_LINE,
    KEY,
    LAST_FINISH,
    LONGEST,
    LONGEST_CPU,
    LOWERED,
    MAX_CLASSES,
    N_CPUS,
    N_QPUS,
    NEXT_IN_LINE,
    OUTSTANDING,
    PARENT,
    POSITION,
    QUOTA,
    SERVER,
    SHARE,
    SPENT,
    START_TAG,
    TENANT_SHARE,
    VIRTUAL,
    WEIGHT,
    Row,
    Table,
)

WORKERS = MAX_CLASSES       # the first server of the workers: HOT there


def tenant_weight(tenant: Row) -> float:
    """The tenant's weight now: lowered, if a quota of it is exhausted and it is not refused."""
    spent = tenant[SPENT] >= tenant[QUOTA] or tenant[SPENT + 1] >= tenant[QUOTA + 1]
    return tenant[WEIGHT] * tenant[LOWERED] if spent and tenant[LOWERED] > 0.0 else tenant[WEIGHT]


def share(flows: Table, row: int) -> float:
    """The session's weight now: its tenant's weight, divided among the tenant's active sessions by theirs."""
    flow = flows[row]
    tenant = flows[int(flow[PARENT])]
    # the sum is kept by adding and subtracting: what rounding left of it may be less than one of its parts
    active = tenant[ACTIVE_WEIGHT] if tenant[ACTIVE_WEIGHT] > flow[WEIGHT] else flow[WEIGHT]
    return tenant_weight(tenant) * flow[WEIGHT] / active


def share_of_workers(flows: Table, row: int) -> float:
    """The same on the workers: among the tenant's sessions with classical tasks."""
    flow = flows[row]
    tenant = flows[int(flow[PARENT])]
    active = tenant[COMPUTING_WEIGHT] if tenant[COMPUTING_WEIGHT] > flow[WEIGHT] else flow[WEIGHT]
    return tenant_weight(tenant) * flow[WEIGHT] / active


def dominant(totals: Row, cpu: float, quantum: float) -> float:
    """Dominant share of one iteration: max(c/N_c, q/N_q)."""
    cpus, qpus = totals[N_CPUS], totals[N_QPUS]
    c = cpu / cpus if cpus > 1.0 else cpu
    q = quantum / qpus if qpus > 1.0 else quantum
    return c if c > q else q


def charge(totals: Row, cpu: float, quantum: float, weight: float) -> float:
    """Normalised dominant share of one iteration: max(c/N_c, q/N_q)/weight."""
    return dominant(totals, cpu, quantum) / weight


def join(task: Row, flows: Table, totals: Row, server: int, amount: float, alone: bool) -> float:
    """Tag a task for which `amount` of dominant share is charged at task[SHARE]; returns the key of its lane.

    `alone`: no other task of its session waits or runs there.
    """
    flow = flows[int(task[FLOW])]
    tenant = flows[int(flow[PARENT])]
    task[TENANT_SHARE] = tenant_weight(tenant)
    task[CHARGE] = amount / task[SHARE]
    task[IN_LINE] = 0.0
    begin = session_start(flow, totals, server)
    flow[FINISH_TAG if server < WORKERS else CPU_TAG] = begin + task[CHARGE]
    position = settle_position(tenant, totals, server, alone)
    begin = position if position > begin else begin
    if alone:
        begin = stand_in_line(task, tenant, server, begin, amount)
    task[START_TAG] = begin
    return begin


def session_start(flow: Row, totals: Row, server: int) -> float:
    """max(V, F) of the session; F moves to the virtual time of this server, with what the session owes there."""
    last, where = (FINISH_TAG, SERVER) if server < WORKERS else (CPU_TAG, CPU_SERVER)
    virtual, finish = totals[VIRTUAL + server], flow[last]
    if flow[where] != server:
        finish += virtual - totals[VIRTUAL + int(flow[where])]
        flow[where] = float(server)
    return virtual if virtual > finish else finish


def settle_position(tenant: Row, totals: Row, server: int, alone: bool) -> float:
    """The tenant's position, brought up to what an absent one would have: credit is not kept (memoryless).

    A tenant with several tasks may lag by what its sessions may, one longest task each.
    """
    there, longest = tenant[OUTSTANDING], totals[LONGEST]
    if server >= WORKERS:
        there, longest = tenant[COMPUTING], totals[LONGEST_CPU]
    lowest = totals[VIRTUAL + server]
    if there > 1.0 or not alone:
        lowest -= (there + 1.0) * longest / tenant[WEIGHT]
    if tenant[POSITION + server] < lowest:
        tenant[POSITION + server] = lowest
    return tenant[POSITION + server]


def stand_in_line(task: Row, tenant: Row, server: int, begin: float, amount: float) -> float:
    """Where the session's only task begins: behind the tenant's other sessions that came with one, at its weight.

    Without this, sessions that come together would all begin at once, and a tenant of many would go before the others.
    """
    line = tenant[NEXT_IN_LINE + server]
    if line < tenant[POSITION + server]:
        line = tenant[POSITION + server]
    if begin <= line:
        begin, task[IN_LINE] = line, 1.0
        line += amount / task[TENANT_SHARE]
    tenant[NEXT_IN_LINE + server] = line
    return begin


def tag(task: Row, flows: Table, server: int) -> float:
    """The tag by which a waiting task is served now: its key, but not before its tenant's position."""
    position = flows[int(flows[int(task[FLOW])][PARENT])][POSITION + server]
    key = task[KEY]
    return position if position > key else key


def begin(task: Row, flows: Table, totals: Row, server: int) -> None:
    """The task begins: virtual time moves up to its tag, and its tenant's position by its charge."""
    tenant = flows[int(flows[int(task[FLOW])][PARENT])]
    now = tag(task, flows, server)
    if totals[VIRTUAL + server] < now:
        totals[VIRTUAL + server] = now
    tenant[POSITION + server] += task[CHARGE] * task[SHARE] / task[TENANT_SHARE]


def correct(task: Row, flows: Table, totals: Row, server: int, used: float, began: bool) -> None:
    """Charge the task for the dominant share that it used, at the weight it was charged at."""
    flow = flows[int(task[FLOW])]
    tenant = flows[int(flow[PARENT])]
    last, where = (FINISH_TAG, SERVER) if server < WORKERS else (CPU_TAG, CPU_SERVER)
    corrected = used / task[SHARE]
    missing = corrected - task[CHARGE]
    task[CHARGE] = corrected
    flow[last] += missing
    part = task[SHARE] / task[TENANT_SHARE]
    if began:
        tenant[POSITION + server] += missing * part
    if task[IN_LINE] > 0.0:
        tenant[NEXT_IN_LINE + server] += missing * part
    note_finish(totals, int(flow[where]), flow[last])
    note_finish(totals, server, tenant[POSITION + server])


def debt(flow: Row, totals: Row) -> float:
    """What the session had beyond its share on QPUs, in virtual time; 0 if it had less."""
    owed = flow[FINISH_TAG] - totals[VIRTUAL + int(flow[SERVER])]
    return owed if owed > 0.0 else 0.0


def add(flows: Table, totals: Row, row: int, amount: float) -> None:
    """Charge a session for dominant share that it used beside its tasks: for guesses, and calibrations of its own."""
    flow = flows[row]
    tenant, server = flows[int(flow[PARENT])], int(flow[SERVER])
    flow[FINISH_TAG] = totals[VIRTUAL + server] + debt(flow, totals) + amount / share(flows, row)
    tenant[POSITION + server] += amount / tenant_weight(tenant)
    note_finish(totals, server, flow[FINISH_TAG])
    note_finish(totals, server, tenant[POSITION + server])


def note_finish(totals: Row, server: int, tag_: float) -> None:
    """Keep the largest finish tag of a server."""
    if totals[LAST_FINISH + server] < tag_:
        totals[LAST_FINISH + server] = tag_


def forget(totals: Row, first: int) -> None:
    """Nothing waits or runs in the servers from `first` on: all begin the next busy period equal (memoryless)."""
    totals[LONGEST if first < WORKERS else LONGEST_CPU] = 0.0
    for server in range(first, first + MAX_CLASSES):
        if totals[VIRTUAL + server] < totals[LAST_FINISH + server]:
            totals[VIRTUAL + server] = totals[LAST_FINISH + server]
