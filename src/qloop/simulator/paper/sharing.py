"""Exact processor sharing: C workers, and active tasks that all get the same part of them.

All active tasks have attained the same service V since there was last none. A task that joins at V with work w ends
when V reaches V + w, so a heap of these marks is all that is needed. Work is in nanoseconds on a whole worker; V grows
by min(1, C/A) a nanosecond with A active tasks (equation 5 of the paper). An end is rounded to a whole nanosecond, at
a threshold that no fraction with a small denominator meets, so that a whole result stays whole and a half one is
always rounded the same way, whatever the last bits of V are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qloop.simulator.paper.heap import pop, push
from qloop.simulator.paper.memory import AT, ATTAINED, CLASSICAL, JOINED, LAST, NEVER, NEXT_CLASSICAL

ROUND_UP = 0.41421356       # a larger part of a nanosecond is rounded up
LATE_NS = 4e18              # after every run, and within 64 bits


def plan_classical(m: Any, p: Any) -> None:
    """When the next classical task ends, if nothing else happens."""
    st = m.state
    classical = st[CLASSICAL]
    if classical == 0:
        m.real[ATTAINED] = 0.0     # nothing is compared with it any more: begin again with full precision
        st[NEXT_CLASSICAL] = NEVER
        return
    need = m.keys[0] - m.real[ATTAINED]
    if classical > p.workers:
        need *= classical / p.workers
    st[NEXT_CLASSICAL] = st[AT] + max(0, int(np.ceil(min(need, LATE_NS) - ROUND_UP)))


def join_classical(m: Any, p: Any, i: int, work: float) -> None:
    """A task of so much work joins the workers."""
    st = m.state
    now, classical = st[LAST], st[CLASSICAL]
    if classical > p.workers:
        m.real[ATTAINED] += (now - st[AT]) * (p.workers / classical)
    elif classical > 0:
        m.real[ATTAINED] += now - st[AT]
    st[AT] = now
    st[JOINED] += 1
    push(m, 0, classical, m.real[ATTAINED] + work, st[JOINED], i)
    st[CLASSICAL] = classical + 1
    plan_classical(m, p)


def end_classical(m: Any, p: Any) -> int:
    """The task with the least mark leaves the workers; returns its slot."""
    st = m.state
    i = int(m.items[0])
    m.real[ATTAINED] = max(m.real[ATTAINED], m.keys[0])
    st[AT] = st[LAST]
    pop(m, 0, st[CLASSICAL])
    st[CLASSICAL] -= 1
    plan_classical(m, p)
    return i
