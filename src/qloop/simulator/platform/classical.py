"""The classical side: exact processor sharing (docs: simulator/paper/sharing.py), or slots with a line before them.

With processor sharing all active tasks have attained the same service V since there was last none; a task that joins
at V with work w ends when V reaches V + w. V grows by min(1, C/A) a nanosecond with A active tasks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qloop.simulator.paper.sharing import ROUND_UP
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.accounts import whole
from qloop.simulator.platform.features import SLOTS
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
from qloop.simulator.platform.nodes import add, remove, take


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


def join_workers(m: Any, p: Any, i: int, work: float) -> None:
    """A classical task of so much work (ns on a whole worker) arrives at the workers."""
    st = m.state
    st[JOINED] += 1
    st[CLASSICAL] += 1
    m.slots[i, SINCE] = st[LAST]
    if SLOTS and st[SHARING] >= p.workers:
        m.slots[i, PHASE] = IN_LINE
        m.slots[i, mem.QPU] = whole(work)      # kept while it waits; it runs nowhere
        add(m.heap, p.lanes + LINE, i, float(st[JOINED]), 0)
    else:
        begin_work(m, p, i, work, st[JOINED])


def end_classical(m: Any, p: Any) -> int:
    """The first task to end leaves the workers; returns its slot."""
    st = m.state
    i = take(m.heap, p.lanes + SHARED)
    if not SLOTS:
        m.real[ATTAINED] = max(m.real[ATTAINED], m.heap.keys[i])
        st[AT] = st[LAST]
    st[SHARING] -= 1
    st[CLASSICAL] -= 1
    if SLOTS and m.heap.roots[p.lanes + LINE] >= 0:
        first = take(m.heap, p.lanes + LINE)
        begin_work(m, p, first, float(m.slots[first, mem.QPU]), int(m.heap.keys[first]))
    else:
        plan_classical(m, p)
    m.result[m.slots[i, mem.SESSION], mem.CLASSICAL_NS] += st[LAST] - m.slots[i, SINCE]
    return i


def give_up(m: Any, p: Any, i: int) -> None:
    """A task that waits for a worker leaves the line."""
    m.state[CLASSICAL] -= 1
    remove(m.heap, p.lanes + LINE, i)
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
