"""The replay's loop: the sessions of a recording meet QPUs and a policy again, decided as the engine decides.

Events at one time happen in their recorded order if they were recorded at that time, then in the order in which they
were asked for, so that a run that was recorded in virtual time is repeated exactly. The loop runs as plain Python, or
compiled.
"""

from __future__ import annotations

from heapq import heappop
from typing import Any

from qloop.model.limits import NEVER
from qloop.policies import columns as c
from qloop.policies.chunks import over
from qloop.policies.draws import PICK, uniform
from qloop.policies.efaas import is_hot
from qloop.policies.ledger import dequeue, lapse, started
from qloop.simulator.lanes import choose, leave
from qloop.simulator.lanes import ready as enter
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.calibrations import (
    begin_calibration,
    begin_held_back,
    end_calibration,
    note_terms,
    plan_next,
)
from qloop.simulator.replay.edges import instead, run_on, stand_aside
from qloop.simulator.replay.memory import ask, rank
from qloop.simulator.replay.pauses import plan_pauses, put_back, take_out
from qloop.simulator.replay.profiles import fill, plan_profiles, take
from qloop.simulator.replay.sessions import awaited, close, drop, remove, settle
from qloop.simulator.replay.timers import look_again, tick, wake

FINISH, CALIBRATED, DUE, CANCEL, READY, START = at.FINISH, at.CALIBRATED, at.DUE, at.CANCEL, at.READY, at.START
OPENS, CLOSE, DROP, REMOVED = at.OPENS, at.CLOSE, at.DROP, at.REMOVED
OUT, BACK, TOLD, EDGE, CUT = at.OUT, at.BACK, at.TOLD, at.EDGE, at.CUT
UNBORN, WAITING, ACTIVE, ENDED = at.UNBORN, at.WAITING, at.ACTIVE, at.ENDED
SEQ, WAITS, DECISIONS, LEFT = at.SEQ, at.WAITS, at.DECISIONS, at.LEFT
FLOW_SEQ, STALE, RUNS, COMING, LAST = at.FLOW_SEQ, at.STALE, at.RUNS, at.COMING, at.LAST
BOUND, BUSY, EPOCH, ESTIMATE, FLOW, MEASURED = c.BOUND, c.BUSY, c.EPOCH, c.ESTIMATE, c.FLOW, c.MEASURED
ONLINE, ROW_SEQ, STARTED_AT = c.ONLINE, c.SEQ, c.STARTED_AT
PATIENCE = 1000     # events of QPUs and timers alone after which nothing more is expected to happen


def arrive(p: Any, w: Any, r: Any, world: Any, i: int, now: int, seed: int) -> None:
    """A task is submitted, unless it was dropped before."""
    tasks, flows, _, totals = world
    s, t = w.session[i], now * 1e-9
    if r.state[i] != UNBORN:
        return
    if r.cancelled[i] == 1:
        r.log.append((now, REMOVED, i, -1, 0))
        settle(w, r, flows, i, now)
        return
    row = int(tasks[i][FLOW])
    if r.lapsed[s] == 1:
        r.lapsed[s] = 0
        look_again(w, r, s, now + w.ttl_ns[s])
        r.number[FLOW_SEQ] += 1
        lapse(flows, row, float(r.number[FLOW_SEQ]))
    r.number[SEQ] += 1
    r.number[WAITS] += 1
    r.active[s] += 1
    r.state[i] = WAITING
    tasks[i][ROW_SEQ], tasks[i][STARTED_AT], tasks[i][MEASURED] = float(r.number[SEQ]), -1.0, -1.0
    tasks[i][ESTIMATE] = w.estimate_s[i]
    fill(w, r, tasks, i)
    hot = 1 if is_hot(flows[row], totals, t) else 0
    enter(p, world, r.lanes, r.homeless, i, t, seed)
    bound = int(tasks[i][BOUND])
    note_terms(p, r, world, i, bound, t)
    r.log.append((now, READY, i, bound, hot + 2 * cold_ns(w, r, i, bound) if bound >= 0 else hot))


def finish(p: Any, w: Any, r: Any, world: Any, q: int, now: int, kind: int) -> None:
    """A task leaves QPU q: its run is over (`kind` FINISH), or was not wanted any more at the end of a chunk (CUT)."""
    tasks, flows, qpus, _ = world
    i = r.running[q]
    r.running[q] = -1
    r.number[RUNS] -= 1
    wanted = r.cancelled[i] == 0
    useful = wanted and w.useful[i] == 1
    if not wanted:
        r.number[LEFT] -= awaited(w, i)
    tasks[i][MEASURED] = (now - r.since[q]) * 1e-9
    leave(p, world, i, q, now * 1e-9, useful)
    over(tasks, flows, i, useful)
    r.log.append((now, kind, i, q, int(qpus[q][EPOCH])))
    begin_calibration(p, w, r, world, q, now)
    if wanted:
        settle(w, r, flows, i, now)


def reach_edge(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """A run has come to the end of a chunk: it goes on, stands aside for another, or ends if nobody wants it."""
    i = r.running[q]
    if r.cancelled[i] == 1:
        finish(p, w, r, world, q, now, CUT)
        return
    j = instead(p, w, r, world, i, q, now * 1e-9)
    if j < 0:
        if r.number[LAST] == now or (len(r.events) > 0 and r.events[0][0] == now):
            r.log.append((now, EDGE, i, q, 0))      # told for its place in the order
        run_on(p, w, r, world, i, q, now, False)
        return
    stand_aside(p, w, r, world, i, q, now)
    start(p, w, r, world, j, q, now)


def cold_ns(w: Any, r: Any, i: int, q: int) -> int:
    """The set-up that the task pays for on QPU q; what takes no time has none."""
    return int(r.cold_s[i] * 1e9) if w.service_ns[i][q] > 0 else 0


def dispatch(p: Any, w: Any, r: Any, world: Any, now: int, seed: int) -> None:
    """Give every free QPU a task, as the engine does, until the policy starts nothing more."""
    qpus = world[2]
    t, progress, deep = now * 1e-9, True, False
    while progress and r.number[WAITS] > 0:
        some, idle = False, False
        for q in range(len(qpus)):
            if r.number[WAITS] == 0 or qpus[q][BUSY] > 0.0 or qpus[q][ONLINE] < 1.0:
                continue
            r.number[DECISIONS] += 1
            u = uniform(seed, PICK, int(r.number[DECISIONS])) if p.pick_draws else 0.0
            i = choose(p, world, r.lanes, r.heads, q, t, u, deep)
            if i < 0:
                idle = True
                continue
            start(p, w, r, world, i, q, now)
            some = True
        progress = some or (idle and not deep and not p.shared)
        deep = not some


def start(p: Any, w: Any, r: Any, world: Any, i: int, q: int, now: int) -> None:
    """Task i begins on QPU q."""
    tasks, flows, qpus, totals = world
    t = now * 1e-9
    if int(tasks[i][BOUND]) != q or not p.stateless:     # what is loaded may have changed while it waited
        note_terms(p, r, world, i, q, t)
    dequeue(tasks, qpus, totals, i)
    started(tasks, qpus, totals, i, q, t)
    p.start(tasks, flows, qpus, totals, i, q, t)
    r.number[WAITS] -= 1
    r.number[RUNS] += 1
    r.running[q], r.state[i] = i, ACTIVE
    cold, length = -1, r.rest[i]        # what is continued is set up
    if length == 0:
        cold = cold_ns(w, r, i, q)
        length = w.service_ns[i][q] + cold
    r.since[q], r.until[q], r.rest[i] = now, now + length, 0
    run_on(p, w, r, world, i, q, now, True)
    r.log.append((now, START, i, q, cold))


def happen(p: Any, w: Any, r: Any, world: Any, kind: int, e: int, now: int, seed: int) -> None:
    """One event changes the records."""
    flows = world[1]
    if kind == FINISH:
        finish(p, w, r, world, e, now, FINISH)
    elif kind == EDGE:
        reach_edge(p, w, r, world, e, now)
    elif kind == READY:
        arrive(p, w, r, world, e, now, seed)
    elif kind == CALIBRATED:
        end_calibration(p, w, r, world, e, now)
    elif kind == DUE:
        r.due[e] = 1 - r.gone[e]
        begin_calibration(p, w, r, world, e, now)
    elif kind == CANCEL:
        if r.state[e] == UNBORN:
            r.cancelled[e] = 1
        remove(p, w, r, world, e, now)
    elif kind == OPENS:
        r.idle_since[e] = now
        look_again(w, r, e, now + w.ttl_ns[e])
    elif kind == CLOSE:
        close(w, r, flows, e, now)
    elif kind == DROP:
        drop(p, w, r, world, e, now, False)
    elif kind == OUT:
        take_out(p, w, r, world, e, now)
    elif kind == BACK:
        put_back(p, w, r, world, e, now)
    elif kind == TOLD:
        take(w, r, e)


def begin(w: Any, r: Any, qpus: Any) -> None:
    """Ask for everything that comes at a fixed time."""
    n, sessions = len(w.session), len(w.opened_ns)
    plan_pauses(w, r)
    plan_profiles(w, r, qpus)
    for q in range(len(w.qpu_width)):
        if w.window_ns[q][0] < NEVER:
            plan_next(w, r, q, 0)
    for i in range(n):
        if w.after[i] == 0:
            ask(r, w.delay_ns[i], READY, i, rank(w, r, i, w.delay_ns[i]))
        if w.cancel_ns[i] < NEVER:
            ask(r, w.cancel_ns[i], CANCEL, i, rank(w, r, 2 * n + i, w.cancel_ns[i]))
    for s in range(sessions):
        size = w.first[s + 1] - w.first[s]
        r.remaining[s] = size
        r.number[LEFT] += size
        ask(r, w.opened_ns[s], OPENS, s, rank(w, r, 3 * n + s, w.opened_ns[s]))
        if w.close_ns[s] >= 0 or w.drop_ns[s] < NEVER:
            r.number[LEFT] += 1
        if w.drop_ns[s] < NEVER:
            ask(r, w.drop_ns[s], DROP, s, rank(w, r, 3 * n + 2 * sessions + s, w.drop_ns[s]))
        elif size == 0 and w.close_ns[s] >= 0:
            end = w.opened_ns[s] + w.close_ns[s]
            ask(r, end, CLOSE, s, rank(w, r, 3 * n + sessions + s, end))


def simulate(p: Any, w: Any, world: Any, seed: int, remember: Any) -> Any:
    """Run to the end; returns the log of (time ns, kind, task or session, QPU, further number)."""
    totals, m = world[3], len(w.qpu_width)
    r = remember(len(w.session), len(w.opened_ns), m, p.classes if p.shared else p.classes * m,
                 len(w.structure) and max(w.structure) + 1)
    r.number[FLOW_SEQ] = len(world[1])
    begin(w, r, world[2])
    while r.number[LEFT] > 0 and len(r.events) > 0 and r.number[STALE] < PATIENCE:
        now, _, kind, e = heappop(r.events)
        if kind in (FINISH, READY, CANCEL, OPENS, CLOSE, DROP, OUT, BACK):
            r.number[COMING] -= 1
        r.number[STALE] = r.number[STALE] + 1 if r.number[COMING] == 0 and r.number[RUNS] == 0 else 0
        tick(p, w, r, world, now)
        happen(p, w, r, world, kind, e, now, seed)
        begin_held_back(p, w, r, world, now)
        if r.number[WAITS] > 0:
            dispatch(p, w, r, world, now, seed)
        if kind == CALIBRATED:
            plan_next(w, r, e, now)
        wake(r, totals, now)
        r.number[LAST] = now
    return r.log
