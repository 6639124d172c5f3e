"""Quantum tasks: they become ready, wait in the policy's lanes, start and end.

The policy functions and constants at the top are those of `fifo`; `compiled.py` puts any other policy's in their
place before it compiles, so that calls to them are as direct as in hand-written code.
"""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.draws import ENTER, PICK, uniform
from qloop.policies.ledger import dequeue, enqueue, finished, note_ready, set_key, started
from qloop.policies.order import enter_fifo as enter
from qloop.policies.order import note_nothing as finish
from qloop.policies.order import note_nothing as start
from qloop.policies.order import pick_first as pick
from qloop.policies.order import pick_first as scan
from qloop.simulator.paper.draws import fill
from qloop.simulator.paper.heap import pop, push
from qloop.simulator.paper.memory import (
    BEGAN,
    BLOCK,
    DECISIONS,
    ENTRIES,
    EVENTS,
    FREE,
    HEADS,
    HELD,
    LAST,
    LEFT,
    LENGTHS,
    LOGGED,
    READY,
    RUNNING,
    SEQ,
    SERVED,
    SESSION,
    WAITED,
    WAITING,
)

CLASSES = 1             # lanes of the policy
ENTER_DRAWS = False     # whether `enter` reads its draw
PICK_DRAWS = False      # whether `pick` reads its draw
HOLD, SCAN, SCAN_LIMIT = c.HOLD, c.SCAN, c.SCAN_LIMIT

QUANTUM_END, CLASSICAL_END, ARRIVAL, QUANTUM_START, REFUSAL, END = 0, 1, 2, 3, 4, 5     # kinds in the log


def note(m: Any, kind: int, session: int, qpu: int) -> None:
    """Write one line of the log, if one is kept."""
    line = m.state[LOGGED]
    if line < len(m.log):
        m.log[line, 0], m.log[line, 1], m.log[line, 2], m.log[line, 3] = m.state[LAST], kind, session, qpu
        m.state[LOGGED] = line + 1


def make_ready(m: Any, p: Any, w: Any, i: int) -> None:
    """The quantum task of slot i becomes ready and joins its lane."""
    st, task = m.state, w.tasks[i]
    seq = st[SEQ] + 1
    st[SEQ] = seq
    task[c.SEQ], task[c.STARTED_AT], task[c.MEASURED] = seq, -1.0, -1.0
    now = st[LAST] * 1e-9
    note_ready(w.tasks, w.flows, i, now)
    u = 0.0
    if ENTER_DRAWS:
        if seq % BLOCK == 0 or seq == 1:
            # the next block, named by the numbers of the tasks
            fill(m.real, p.key, ENTER, seq - seq % BLOCK, BLOCK)
        u = m.real[seq % BLOCK]
    set_key(w.tasks, i, enter(w.tasks, w.flows, w.qpus, w.totals, i, now, u))
    enqueue(w.tasks, w.qpus, w.totals, i, -1)
    lane = int(task[c.CLASS]) if CLASSES > 1 else 0
    push(m, (lane + 1) * p.lane_room, st[LENGTHS + lane], task[c.KEY], seq, i)
    st[LENGTHS + lane] += 1
    m.slots[i, READY] = st[LAST]
    st[WAITING] += 1


def from_behind(m: Any, p: Any, w: Any, lane: int, q: int, now: float, u: float) -> int:
    """The task that the policy finds among the first entries of a lane, taken out of it; -1 for none."""
    at, length = (lane + 1) * p.lane_room, m.state[LENGTHS + lane]
    count = min(length, SCAN_LIMIT)
    entries = m.scratch[ENTRIES, :count]
    for k in range(count):
        entries[k] = m.items[at]
        pop(m, at, length - k)
    found = scan(w.tasks, w.flows, w.qpus, w.totals, entries, q, now, u)
    length -= count
    for k in range(count):
        if k != found:
            task = w.tasks[entries[k]]
            push(m, at, length, task[c.KEY], int(task[c.SEQ]), entries[k])
            length += 1
    m.state[LENGTHS + lane] = length
    return int(entries[found]) if found >= 0 else -1


def choose(m: Any, p: Any, w: Any, q: int, now: float) -> int:
    """The task that the policy starts on free QPU q, taken out of its lane; -1 for none."""
    st, heads = m.state, m.scratch[HEADS, :CLASSES]
    for lane in range(CLASSES):
        heads[lane] = m.items[(lane + 1) * p.lane_room] if st[LENGTHS + lane] > 0 else -1
    u = 0.0
    if PICK_DRAWS:
        st[DECISIONS] += 1
        u = uniform(p.key, PICK, int(st[DECISIONS]))
    lane = pick(w.tasks, w.flows, w.qpus, w.totals, heads, q, now, u)
    if lane == HOLD:
        return -1
    if lane <= SCAN:
        return from_behind(m, p, w, SCAN - lane, q, now, u)
    i = int(heads[lane])
    pop(m, (lane + 1) * p.lane_room, st[LENGTHS + lane])
    st[LENGTHS + lane] -= 1
    return i


def start_on(m: Any, p: Any, work: Any, w: Any, i: int, q: int, now: float) -> None:
    """Task i begins on QPU q."""
    st, row = m.state, m.slots[i]
    session = row[SESSION]
    dequeue(w.tasks, w.qpus, w.totals, i)
    started(w.tasks, w.qpus, w.totals, i, q, now)
    start(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    push(m, p.ends_at, st[RUNNING], st[LAST] + work.times[session, 1], q, i)
    st[RUNNING] += 1
    st[WAITING] -= 1
    st[EVENTS] += 1
    row[LEFT] -= 1
    row[BEGAN] = st[LAST]
    m.result[session, WAITED] += st[LAST] - row[READY]
    note(m, QUANTUM_START, session, q)


def dispatch(m: Any, p: Any, work: Any, w: Any) -> None:
    """Offer every idle QPU, in order, what waits."""
    st = m.state
    now, held = st[LAST] * 1e-9, 0
    while st[WAITING] > 0 and st[FREE] > 0:
        q = m.items[p.free_at]
        pop(m, p.free_at, st[FREE])
        st[FREE] -= 1
        i = choose(m, p, w, q, now)
        if i >= 0:
            start_on(m, p, work, w, i, q, now)
        else:
            m.scratch[HELD, held] = q
            held += 1
    for k in range(held):
        q = m.scratch[HELD, k]
        push(m, p.free_at, st[FREE], q, q, q)
        st[FREE] += 1


def release(m: Any, p: Any, work: Any, w: Any, q: int) -> None:
    """QPU q is free again: it, or if others are, too, each of them is offered what waits."""
    st = m.state
    if st[FREE] == 0 and st[WAITING] > 0:
        now = st[LAST] * 1e-9
        i = choose(m, p, w, q, now)
        if i >= 0:
            start_on(m, p, work, w, i, q, now)
            return
        push(m, p.free_at, 0, q, q, q)
        st[FREE] = 1
        return
    push(m, p.free_at, st[FREE], q, q, q)
    st[FREE] += 1
    dispatch(m, p, work, w)


def end_quantum(m: Any, p: Any, work: Any, w: Any) -> tuple[int, int]:
    """The first task to end leaves its QPU; returns its slot and the QPU, which is yet to be released."""
    st = m.state
    q, i = m.numbers[p.ends_at], m.items[p.ends_at]
    session = m.slots[i, SESSION]
    pop(m, p.ends_at, st[RUNNING])
    st[RUNNING] -= 1
    now = st[LAST] * 1e-9
    w.tasks[i][c.MEASURED] = work.times[session, 1] * 1e-9
    finished(w.tasks, w.flows, w.qpus, w.totals, i, q, now, True)
    finish(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    m.result[session, SERVED] += work.times[session, 1]
    note(m, QUANTUM_END, session, q)
    return int(i), int(q)
