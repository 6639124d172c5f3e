"""Accounts of time: integrals over what is active, spans of QPUs and containers, and the log."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qloop.policies import columns as c
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.result import (
    AREAS,
    BUSY_WORKERS,
    CLASSICAL,
    CONTAINERS,
    DELAYED,
    RUNNING,
    WAITING,
)

# kinds of lines in the log
(QUANTUM_END, CLASSICAL_END, ARRIVAL, QUANTUM_START, REFUSAL, END, READY, DELAY_END, FAILURE, EXPIRY, LAPSE,
 CALIBRATION_BEGIN, CALIBRATION_END, OUTAGE_BEGIN, OUTAGE_END, ATTEMPT_LOST, QUANTUM_PAUSE) = range(17)
N_AREAS = len(AREAS)
LAST, AREA = mem.LAST, mem.AREA


def note(m: Any, kind: int, session: int, qpu: int) -> None:
    """Write one line of the log, if one is kept."""
    line = m.state[mem.LOGGED]
    if line < len(m.log):
        m.log[line, 0], m.log[line, 1], m.log[line, 2], m.log[line, 3] = m.state[LAST], kind, session, qpu
        m.state[mem.LOGGED] = line + 1


def account(m: Any, p: Any, now: int, part: int) -> None:
    """Add what was active since the last event to the integrals over time."""
    st = m.state
    dt, classical, area = now - st[LAST], st[mem.CLASSICAL], AREA + part * N_AREAS
    busy, long, again = min(classical, p.workers), float(dt), mem.REAL_AREA + part * N_AREAS
    st[area + CLASSICAL] += dt * classical
    st[area + WAITING] += dt * st[mem.WAITING]
    st[area + RUNNING] += dt * st[mem.RUNNING]
    st[area + DELAYED] += dt * st[mem.DELAYED]
    st[area + BUSY_WORKERS] += dt * busy
    m.real[again + CLASSICAL] += long * classical
    m.real[again + WAITING] += long * st[mem.WAITING]
    m.real[again + RUNNING] += long * st[mem.RUNNING]
    m.real[again + DELAYED] += long * st[mem.DELAYED]
    m.real[again + BUSY_WORKERS] += long * busy
    st[LAST] = now


def add_container(m: Any, p: Any, since: int, until: int) -> None:
    """Account a container that was there from `since` to `until`."""
    until = min(until, p.horizon)
    before = max(0, min(until, p.warm) - since)
    m.state[AREA + CONTAINERS] += before
    m.state[AREA + N_AREAS + CONTAINERS] += until - since - before
    m.real[mem.REAL_AREA + CONTAINERS] += before
    m.real[mem.REAL_AREA + N_AREAS + CONTAINERS] += until - since - before


def add_span(m: Any, p: Any, q: int, column: int, since: int, until: int) -> None:
    """Account what a QPU did from `since` to `until`, as far as it was after the warm-up."""
    since, until = max(since, p.warm), min(until, p.horizon)
    if until > since:
        m.duty[q, column] += until - since


def note_wait(m: Any, class_: float, wait_ns: int) -> None:
    """Count a wait for a QPU in its bin: 8 an octave above a millisecond."""
    place = 0
    if wait_ns > 1_000_000:
        place = min(mem.WAIT_BINS - 1, 1 + int(8.0 * math.log2(wait_ns * 1e-6)))
    m.waits[1 if class_ > 0.0 else 0, place] += 1


def draw_number(m: Any, i: int) -> int:
    """The counter of the next draw of the session in slot i: no two draws of a run share one."""
    row = m.slots[i]
    row[mem.DRAWN] += 1
    return int((row[mem.SESSION] << 26) | (row[mem.DRAWN] & 0x3FFFFFF))


def part_row(m: Any, work: Any, i: int) -> int:
    """The row of `work.parts` with the present iteration of the session in slot i."""
    session = m.slots[i, mem.SESSION]
    done = work.times[session, mem.ITERATIONS] - m.slots[i, mem.LEFT]
    return int(work.times[session, mem.FIRST] + work.times[session, mem.STRIDE] * done)


def whole(length: float) -> int:
    """A length in whole ns; what is longer than any run is cut."""
    return int(np.rint(min(length, mem.LATE_NS)))


def is_idle(qpu: Any) -> bool:
    """Whether a QPU could start something now."""
    return bool(qpu[c.BUSY] == 0.0 and qpu[c.ONLINE] > 0.0)
