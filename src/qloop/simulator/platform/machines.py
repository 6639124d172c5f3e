"""QPUs: what runs on them, and what their caches cost."""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.caches import is_warm, refresh, touch
from qloop.policies.chunks import is_chunked
from qloop.policies.draws import uniform
from qloop.policies.ledger import dequeue, started
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform import result as res
from qloop.simulator.platform.accounts import (
    ATTEMPT_LOST,
    QUANTUM_END,
    QUANTUM_START,
    add_span,
    draw_number,
    note,
    note_wait,
    part_row,
    whole,
)
from qloop.simulator.platform.drifting import growth
from qloop.simulator.platform.entries import part
from qloop.simulator.platform.features import (
    ATTEMPTS_FAIL,
    BLOCKS,
    CHUNKS,
    COLD_QPU,
    DRIFTS,
    STATELESS,
    start,
)
from qloop.simulator.platform.fitting import was_loaded
from qloop.simulator.platform.lanes import choose, leave, next_idle, queue_of, set_idle
from qloop.simulator.platform.memory import LAST, SESSION, SINCE
from qloop.simulator.platform.nodes import add, take

FAILURE_STREAM = 40


def cold_part(m: Any, p: Any, w: Any, i: int, q: int, now: float) -> int:
    """Time that the session's shot on QPU q loses to cold caches, ns; the caches hold it from now on."""
    facts, flow, row = m.machines[q], w.flows[p.tenants + i], m.slots[i]
    lost = 0.0
    if STATELESS:
        return whole((facts[mem.COMPILE] + facts[mem.LOAD]) * 1e9)
    if facts[mem.COMPILE] > 0.0:
        bit = 1 << q
        if row[mem.VISITED] & bit == 0:
            lost += facts[mem.COMPILE]
            row[mem.VISITED] |= bit
    if facts[mem.LOAD] > 0.0:
        if facts[mem.CACHE] > 0.0:
            first, count = int(facts[mem.CACHE_AT]), int(facts[mem.CACHE])
            warm = touch(m.caches, first, count, float(row[SESSION]), now, w.qpus[q][c.EPOCH],
                                facts[mem.WARM_S])
        else:
            warm = BLOCKS and was_loaded(flow, q, now, w.qpus[q][c.EPOCH], facts[mem.WARM_S])
            if not BLOCKS:
                warm = flow[c.LAST_QPU] == q and is_warm(flow[c.LAST_END], flow[c.LAST_EPOCH], now,
                                                                w.qpus[q][c.EPOCH], facts[mem.WARM_S])
        if not warm:
            lost += facts[mem.LOAD]
    return whole(lost * 1e9)


def note_shot(m: Any, p: Any, work: Any, w: Any, i: int, q: int) -> None:
    """Account the begin of an attempt: its wait, the first one's gap since the last shot, its loss of fidelity."""
    st, row = m.state, m.slots[i]
    result = m.result[row[SESSION]]
    waited = st[LAST] - row[SINCE]
    result[mem.WAITED] += waited
    resumed = CHUNKS and row[mem.REST] > 0
    if st[LAST] >= p.warm and not resumed:
        note_wait(m, w.tasks[i][c.CLASS], waited)
    if row[mem.LAST_SHOT] >= 0 and row[mem.TRIES] == 0 and not resumed:
        result[mem.GAP] += st[LAST] - row[mem.LAST_SHOT]
    if DRIFTS:
        error = work.loads[row[SESSION], mem.ERROR] * m.machines[q, mem.QUALITY]
        m.drifts[q, mem.PENDING] = error * growth(m, p, q)


def start_on(m: Any, p: Any, work: Any, w: Any, i: int, q: int, now: float) -> None:
    """Task i begins on QPU q."""
    st, row = m.state, m.slots[i]
    part(m, queue_of(p, w.tasks[i]), i)
    dequeue(w.tasks, w.qpus, w.totals, i)
    cold = 0
    if COLD_QPU and not (CHUNKS and row[mem.REST] > 0):
        cold = cold_part(m, p, w, i, q, now)
    note_shot(m, p, work, w, i, q)
    started(w.tasks, w.qpus, w.totals, i, q, now)
    start(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    length = cold + whole(work.parts[part_row(m, work, i), mem.QUANTUM_PART] / m.machines[q, mem.SPEED])
    if CHUNKS and row[mem.REST] > 0:
        length, cold, row[mem.REST] = row[mem.REST], row[mem.COLD_PART], 0
    if CHUNKS:
        row[mem.ENDS_AT] = st[LAST] + length
        length = min(length, first_chunk(w, i))
    add(m.heap, p.lanes + mem.RUNS, p.qpu_at + q, float(st[LAST] + length), q)
    m.duty[q, mem.RAN] = i
    set_idle(m, w, q)
    row[mem.PHASE], row[SINCE], row[mem.QPU], row[mem.COLD_PART] = mem.ON_QPU, st[LAST], q, cold
    st[mem.RUNNING] += 1
    st[mem.WAITING] -= 1
    st[mem.EVENTS] += 1
    note(m, QUANTUM_START, row[SESSION], q)


def first_chunk(w: Any, i: int) -> int:
    """How long slot i runs until it may stand aside, ns."""
    return whole(w.totals[c.CHUNK_S] * 1e9) if is_chunked(w.tasks[i], w.totals) else mem.NEVER


def dispatch(m: Any, p: Any, work: Any, w: Any, shared: bool) -> None:
    """Give every idle QPU a task, in order of their rows, until the policy starts nothing more.

    Before a QPU stays idle while tasks wait, it looks behind the heads of other QPUs' lanes (`deep`).
    """
    st, qpus = m.state, len(w.qpus)
    now, deep, progress = st[LAST] * 1e-9, False, True
    while progress and st[mem.WAITING] > 0:
        any_started, any_idle = False, False
        q = next_idle(m, 0, qpus)
        while q < qpus and st[mem.WAITING] > 0:
            i = choose(m, p, w, q, now, deep)
            if i >= 0:
                start_on(m, p, work, w, i, q, now)
                any_started = True
            else:
                any_idle = True
            q = next_idle(m, q + 1, qpus)
        progress = (any_started and next_idle(m, 0, qpus) < qpus) or (any_idle and not deep and not shared)
        deep = not any_started


def note_result(m: Any, flow: Any, i: int, q: int, epoch: float) -> None:
    """Account a shot that gave a result, before the ledger does: its loss, and whether it met another epoch."""
    session = m.slots[i, SESSION]
    if flow[c.LAST_QPU] >= 0.0 and (flow[c.LAST_QPU] != q or flow[c.LAST_EPOCH] != epoch):
        m.result[session, mem.EPOCHS] += 1
    if DRIFTS:
        m.loss[session] += m.drifts[q, mem.PENDING]


def end_run(m: Any, p: Any, w: Any, i: int, q: int, useful: bool) -> None:
    """The attempt of slot i leaves QPU q."""
    st, row = m.state, m.slots[i]
    st[mem.RUNNING] -= 1
    ran = st[LAST] - row[SINCE]
    if useful:
        note_result(m, w.flows[p.tenants + i], i, q, w.qpus[q][c.EPOCH])
    w.tasks[i][c.MEASURED] = ran * 1e-9
    leave(m, w, i, q, useful)
    result = m.result[row[SESSION]]
    result[mem.SERVED] += ran
    cold = min(row[mem.COLD_PART], ran) if useful else 0
    result[mem.COLD] += cold
    if useful:
        result[mem.STEPS] += 1
        row[mem.LEFT] -= 1
        if row[mem.LEFT] == 0:
            w.flows[p.tenants + i][c.OPEN] = 0.0    # no quantum task will come: it holds no QPU any more
        row[mem.TRIES] = 0
        row[mem.LAST_SHOT] = st[LAST]
        if COLD_QPU:
            facts = m.machines[q]
            refresh(m.caches, int(facts[mem.CACHE_AT]), int(facts[mem.CACHE]), float(row[SESSION]), st[LAST] * 1e-9)
    else:
        result[mem.LOST] += ran
        row[mem.TRIES] += 1
    add_span(m, p, q, res.COLD, row[SINCE], row[SINCE] + cold)
    add_span(m, p, q, res.EXECUTED if useful else res.LOST, row[SINCE] + cold, st[LAST])
    if st[LAST] >= p.warm:
        m.duty[q, res.RUNS] += 1
    m.duty[q, mem.RAN] = -1
    set_idle(m, w, q)
    note(m, QUANTUM_END if useful else ATTEMPT_LOST, row[SESSION], q)


def next_end(m: Any, p: Any, w: Any) -> int:
    """The first attempt to end leaves its QPU; returns its slot. Whether it failed is in the slot's TRIES."""
    q = take(m.heap, p.lanes + mem.RUNS) - p.qpu_at
    i = int(m.duty[q, mem.RAN])
    useful = True
    if ATTEMPTS_FAIL and m.machines[q, mem.FAILURE] > 0.0:
        useful = uniform(p.key, FAILURE_STREAM, draw_number(m, i)) >= m.machines[q, mem.FAILURE]
    end_run(m, p, w, i, q, useful)
    return i
