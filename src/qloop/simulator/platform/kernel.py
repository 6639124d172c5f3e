"""The extended platform in virtual time: one loop over the next events, compiled for a policy and a scenario's effects.

Time is int64 nanoseconds. At one time the order is: TTLs, quantum ends, calibrations, outages, classical ends, ends of
delays, arrivals; each kind in an order of its own (by QPU, by number). After each event idle QPUs are offered what
waits, as the engine does. All functions run as plain Python, too.
"""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.accounts import account
from qloop.simulator.platform.containers import settle_containers
from qloop.simulator.platform.edges import at_edge, reach_edge
from qloop.simulator.platform.features import (
    ATTEMPTS_FAIL,
    CALIBRATES,
    CHUNKS,
    CLOSED,
    CONTAINERS_ON,
    DELAYS_ON,
    LIVES_ON,
    OUTAGES_ON,
    QUIET,
    RECALIBRATES,
    SHARED_LANES,
)
from qloop.simulator.platform.lanes import replace
from qloop.simulator.platform.machines import dispatch, next_end
from qloop.simulator.platform.memory import NEVER
from qloop.simulator.platform.nodes import NUMBER, add, take
from qloop.simulator.platform.sessions import after_quantum, after_work, arrive, classical_end, delay_end, look
from qloop.simulator.platform.upkeep import (
    begin_held_back,
    begin_outage,
    calibrate_if_due,
    end_outage,
    next_in_calendar,
    set_up_machines,
    settle_machines,
)

CLASSICAL_QUEUE = -1
ARRIVALS = -2
WAKE_UP = -3


def first_of(m: Any, queue: int, at: int) -> bool:
    """Whether the first entry of a queue comes before `at`."""
    node = m.heap.roots[queue]
    return bool(node >= 0 and m.heap.keys[node] < at)


def next_event(m: Any, p: Any, work: Any) -> tuple[int, int]:
    """The time of the next event, and the queue from which it comes (by its offset)."""
    st = m.state
    at, kind = NEVER, mem.RUNS
    if LIVES_ON and first_of(m, p.lanes + mem.LIVES, at):
        at, kind = int(m.heap.keys[m.heap.roots[p.lanes + mem.LIVES]]), mem.LIVES
    if first_of(m, p.lanes + mem.RUNS, at):
        at, kind = int(m.heap.keys[m.heap.roots[p.lanes + mem.RUNS]]), mem.RUNS
    if st[mem.WAKE_AT] < at:
        at, kind = st[mem.WAKE_AT], WAKE_UP
    if CALIBRATES and first_of(m, p.lanes + mem.CALENDAR, at):
        at, kind = int(m.heap.keys[m.heap.roots[p.lanes + mem.CALENDAR]]), mem.CALENDAR
    if OUTAGES_ON and first_of(m, p.lanes + mem.OUTAGES, at):
        at, kind = int(m.heap.keys[m.heap.roots[p.lanes + mem.OUTAGES]]), mem.OUTAGES
    if st[mem.NEXT_CLASSICAL] < at:
        at, kind = st[mem.NEXT_CLASSICAL], CLASSICAL_QUEUE
    if DELAYS_ON and first_of(m, p.lanes + mem.DELAYS, at):
        at, kind = int(m.heap.keys[m.heap.roots[p.lanes + mem.DELAYS]]), mem.DELAYS
    if CLOSED and first_of(m, p.lanes + mem.USERS, at):
        at, kind = int(m.heap.keys[m.heap.roots[p.lanes + mem.USERS]]), mem.USERS
    if not CLOSED and st[mem.NEXT] < len(work.times) and work.times[st[mem.NEXT], mem.ARRIVAL] < at:
        at, kind = work.times[st[mem.NEXT], mem.ARRIVAL], ARRIVALS
    return at, kind


def handle(m: Any, p: Any, work: Any, w: Any, kind: int) -> int:
    """Carry out the next event of this kind; returns the slot whose task ended and which is to go on, or -1.

    It goes on after idle QPUs were offered what waits, as live, where its next task is another event.
    """
    st = m.state
    if kind == mem.RUNS and CHUNKS and at_edge(m, p):
        reach_edge(m, p, work, w)
        return -1
    if kind == mem.RUNS:
        i = next_end(m, p, w)
        lost = ATTEMPTS_FAIL and m.slots[i, mem.TRIES] > 0
        if lost:
            after_quantum(m, p, work, w, i)     # ready again at once, as live
        if CALIBRATES:
            calibrate_if_due(m, p, w, int(m.slots[i, mem.QPU]))
        return -1 if lost else i
    if kind == WAKE_UP:
        st[mem.WAKE_AT] = NEVER         # idle QPUs are offered work, which is all that the policy wanted
        return -1
    if kind == CLASSICAL_QUEUE:
        return classical_end(m, p, work, w)
    if DELAYS_ON and kind == mem.DELAYS:
        delay_end(m, p, work, w)
    elif CALIBRATES and kind == mem.CALENDAR:
        next_in_calendar(m, p, w)
    elif LIVES_ON and kind == mem.LIVES:
        look_at_all(m, p, work, w)
    elif OUTAGES_ON and kind == mem.OUTAGES:
        outage(m, p, work, w)
    elif CLOSED:
        node = take(m.heap, p.lanes + mem.USERS)
        arrive(m, p, work, w, int(m.heap.nodes[node, NUMBER]))
    else:
        st[mem.NEXT] += 1
        arrive(m, p, work, w, int(st[mem.NEXT] - 1))
    return -1


def look_at_all(m: Any, p: Any, work: Any, w: Any) -> None:
    """Carry out all TTLs that are over now before idle QPUs are offered what waits, as a Tick does live."""
    look(m, p, work, w)
    while first_of(m, p.lanes + mem.LIVES, m.state[mem.LAST] + 1):
        m.state[mem.EVENTS] += 1
        look(m, p, work, w)


def outage(m: Any, p: Any, work: Any, w: Any) -> None:
    """An outage begins or ends. What the QPU ran is ready again before what waited for it is placed anew."""
    q = take(m.heap, p.lanes + mem.OUTAGES) - p.qpu_at - 2 * len(w.qpus)
    if w.qpus[q][c.ONLINE] < 1.0:
        end_outage(m, p, w, q)
        return
    lost = begin_outage(m, p, w, q)
    if lost >= 0:
        after_quantum(m, p, work, w, lost)
    replace(m, p, w, q)


def note_wish(m: Any, w: Any) -> None:
    """The policy wishes to be asked again at some time, as live: then, or as soon as time has passed."""
    wished = max(m.state[mem.LAST] + 1, int(min(w.totals[c.WAKE] * 1e9, mem.LATE_NS)))
    if m.state[mem.WAKE_AT] > m.state[mem.LAST]:        # an earlier wish for this moment is granted
        wished = min(m.state[mem.WAKE_AT], wished)
    m.state[mem.WAKE_AT] = wished
    w.totals[c.WAKE] = c.INF


def run_part(m: Any, p: Any, work: Any, w: Any, part: int) -> None:
    """Handle all events of a part of the run (0: warm-up, 1: after it), to which time is accounted."""
    st = m.state
    stop = p.warm if part == 0 else p.horizon
    while st[mem.FULL] == 0:
        now, kind = next_event(m, p, work)
        if now >= stop:
            break
        account(m, p, now, part)
        st[mem.EVENTS] += 1
        ended = handle(m, p, work, w, kind)
        while True:
            if CALIBRATES and (QUIET or RECALIBRATES):
                begin_held_back(m, p, w)
            dispatch(m, p, work, w, SHARED_LANES)
            if CALIBRATES and RECALIBRATES:
                begin_held_back(m, p, w)    # where nothing waits any more
            if ended < 0:
                break
            if kind == mem.RUNS:
                after_quantum(m, p, work, w, ended)
            else:
                after_work(m, p, work, w, ended)
            ended = -1
        if w.totals[c.WAKE] < c.INF:
            note_wish(m, w)
    account(m, p, stop, part)


def simulate(m: Any, p: Any, work: Any, w: Any) -> None:
    """Run the platform from time 0 to the horizon; all results are in `m`."""
    set_up_machines(m, p, w)
    m.state[mem.FLOW_SEQ] = p.tenants
    if CLOSED:
        for user in range(p.users):
            add(m.heap, p.lanes + mem.USERS, p.user_at + user, float(work.times[user, mem.THINK]), user)
    for part in range(2):
        run_part(m, p, work, w, part)
    settle_machines(m, p, w)
    if CONTAINERS_ON:
        settle_containers(m, p)
