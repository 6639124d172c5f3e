"""Chunk edges: a long task may stand aside for another one, and is continued where its shots are."""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.chunks import paused
from qloop.policies.ledger import enqueue
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform import result as res
from qloop.simulator.platform.accounts import QUANTUM_PAUSE, add_span, note, whole
from qloop.simulator.platform.entries import join
from qloop.simulator.platform.features import CALIBRATES, CLASSES, SHARED_LANES, pause, switch
from qloop.simulator.platform.lanes import lane_of, movable, set_idle
from qloop.simulator.platform.machines import start_on
from qloop.simulator.platform.memory import HEADS, LAST
from qloop.simulator.platform.nodes import add, take
from qloop.simulator.platform.sessions import is_expired


def at_edge(m: Any, p: Any) -> bool:
    """Whether the next event of a QPU's run is the end of a chunk and not of the run."""
    q = m.heap.roots[p.lanes + mem.RUNS] - p.qpu_at
    return bool(m.state[LAST] < m.slots[m.duty[q, mem.RAN], mem.ENDS_AT])


def reach_edge(m: Any, p: Any, work: Any, w: Any) -> None:
    """A run has come to the end of a chunk: it goes on, or stands aside for another task."""
    st, node = m.state, take(m.heap, p.lanes + mem.RUNS)
    q = node - p.qpu_at
    i = int(m.duty[q, mem.RAN])
    j = instead(m, p, w, i, q, st[LAST] * 1e-9)
    if j < 0:
        following = st[LAST] + whole(w.totals[c.CHUNK_S] * 1e9)
        add(m.heap, p.lanes + mem.RUNS, node, float(min(following, m.slots[i, mem.ENDS_AT])), q)
        return
    stand_aside(m, p, w, i, q)
    start_on(m, p, work, w, j, q, st[LAST] * 1e-9)


def instead(m: Any, p: Any, w: Any, i: int, q: int, now: float) -> int:
    """The task that takes QPU q from task i, -1 if that goes on."""
    if m.state[mem.WAITING] == 0 or (CALIBRATES and m.duty[q, mem.DUE] == 1) or is_expired(m, i):
        return -1
    heads = m.scratch[HEADS, :p.lanes]
    for lane in range(p.lanes):
        heads[lane] = m.heap.roots[lane]
    while True:
        lane = switch(w.tasks, w.flows, w.qpus, w.totals, heads, i, q, now)
        if lane < 0:
            return -1
        j = int(heads[lane])
        if SHARED_LANES or lane // CLASSES == q:
            return j
        heads[lane] = movable(m, w, lane, j, q, now, False)
        if heads[lane] == j:
            return j


def stand_aside(m: Any, p: Any, w: Any, i: int, q: int) -> None:
    """Task i waits again, in its old place in the line of QPU q, with the shots that it has."""
    st, row, task = m.state, m.slots[i], w.tasks[i]
    keep(m, p, row, q)
    task[c.MEASURED] = (st[LAST] - row[mem.SINCE]) * 1e-9
    now = st[LAST] * 1e-9
    pause(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    paused(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    enqueue(w.tasks, w.qpus, w.totals, i, -1 if SHARED_LANES else q)
    join(m, lane_of(task), i, task[c.KEY], int(task[c.SEQ]))
    row[mem.PHASE], row[mem.SINCE] = mem.QUEUED, st[LAST]
    m.duty[q, mem.RAN] = -1
    set_idle(m, w, q)
    st[mem.RUNNING] -= 1
    st[mem.WAITING] += 1
    st[mem.EVENTS] += 1
    note(m, QUANTUM_PAUSE, row[mem.SESSION], q)


def keep(m: Any, p: Any, row: Any, q: int) -> None:
    """Account what the session has run of its task, and how much is left."""
    now, since, result = m.state[LAST], row[mem.SINCE], m.result[row[mem.SESSION]]
    ran = now - since
    cold = min(row[mem.COLD_PART], ran)
    result[mem.SERVED] += ran
    result[mem.COLD] += cold
    before = m.duty[q, res.EXECUTED]
    add_span(m, p, q, res.COLD, since, since + cold)
    add_span(m, p, q, res.EXECUTED, since + cold, now)
    row[mem.COLD_PART] -= cold
    row[mem.KEPT_NS] += ran - cold
    row[mem.KEPT_SPAN] += m.duty[q, res.EXECUTED] - before
    row[mem.REST] = row[mem.ENDS_AT] - now
