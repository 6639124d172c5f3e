"""The classical side: exact processor sharing (docs: simulator/paper/sharing.py), or slots with a line before them.

With processor sharing all active tasks have attained the same service V since there was last none; a task that joins
at V with work w ends when V reaches V + w. V grows by min(1, C/A) a nanosecond with A active tasks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qloop.policies.columns import CLASS, ESTIMATE, KEY, MEASURED
from qloop.policies.pool import NORMAL, moved_back, normal_first
from qloop.policies.pool import begin as begin_pool
from qloop.policies.pool import enter as enter_pool
from qloop.policies.pool import leave as leave_pool
from qloop.simulator.paper.sharing import ROUND_UP
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.accounts import whole
from qloop.simulator.platform.features import FAIR_POOL, SLOTS
from qloop.simulator.platform.memory import (
    AT,
    ATTAINED,
    CLASSICAL,
    COMPUTING,
    DELAYED,
    DELAYS,
    IN_LINE,
    JOINED,
    LAST,
    LINE,
    NEVER,
    NEXT_CLASSICAL,
    PHASE,
    SHARED,
    SHARING,
    SINCE,
)
from qloop.simulator.platform.nodes import NUMBER, add, remove, take


def plan_classical(m: Any, p: Any) -> None:
    """When the next classical task ends, if nothing else happens."""
    st = m.state
    first, sharing = m.heap.roots[p.lanes + SHARED], st[SHARING]
    if first < 0:
        m.real[ATTAINED] = 0.0     # nothing is compared with it any more: begin again with full precision
        st[NEXT_CLASSICAL] = NEVER
    elif SLOTS:
        st[NEXT_CLASSICAL] = int(m.heap.keys[first])
    else:
        need = m.heap.keys[first] - m.real[ATTAINED]
        if sharing > p.workers:
            need *= sharing / p.workers
        st[NEXT_CLASSICAL] = st[AT] + max(0, int(np.ceil(min(need, mem.LATE_NS) - ROUND_UP)))


def attain(m: Any, p: Any) -> None:
    """Bring the attained service up to now."""
    st = m.state
    sharing = st[SHARING]
    if sharing > p.workers:
        m.real[ATTAINED] += (st[LAST] - st[AT]) * (p.workers / sharing)
    elif sharing > 0:
        m.real[ATTAINED] += st[LAST] - st[AT]
    st[AT] = st[LAST]


def begin_work(m: Any, p: Any, i: int, work: float, number: int) -> None:
    """The task of slot i, the `number`-th to join, has a worker (of its own, or a part of all)."""
    st = m.state
    m.slots[i, PHASE] = COMPUTING
    if SLOTS:
        add(m.heap, p.lanes + SHARED, i, float(st[LAST] + whole(work)), number)
    else:
        attain(m, p)
        add(m.heap, p.lanes + SHARED, i, m.real[ATTAINED] + work, number)
    st[SHARING] += 1
    plan_classical(m, p)


def join_workers(m: Any, p: Any, w: Any, i: int, work: float) -> None:
    """A classical task of so much work (ns on a whole worker) arrives at the workers."""
    st = m.state
    st[JOINED] += 1
    st[CLASSICAL] += 1
    m.slots[i, SINCE] = st[LAST]
    if FAIR_POOL:
        w.tasks[i][ESTIMATE] = whole(work) * 1e-9 if p.exact_estimates else 0.0
        w.tasks[i][MEASURED] = whole(work) * 1e-9
        enter_pool(w.tasks[i], w.flows, w.totals, st[LAST] * 1e-9)
    if SLOTS and st[SHARING] >= p.workers:
        m.slots[i, PHASE] = IN_LINE
        m.slots[i, mem.QPU] = whole(work)      # kept while it waits; it runs nowhere
        if FAIR_POOL:
            add(m.heap, line_of(p, w, i), i, w.tasks[i][KEY], st[JOINED])
        else:
            add(m.heap, p.lanes + LINE, i, float(st[JOINED]), st[JOINED])
    else:
        if FAIR_POOL:
            begin_pool(w.tasks[i], w.flows, w.totals, st[LAST] * 1e-9)
        begin_work(m, p, i, work, st[JOINED])


def line_of(p: Any, w: Any, i: int) -> int:
    """The line in which the classical task of slot i waits."""
    if FAIR_POOL and w.tasks[i][CLASS] == NORMAL:
        return int(p.lanes + mem.LINE_NORMAL)
    return int(p.lanes + LINE)


def first_in_line(m: Any, p: Any, w: Any) -> int:
    """Take the task that is to begin next out of the lines; -1 if nobody waits."""
    hot, normal = p.lanes + LINE, p.lanes + mem.LINE_NORMAL
    if not FAIR_POOL:
        return int(take(m.heap, hot)) if m.heap.roots[hot] >= 0 else -1
    line = hot
    if m.heap.roots[hot] < 0 or normal_first(w.totals, m.state[LAST] * 1e-9):
        line = normal if m.heap.roots[normal] >= 0 else hot
    while m.heap.roots[line] >= 0:
        i = take(m.heap, line)
        if not moved_back(w.tasks[i], w.flows, w.totals):
            begin_pool(w.tasks[i], w.flows, w.totals, m.state[LAST] * 1e-9)
            return int(i)
        add(m.heap, line, i, w.tasks[i][KEY], m.heap.nodes[i, NUMBER])
    return -1


def end_classical(m: Any, p: Any, w: Any) -> int:
    """The first task to end leaves the workers; returns its slot."""
    st = m.state
    i = take(m.heap, p.lanes + SHARED)
    if not SLOTS:
        m.real[ATTAINED] = max(m.real[ATTAINED], m.heap.keys[i])
        st[AT] = st[LAST]
    st[SHARING] -= 1
    st[CLASSICAL] -= 1
    if FAIR_POOL:
        leave_pool(w.tasks[i], w.flows, w.totals, w.tasks[i][MEASURED], True, st[LAST] * 1e-9)
    first = first_in_line(m, p, w) if SLOTS else -1
    if first >= 0:
        begin_work(m, p, first, float(m.slots[first, mem.QPU]), int(m.heap.nodes[first, NUMBER]))
    else:
        plan_classical(m, p)
    m.result[m.slots[i, mem.SESSION], mem.CLASSICAL_NS] += st[LAST] - m.slots[i, SINCE]
    return i


def give_up(m: Any, p: Any, w: Any, i: int) -> None:
    """A task that waits for a worker leaves the line."""
    m.state[CLASSICAL] -= 1
    remove(m.heap, line_of(p, w, i), i)
    if FAIR_POOL:
        leave_pool(w.tasks[i], w.flows, w.totals, 0.0, False, m.state[LAST] * 1e-9)
    m.result[m.slots[i, mem.SESSION], mem.CLASSICAL_NS] += m.state[LAST] - m.slots[i, SINCE]


def delay(m: Any, p: Any, i: int, length: int, phase: int) -> None:
    """The session is busy elsewhere for a while, in nobody's way."""
    st, row = m.state, m.slots[i]
    row[PHASE], row[SINCE] = phase, st[LAST]
    st[JOINED] += 1
    st[DELAYED] += 1
    add(m.heap, p.lanes + DELAYS, i, float(st[LAST] + length), st[JOINED])


def end_delay(m: Any, p: Any, i: int) -> None:
    """Account a delay that is over, or broken off."""
    row = m.slots[i]
    m.state[DELAYED] -= 1
    m.result[row[mem.SESSION], mem.DELAYED_NS] += m.state[LAST] - row[SINCE]
