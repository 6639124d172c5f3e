"""Calibrations and outages of QPUs, and the state of all QPUs at the begin and at the end of a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qloop.policies import columns as c
from qloop.policies.draws import uniform
from qloop.policies.recalibrate import is_due, wait_until
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform import result as res
from qloop.simulator.platform.accounts import (
    CALIBRATION_BEGIN,
    CALIBRATION_END,
    OUTAGE_BEGIN,
    OUTAGE_END,
    add_span,
    note,
)
from qloop.simulator.platform.drifting import calibrated
from qloop.simulator.platform.features import CALIBRATES, QUIET, RECALIBRATES, quiet_until
from qloop.simulator.platform.lanes import replace, set_idle
from qloop.simulator.platform.machines import end_run
from qloop.simulator.platform.memory import LAST, SINCE
from qloop.simulator.platform.nodes import add, remove, take

OUTAGE_STREAM = 41
CALIBRATED, DUE = 0, 1      # order in the calendar at one time


def calibrate_if_due(m: Any, p: Any, w: Any, q: int) -> None:
    """After a run on QPU q: a window that waited for its end begins, or one that the predicted loss calls for."""
    now = m.state[LAST] * 1e-9
    if RECALIBRATES and m.duty[q, mem.DUE] == 0 and is_due(w.qpus[q], now):
        m.duty[q, mem.DUE] = 1
        w.qpus[q][c.DUE_S], w.qpus[q][c.DUE_AT] = length_ns(m, q) * 1e-9, now
    begin_calibration(m, p, w, q)


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


def length_ns(m: Any, q: int) -> int:
    """How long a calibration of QPU q takes."""
    return int(np.rint(m.machines[q, mem.LENGTH] * 1e9))


def begin_calibration(m: Any, p: Any, w: Any, q: int) -> None:
    """Begin the window that is due, if the QPU is free and the policy does not hold it back."""
    st, duty, qpu = m.state, m.duty[q], w.qpus[q]
    if duty[mem.DUE] == 0 or qpu[c.BUSY] > 0.0 or qpu[c.ONLINE] < 1.0:
        return
    if (QUIET or RECALIBRATES) and is_held_back(m, w, q):
        return
    if duty[mem.SINCE_Q] >= 0:      # a window that was planned is none any more
        remove(m.heap, p.lanes + mem.CALENDAR, p.qpu_at + len(w.qpus) + q)
    length = length_ns(m, q)
    qpu[c.DUE_AT] = -1.0
    qpu[c.BUSY], qpu[c.FREE_AT], qpu[c.DUE_S] = 1.0, st[LAST] * 1e-9 + length * 1e-9, 0.0
    duty[mem.DUE], duty[mem.CALIBRATING], duty[mem.SINCE_Q] = 0, 1, st[LAST]
    set_idle(m, w, q)
    add(m.heap, p.lanes + mem.CALENDAR, p.qpu_at + len(w.qpus) + q, float(st[LAST] + length),
        CALIBRATED * len(w.qpus) + q)
    st[mem.EVENTS] += 1
    note(m, CALIBRATION_BEGIN, -1, q)


def begin_held_back(m: Any, p: Any, w: Any) -> None:
    """Begin the windows that waited for the policy and need not any more."""
    for q in range(len(w.qpus)):
        if m.duty[q, mem.DUE] == 1:
            begin_calibration(m, p, w, q)


def is_held_back(m: Any, w: Any, q: int) -> bool:
    """Whether no calibration is to begin on QPU q now: the policy holds it back, or it waits for a quiet moment."""
    now, until = m.state[LAST] * 1e-9, -c.INF
    if QUIET:
        until = quiet_until(w.flows, w.qpus, w.totals, q, now)
    if RECALIBRATES:
        until = max(until, wait_until(w.flows, w.qpus, w.totals, q, now))
    if until <= now:
        return False
    w.totals[c.WAKE] = min(w.totals[c.WAKE], until)
    return True


def next_in_calendar(m: Any, p: Any, w: Any) -> None:
    """A calibration window is due, or over."""
    st = m.state
    q = take(m.heap, p.lanes + mem.CALENDAR) - p.qpu_at - len(w.qpus)
    duty, qpu = m.duty[q], w.qpus[q]
    if duty[mem.CALIBRATING] == 0:
        duty[mem.DUE], duty[mem.SINCE_Q] = 1, -1
        qpu[c.DUE_S], qpu[c.DUE_AT] = length_ns(m, q) * 1e-9, -1.0
        begin_calibration(m, p, w, q)
        return
    end_calibration(m, p, w, q)
    qpu[c.BUSY], qpu[c.EPOCH] = 0.0, qpu[c.EPOCH] + 1.0
    set_idle(m, w, q)
    calibrated(m, p, w, q)
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
    at = m.state[LAST] + int(min(-math.log(1.0 - u) * mean * 1e9, mem.LATE_NS))
    add(m.heap, p.lanes + mem.OUTAGES, p.qpu_at + 2 * len(w.qpus) + q, float(at), q)


def begin_outage(m: Any, p: Any, w: Any, q: int) -> int:
    """QPU q fails; returns the slot whose attempt is lost, -1 if nothing ran."""
    st, duty, qpu = m.state, m.duty[q], w.qpus[q]
    lost = -1
    qpu[c.ONLINE], qpu[c.DUE_S], qpu[c.DUE_AT] = 0.0, 0.0, -1.0
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
    set_idle(m, w, q)
    draw_outage(m, p, w, q, m.machines[q, mem.MTTR])
    note(m, OUTAGE_BEGIN, -1, q)
    return lost


def end_outage(m: Any, p: Any, w: Any, q: int) -> None:
    """QPU q is back, calibrated anew."""
    st, qpu = m.state, w.qpus[q]
    qpu[c.ONLINE], qpu[c.EPOCH] = 1.0, qpu[c.EPOCH] + 1.0
    qpu[c.BUSY], qpu[c.FREE_AT], qpu[c.OWNER], qpu[c.OWNER_SEQ] = 0.0, 0.0, -1.0, 0.0      # as one that is new, live
    qpu[c.SERVED], qpu[c.SERVED_SEQ], qpu[c.LAST_NORMAL_AT] = -1.0, 0.0, 0.0
    qpu[c.QUEUED:c.QUEUED + c.MAX_CLASSES] = 0.0
    w.totals[c.N_QPUS] += 1.0
    add_span(m, p, q, res.DOWN, m.duty[q, mem.ENDS], st[LAST])
    m.duty[q, mem.ENDS] = -1
    if st[LAST] >= p.warm:
        m.duty[q, res.OUTAGES] += 1
    set_idle(m, w, q)
    calibrated(m, p, w, q)
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
