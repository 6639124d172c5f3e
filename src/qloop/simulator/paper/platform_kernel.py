"""The platform of the paper in virtual time: pre -> (classical -> quantum) x n -> post, on C workers and Q QPUs.

Time is int64 nanoseconds. At one time quantum ends come first (by QPU), then classical ends (by attained service, then
in order of arrival), then arrivals; after each the idle QPUs are offered what waits. All functions run as plain Python,
too; `compiled.py` compiles them for a policy.
"""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies.lifetimes import is_refused
from qloop.simulator.paper.dispatch import (
    ARRIVAL,
    CLASSICAL_END,
    END,
    REFUSAL,
    dispatch,
    end_quantum,
    make_ready,
    note,
    release,
)
from qloop.simulator.paper.memory import (
    ACTIVE,
    AREA,
    AREAS,
    BUSY_AREA,
    CLASSICAL,
    CLASSICAL_AREA,
    COST,
    DONE,
    EVENTS,
    FREE,
    FULL,
    LAST,
    LEFT,
    NEVER,
    NEXT,
    NEXT_CLASSICAL,
    PHASE,
    POST,
    PRE,
    REFUSED,
    ROOM,
    RUNNING,
    RUNNING_AREA,
    SESSION,
    STACK,
    WAITING,
    WAITING_AREA,
    WIDEST,
)
from qloop.simulator.paper.sharing import end_classical, join_classical


def account(m: Any, p: Any, now: int, part: int) -> None:
    """Add what was active since the last event to the integrals over time."""
    st = m.state
    dt, classical, area = now - st[LAST], st[CLASSICAL], AREA + part * AREAS
    st[area + CLASSICAL_AREA] += dt * classical
    st[area + WAITING_AREA] += dt * st[WAITING]
    st[area + RUNNING_AREA] += dt * st[RUNNING]
    st[area + BUSY_AREA] += dt * min(classical, int(p.workers))
    st[LAST] = now


def open_session(m: Any, p: Any, work: Any, w: Any, session: int) -> None:
    """Give an admitted session its slot and its first classical task."""
    st = m.state
    st[ROOM] -= 1
    st[ACTIVE] += 1
    st[WIDEST] = max(st[WIDEST], st[ACTIVE])
    i = m.slots[st[ROOM], STACK]
    row, task, flow = m.slots[i], w.tasks[i], w.flows[i + 1]
    row[SESSION], row[LEFT], row[PHASE] = session, work.times[session, 2], PRE
    task[c.ESTIMATE] = work.times[session, 1] * 1e-9
    task[c.WEIGHT], task[c.WIDTH] = work.loads[session, 3], work.loads[session, 4]
    flow[:] = 0.0
    flow[c.SEQ], flow[c.OPEN], flow[c.WEIGHT] = session + 2.0, 1.0, 1.0
    flow[c.LAST_END] = flow[c.LAST_QPU] = flow[c.LAST_EPOCH] = flow[c.HELD] = flow[c.ORDER] = -1.0
    flow[c.ACTIVE_SINCE] = -1.0
    join_classical(m, p, i, work.loads[session, 0])


def arrive(m: Any, p: Any, work: Any, w: Any) -> None:
    """The next session arrives."""
    st = m.state
    session = st[NEXT]
    st[NEXT] = session + 1
    if is_refused(st[CLASSICAL], st[WAITING], st[RUNNING], p.max_classical, p.max_quantum, p.paper_admission):
        m.result[session, DONE] = REFUSED
        note(m, REFUSAL, session, -1)
    elif st[ROOM] == 0:
        st[FULL] = 1
    else:
        note(m, ARRIVAL, session, -1)
        open_session(m, p, work, w, session)


def after_quantum(m: Any, p: Any, work: Any, w: Any) -> None:
    """A quantum task ends: the session goes on, and what waits may start."""
    i, q = end_quantum(m, p, work, w)
    session = m.slots[i, SESSION]
    phase = COST if m.slots[i, LEFT] > 0 else POST
    if phase == POST:
        w.flows[i + 1][c.OPEN] = 0.0    # no quantum task will come: it holds no QPU any more
    m.slots[i, PHASE] = phase
    join_classical(m, p, i, work.loads[session, phase])
    release(m, p, work, w, q)


def after_classical(m: Any, p: Any, work: Any, w: Any) -> None:
    """A classical task ends: the session goes on to its next task, or is done."""
    st = m.state
    i = end_classical(m, p)
    session, phase = m.slots[i, SESSION], m.slots[i, PHASE]
    note(m, CLASSICAL_END, session, -1)
    if phase == COST:
        make_ready(m, p, w, i)
        if st[FREE] > 0:
            dispatch(m, p, work, w)
    elif phase == PRE:
        phase = COST if m.slots[i, LEFT] > 0 else POST
        m.slots[i, PHASE] = phase
        join_classical(m, p, i, work.loads[session, phase])
    else:
        m.result[session, DONE] = st[LAST]
        m.slots[st[ROOM], STACK] = i
        st[ROOM] += 1
        st[ACTIVE] -= 1
        note(m, END, session, -1)


def run_until(m: Any, p: Any, work: Any, w: Any, stop: int, part: int) -> None:
    """Handle all events before `stop`; time is accounted to this part of the run (0: warm-up, 1: after it)."""
    st = m.state
    arrivals = len(work.times)
    while st[FULL] == 0:
        quantum = int(m.keys[p.ends_at]) if st[RUNNING] > 0 else NEVER
        classical = st[NEXT_CLASSICAL]
        arrival = work.times[st[NEXT], 0] if st[NEXT] < arrivals else NEVER
        now = min(quantum, classical, arrival)
        if now >= stop:
            break
        account(m, p, now, part)
        st[EVENTS] += 1
        if quantum == now:
            after_quantum(m, p, work, w)
        elif classical == now:
            after_classical(m, p, work, w)
        else:
            arrive(m, p, work, w)
    account(m, p, stop, part)


def simulate(m: Any, p: Any, work: Any, w: Any, warm: int, horizon: int) -> None:
    """Run the platform from time 0 to the horizon; all results are in `m`."""
    run_until(m, p, work, w, warm, 0)
    run_until(m, p, work, w, horizon, 1)
