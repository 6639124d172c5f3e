"""QPUs: what runs on them, what their caches cost, their calibrations and their outages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qloop.policies import columns as c
from qloop.policies.caches import is_warm, touch
from qloop.policies.draws import uniform
from qloop.policies.ledger import dequeue, started
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform import result as res
from qloop.simulator.platform.accounts import (
    ATTEMPT_LOST,
    CALIBRATION_BEGIN,
    CALIBRATION_END,
    OUTAGE_BEGIN,
    OUTAGE_END,
    QUANTUM_END,
    QUANTUM_START,
    add_span,
    draw_number,
    note,
    note_wait,
    part_row,
)
from qloop.simulator.platform.drifting import calibrated, growth, predicted_loss
from qloop.simulator.platform.features import (
    ATTEMPTS_FAIL,
    CALIBRATES,
    COLD_QPU,
    DRIFTS,
    start,
)
from qloop.simulator.platform.lanes import choose, leave, next_idle, queue_of, replace, set_idle
from qloop.simulator.platform.memory import LAST, SESSION, SINCE
from qloop.simulator.platform.nodes import add, remove, take

FAILURE_STREAM, OUTAGE_STREAM = 40, 41
CALIBRATED, DUE = 0, 1      # order in the calendar at one time


def cold_part(m: Any, p: Any, w: Any, i: int, q: int, now: float) -> int:
    """Time that the session's shot on QPU q loses to cold caches, ns; the caches hold it from now on."""
    facts, flow, row = m.machines[q], w.flows[p.tenants + i], m.slots[i]
    lost = 0.0
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
            warm = flow[c.LAST_QPU] == q and is_warm(flow[c.LAST_END], flow[c.LAST_EPOCH], now,
                                                            w.qpus[q][c.EPOCH], facts[mem.WARM_S])
        if not warm:
            lost += facts[mem.LOAD]
    return int(np.rint(lost * 1e9))


def note_shot(m: Any, p: Any, work: Any, w: Any, i: int, q: int) -> None:
    """Account the begin of a shot: its wait, the gap since the last one, its epoch, and its loss of fidelity."""
    st, row, flow = m.state, m.slots[i], w.flows[p.tenants + i]
    result = m.result[row[SESSION]]
    waited = st[LAST] - row[SINCE]
    result[mem.WAITED] += waited
    if st[LAST] >= p.warm:
        note_wait(m, w.tasks[i][c.CLASS], waited)
    if row[mem.LAST_SHOT] >= 0:
        result[mem.GAP] += st[LAST] - row[mem.LAST_SHOT]
        if flow[c.LAST_QPU] != q or flow[c.LAST_EPOCH] != w.qpus[q][c.EPOCH]:
            result[mem.EPOCHS] += 1
    if DRIFTS:
        m.loss[row[SESSION]] += work.loads[row[SESSION], mem.ERROR] * m.machines[q, mem.QUALITY] * growth(m, p, q)


def start_on(m: Any, p: Any, work: Any, w: Any, i: int, q: int, now: float) -> None:
    """Task i begins on QPU q."""
    st, row = m.state, m.slots[i]
    remove(m.heap, queue_of(p, w.tasks[i]), i)
    dequeue(w.tasks, w.qpus, w.totals, i)
    cold = 0
    if COLD_QPU:
        cold = cold_part(m, p, w, i, q, now)
    note_shot(m, p, work, w, i, q)
    started(w.tasks, w.qpus, w.totals, i, q, now)
    start(w.tasks, w.flows, w.qpus, w.totals, i, q, now)
    length = cold + int(np.rint(work.parts[part_row(m, work, i), mem.QUANTUM_PART] / m.machines[q, mem.SPEED]))
    add(m.heap, p.lanes + mem.RUNS, p.qpu_at + q, float(st[LAST] + length), q)
    m.duty[q, mem.RAN] = i
    set_idle(m, w, q)
    row[mem.PHASE], row[SINCE], row[mem.QPU], row[mem.COLD_PART] = mem.ON_QPU, st[LAST], q, cold
    st[mem.RUNNING] += 1
    st[mem.WAITING] -= 1
    st[mem.EVENTS] += 1
    note(m, QUANTUM_START, row[SESSION], q)


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


def end_run(m: Any, p: Any, w: Any, i: int, q: int, useful: bool) -> None:
    """The attempt of slot i leaves QPU q."""
    st, row = m.state, m.slots[i]
    st[mem.RUNNING] -= 1
    ran = st[LAST] - row[SINCE]
    w.tasks[i][c.MEASURED] = ran * 1e-9
    leave(m, w, i, q, useful)
    result = m.result[row[SESSION]]
    result[mem.SERVED] += ran
    cold = min(row[mem.COLD_PART], ran) if useful else 0
    result[mem.COLD] += cold
    if useful:
        result[mem.STEPS] += 1
        row[mem.LEFT] -= 1
        row[mem.TRIES] = 0
        row[mem.LAST_SHOT] = st[LAST]
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
    if CALIBRATES:
        if m.duty[q, mem.DUE] == 0 and predicted_loss(m, q) > m.machines[q, mem.ABOVE]:
            if m.duty[q, mem.SINCE_Q] >= 0:
                remove(m.heap, p.lanes + mem.CALENDAR, p.qpu_at + len(w.qpus) + q)
            m.duty[q, mem.DUE] = 1
        begin_calibration(m, p, w, q)
    return i


def plan_calibration(m: Any, p: Any, w: Any, q: int, at: int) -> None:
    """The next window of QPU q begins at `at` ns, if that ever comes. SINCE_Q: 0 while one is in the calendar."""
    w.qpus[q][c.WINDOW_AT] = at * 1e-9 if at < mem.NEVER else c.INF
    m.duty[q, mem.SINCE_Q] = -1
    if at < p.horizon:
        m.duty[q, mem.SINCE_Q] = 0
        add(m.heap, p.lanes + mem.CALENDAR, p.qpu_at + len(w.qpus) + q, float(at), DUE * len(w.qpus) + q)


def after(now: int, seconds: float) -> int:
    """So many seconds later, ns; NEVER if they are infinite."""
    return now + int(np.rint(seconds * 1e9)) if seconds < mem.LONG_S else mem.NEVER


def begin_calibration(m: Any, p: Any, w: Any, q: int) -> None:
    """Begin the window that is due, if the QPU is free."""
    st, duty, qpu = m.state, m.duty[q], w.qpus[q]
    if duty[mem.DUE] == 0 or qpu[c.BUSY] > 0.0 or qpu[c.ONLINE] < 1.0:
        return
    length = int(np.rint(m.machines[q, mem.LENGTH] * 1e9))
    qpu[c.BUSY], qpu[c.FREE_AT] = 1.0, st[LAST] * 1e-9 + length * 1e-9
    duty[mem.DUE], duty[mem.CALIBRATING], duty[mem.SINCE_Q] = 0, 1, st[LAST]
    set_idle(m, w, q)
    add(m.heap, p.lanes + mem.CALENDAR, p.qpu_at + len(w.qpus) + q, float(st[LAST] + length),
        CALIBRATED * len(w.qpus) + q)
    st[mem.EVENTS] += 1
    note(m, CALIBRATION_BEGIN, -1, q)


def next_in_calendar(m: Any, p: Any, w: Any) -> None:
    """A calibration window is due, or over."""
    st = m.state
    q = take(m.heap, p.lanes + mem.CALENDAR) - p.qpu_at - len(w.qpus)
    duty, qpu = m.duty[q], w.qpus[q]
    if duty[mem.CALIBRATING] == 0:
        duty[mem.DUE], duty[mem.SINCE_Q] = 1, -1
        begin_calibration(m, p, w, q)
        return
    end_calibration(m, p, w, q)
    qpu[c.BUSY], qpu[c.EPOCH] = 0.0, qpu[c.EPOCH] + 1.0
    set_idle(m, w, q)
    calibrated(m, p, q)
    plan_calibration(m, p, w, q, after(st[LAST], m.machines[q, mem.EVERY]))
    note(m, CALIBRATION_END, -1, q)
    replace(m, p, w, q)


def end_calibration(m: Any, p: Any, w: Any, q: int) -> None:
    """Account a calibration that is over, or broken off."""
    st, duty = m.state, m.duty[q]
    add_span(m, p, q, res.CALIBRATED, duty[mem.SINCE_Q], st[LAST])
    duty[mem.CALIBRATING], duty[mem.SINCE_Q] = 0, -1
    if st[LAST] >= p.warm:
        duty[res.CALIBRATIONS] += 1


def draw_outage(m: Any, p: Any, w: Any, q: int, mean: float) -> None:
    """The next begin or end of an outage of QPU q, after an exponential time."""
    number = m.duty[q, mem.OUTAGE] + 1
    m.duty[q, mem.OUTAGE] = number
    u = uniform(p.key, OUTAGE_STREAM, (q << 40) | number)
    at = m.state[LAST] + int(-math.log(1.0 - u) * mean * 1e9)
    add(m.heap, p.lanes + mem.OUTAGES, p.qpu_at + 2 * len(w.qpus) + q, float(at), q)


def begin_outage(m: Any, p: Any, w: Any, q: int) -> int:
    """QPU q fails; returns the slot whose attempt is lost, -1 if nothing ran."""
    st, duty, qpu = m.state, m.duty[q], w.qpus[q]
    lost = -1
    qpu[c.ONLINE] = 0.0
    w.totals[c.N_QPUS] -= 1.0
    if duty[mem.RAN] >= 0:
        remove(m.heap, p.lanes + mem.RUNS, p.qpu_at + q)
        lost = int(duty[mem.RAN])
        end_run(m, p, w, lost, q, False)
    if CALIBRATES and duty[mem.SINCE_Q] >= 0:
        remove(m.heap, p.lanes + mem.CALENDAR, p.qpu_at + len(w.qpus) + q)
        if duty[mem.CALIBRATING] == 1:
            end_calibration(m, p, w, q)
    duty[mem.DUE], duty[mem.SINCE_Q], duty[mem.ENDS] = 0, -1, st[LAST]
    qpu[c.BUSY] = 0.0
    set_idle(m, w, q)
    draw_outage(m, p, w, q, m.machines[q, mem.MTTR])
    note(m, OUTAGE_BEGIN, -1, q)
    return lost


def end_outage(m: Any, p: Any, w: Any, q: int) -> None:
    """QPU q is back, calibrated anew."""
    st, qpu = m.state, w.qpus[q]
    qpu[c.ONLINE], qpu[c.EPOCH] = 1.0, qpu[c.EPOCH] + 1.0
    w.totals[c.N_QPUS] += 1.0
    add_span(m, p, q, res.DOWN, m.duty[q, mem.ENDS], st[LAST])
    m.duty[q, mem.ENDS] = -1
    if st[LAST] >= p.warm:
        m.duty[q, res.OUTAGES] += 1
    set_idle(m, w, q)
    calibrated(m, p, q)
    if CALIBRATES:
        plan_calibration(m, p, w, q, after(st[LAST], m.machines[q, mem.EVERY]))
    draw_outage(m, p, w, q, m.machines[q, mem.MTBF])
    note(m, OUTAGE_END, -1, q)
    replace(m, p, w, q)


def set_up_machines(m: Any, p: Any, w: Any) -> None:
    """Before the first event: all QPUs idle, the first windows and outages planned."""
    for q in range(len(w.qpus)):
        m.duty[q, mem.RAN] = m.duty[q, mem.SINCE_Q] = m.duty[q, mem.ENDS] = -1
        set_idle(m, w, q)
        if CALIBRATES:
            plan_calibration(m, p, w, q, after(0, m.machines[q, mem.FIRST_AT]))
        if m.machines[q, mem.MTBF] < mem.LONG_S:
            draw_outage(m, p, w, q, m.machines[q, mem.MTBF])


def settle_machines(m: Any, p: Any, w: Any) -> None:
    """At the end of the run: account what QPUs are doing."""
    st = m.state
    for q in range(len(w.qpus)):
        duty = m.duty[q]
        if duty[mem.RAN] >= 0:
            row = m.slots[duty[mem.RAN]]
            cold = min(row[mem.COLD_PART], st[LAST] - row[SINCE])
            add_span(m, p, q, res.COLD, row[SINCE], row[SINCE] + cold)
            add_span(m, p, q, res.EXECUTED, row[SINCE] + cold, st[LAST])
        if duty[mem.CALIBRATING] == 1:
            add_span(m, p, q, res.CALIBRATED, duty[mem.SINCE_Q], st[LAST])
        if duty[mem.ENDS] >= 0:
            add_span(m, p, q, res.DOWN, duty[mem.ENDS], st[LAST])
