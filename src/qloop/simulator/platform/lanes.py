"""Quantum tasks wait in lanes: the policy fixes class and key, binding the lane, and an idle QPU is given one."""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.bind import bind, first_to_take, may_take
from qloop.policies.chunks import drop, is_stale, over
from qloop.policies.draws import ENTER, PICK, uniform
from qloop.policies.ledger import dequeue, enqueue, finished, note_ready, set_key
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.accounts import READY, is_idle, note, part_row
from qloop.simulator.platform.entries import first_entries, forget, join, part
from qloop.simulator.platform.features import (
    BLOCKS,
    CHUNKS,
    CLASSES,
    ENTER_DRAWS,
    PICK_DRAWS,
    SHARED_LANES,
    enter,
    finish,
    pick,
    place_cost,
    scan,
)
from qloop.simulator.platform.fitting import fill
from qloop.simulator.platform.memory import HEADS, LAST, QUEUED, SEQ, SINCE, WAITING
from qloop.simulator.platform.nodes import add, take
from qloop.simulator.platform.result import EXECUTED, LOST

HOLD, SCAN, HOMELESS = c.HOLD, c.SCAN, c.HOMELESS


def lane_of(task: Any) -> int:
    """The lane in which a task waits."""
    if SHARED_LANES:
        return int(task[c.CLASS])
    return int(task[c.BOUND]) * CLASSES + int(task[c.CLASS])


def queue_of(p: Any, task: Any) -> int:
    """The queue in which a task waits: its lane, or that of the homeless."""
    return p.lanes + mem.HOMELESS_LINE if task[c.BOUND] == HOMELESS else lane_of(task)


def place(m: Any, p: Any, w: Any, i: int, now: float) -> None:
    """Bind the task and put it into its lane."""
    task = w.tasks[i]
    bound = -1
    if not SHARED_LANES:
        bound = bind(place_cost, w.tasks, w.flows, w.qpus, w.totals, i, now)
        if bound < 0:
            bound = HOMELESS
    enqueue(w.tasks, w.qpus, w.totals, i, bound)
    if bound == HOMELESS:
        add(m.heap, p.lanes + mem.HOMELESS_LINE, i, task[c.SEQ], 0)
    else:
        join(m, lane_of(task), i, task[c.KEY], int(task[c.SEQ]))


def make_ready(m: Any, p: Any, work: Any, w: Any, i: int) -> None:
    """The quantum task of slot i becomes ready and joins its lane; one tried before keeps its number."""
    st, row, task = m.state, m.slots[i], w.tasks[i]
    if row[mem.TRIES] == 0:
        st[SEQ] += 1
        task[c.SEQ] = st[SEQ]
        part = part_row(m, work, i)
        task[c.ESTIMATE] = work.parts[part, mem.QUANTUM_PART] * 1e-9 if p.exact_estimates else 0.0
        task[c.CPU] = work.parts[part, mem.CLASSICAL_PART] * 1e-9
    task[c.STARTED_AT], task[c.MEASURED] = -1.0, -1.0
    if BLOCKS:
        fill(m, work, w, i)
    now, seq = st[LAST] * 1e-9, int(task[c.SEQ])
    note_ready(w.tasks, w.flows, i, now)
    u = uniform(p.key, ENTER, seq) if ENTER_DRAWS else 0.0
    set_key(w.tasks, i, enter(w.tasks, w.flows, w.qpus, w.totals, i, now, u))
    place(m, p, w, i, now)
    row[mem.PHASE], row[SINCE] = QUEUED, st[LAST]
    st[WAITING] += 1
    note(m, READY, row[mem.SESSION], -1)


def leave(m: Any, w: Any, i: int, q: int, useful: bool) -> None:
    """Ledger and policy are told that the task left its QPU (or, q = -1, its lane)."""
    now = m.state[LAST] * 1e-9
    finished(w.tasks, w.flows, w.qpus, w.totals, i, q, now, useful)
    finish(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    if CHUNKS:
        over(w.tasks, w.flows, i, useful)
        if not useful:
            note_dropped(m, i)
        m.slots[i, mem.REST] = m.slots[i, mem.KEPT_NS] = m.slots[i, mem.KEPT_SPAN] = 0


def note_dropped(m: Any, i: int) -> None:
    """Account the shots that the session in slot i kept as lost; it begins anew, also if it had loaded only."""
    row = m.slots[i]
    if row[mem.KEPT_SPAN] != 0:     # else it may have run nowhere, and its column QPU holds something else
        m.duty[row[mem.QPU], EXECUTED] -= row[mem.KEPT_SPAN]
        m.duty[row[mem.QPU], LOST] += row[mem.KEPT_SPAN]
    m.result[row[mem.SESSION], mem.LOST] += row[mem.KEPT_NS]
    row[mem.REST] = row[mem.KEPT_NS] = row[mem.KEPT_SPAN] = 0


def withdraw(m: Any, p: Any, w: Any, i: int) -> None:
    """A task that waits leaves its lane for good."""
    st, task = m.state, w.tasks[i]
    part(m, queue_of(p, task), i)
    dequeue(w.tasks, w.qpus, w.totals, i)
    st[WAITING] -= 1
    leave(m, w, i, -1, False)
    m.result[m.slots[i, mem.SESSION], mem.WAITED] += st[LAST] - m.slots[i, SINCE]


def replace(m: Any, p: Any, w: Any, q: int) -> None:
    """Bind again what waits for QPU q and what waits for any QPU at all, in order of arrival."""
    if SHARED_LANES:
        return
    moved, homeless = p.lanes + mem.MOVED, p.lanes + mem.HOMELESS_LINE
    while m.heap.roots[homeless] >= 0:
        i = take(m.heap, homeless)
        add(m.heap, moved, i, w.tasks[i][c.SEQ], 0)
    for lane in range(q * CLASSES, (q + 1) * CLASSES):
        forget(m, lane)
        while m.heap.roots[lane] >= 0:
            i = take(m.heap, lane)
            add(m.heap, moved, i, w.tasks[i][c.SEQ], 0)
    while m.heap.roots[moved] >= 0:
        i = take(m.heap, moved)
        dequeue(w.tasks, w.qpus, w.totals, i)
        if CHUNKS and is_stale(w.tasks[i], w.qpus):
            drop(w.tasks, w.flows, i)
            note_dropped(m, i)
        place(m, p, w, i, m.state[LAST] * 1e-9)


def movable(m: Any, w: Any, lane: int, i: int, q: int, now: float, deep: bool) -> int:
    """The head i of another QPU's lane if it may move to QPU q, -1 if not; `deep`: the lane's first task that may."""
    if deep:
        count = first_entries(m, lane)
        return first_to_take(place_cost, w.tasks, w.flows, w.qpus, w.totals, m.entries[lane, :count], q, now)
    if may_take(place_cost, w.tasks, w.flows, w.qpus, w.totals, i, q, now, 0.0, False):
        return i
    return -1


def choose(m: Any, p: Any, w: Any, q: int, now: float, deep: bool) -> int:
    """The task that the policy starts on free QPU q, -1 for none; it is still in its lane."""
    st, u = m.state, 0.0
    if PICK_DRAWS:
        st[mem.DECISIONS] += 1
        u = uniform(p.key, PICK, int(st[mem.DECISIONS]))
    heads = m.scratch[HEADS, :p.lanes]
    for lane in range(p.lanes):
        heads[lane] = m.heap.roots[lane]
    while True:
        lane = pick(w.tasks, w.flows, w.qpus, w.totals, heads, q, now, u)
        if lane < 0:
            break
        i = int(heads[lane])
        if SHARED_LANES or lane // CLASSES == q:
            return i
        heads[lane] = movable(m, w, lane, i, q, now, deep)
        if heads[lane] == i:
            return i
    if lane > SCAN:
        return -1
    own = SCAN - lane
    count = first_entries(m, own)
    k = scan(w.tasks, w.flows, w.qpus, w.totals, m.entries[own, :count], q, now, u)
    return int(m.entries[own, k]) if k >= 0 else -1


def set_idle(m: Any, w: Any, q: int) -> None:
    """Note in the words of `idle` whether QPU q is idle."""
    word, bit = q // 62, 1 << (q % 62)
    if is_idle(w.qpus[q]) != (m.idle[word] & bit != 0):
        m.idle[word] ^= bit
        m.state[mem.IDLE] += 1 if m.idle[word] & bit else -1


def next_idle(m: Any, q: int, qpus: int) -> int:
    """The first idle QPU from q on, `qpus` if there is none."""
    if m.state[mem.IDLE] == 0:
        return qpus
    while q < qpus:
        rest = m.idle[q // 62] >> (q % 62)
        if rest == 0:
            q += 62 - q % 62
        elif rest & 1:
            return q
        else:
            q += 1
    return qpus
