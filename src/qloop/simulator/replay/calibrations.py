"""The calibration windows of a replay, and what a cold start costs."""

from __future__ import annotations

from typing import Any

from qloop.model.limits import NEVER
from qloop.policies.caches import unkept_load
from qloop.policies.columns import BOUND, BUSY, CALIBRATED_AT, DUE_S, EPOCH, FREE_AT, INF, SEQ, WAKE, WINDOW_AT
from qloop.policies.ledger import dequeue
from qloop.policies.place import terms
from qloop.simulator.lanes import place
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.edges import drop_stale
from qloop.simulator.replay.memory import ask, window_rank
from qloop.simulator.replay.profiles import fill

CALIBRATED, DUE, WAITING = at.CALIBRATED, at.DUE, at.WAITING


def next_window(w: Any, q: int, now: int) -> int:
    """The first planned window of QPU q that begins at `now` or later, NEVER if there is none."""
    last = NEVER
    for begin in w.window_ns[q]:
        if begin >= NEVER:
            break
        if begin >= now:
            return int(begin)
        last = begin
    every = w.window_every_ns[q]
    if every <= 0 or last >= NEVER:
        return int(NEVER)
    return int(last + -((last - now) // every) * every)


def begin_calibration(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """Begin the window that is due, if the QPU is free and the policy does not hold it back."""
    qpus = world[2]
    if r.due[q] == 0:
        return
    length = max(1, w.window_length_ns[q])      # else the window that just ended would be the next one again
    if qpus[q][BUSY] > 0.0 or is_held_back(p, world, q, now * 1e-9):
        qpus[q][DUE_S] = length * 1e-9
        return
    qpus[q][BUSY], qpus[q][FREE_AT], qpus[q][DUE_S] = 1.0, now * 1e-9 + length * 1e-9, 0.0
    r.due[q], r.calibrating[q] = 0, 1
    ask(r, now + length, CALIBRATED, q, window_rank(w.calibrated_ns[q], w.calibrated_rank[q], r, now + length))
    r.log.append((now, DUE, -1, q, 0))


def begin_held_back(p: Any, w: Any, r: Any, world: Any, now: int) -> None:
    """Begin the windows that waited for the policy and need not any more."""
    if p.quiet:
        for q in range(len(r.due)):
            begin_calibration(p, w, r, world, q, now)


def is_held_back(p: Any, world: Any, q: int, now: float) -> bool:
    """Whether the policy lets no calibration begin on QPU q now; it is asked again when it says."""
    if not p.quiet:
        return False
    _, flows, qpus, totals = world
    until = p.quiet_until(flows, qpus, totals, q, now)
    if until <= now:
        return False
    totals[WAKE] = min(totals[WAKE], until)
    return True


def end_calibration(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """The QPU is in a new epoch, and what waits for it is placed again."""
    qpus = world[2]
    begin = next_window(w, q, now)
    r.calibrating[q] = 0
    qpus[q][BUSY], qpus[q][EPOCH], qpus[q][CALIBRATED_AT] = 0.0, qpus[q][EPOCH] + 1.0, now * 1e-9
    qpus[q][WINDOW_AT] = begin * 1e-9 if begin < NEVER else INF
    r.log.append((now, CALIBRATED, -1, q, begin))
    bind_again(p, w, r, world, q, now)
    begin_calibration(p, w, r, world, q, now)


def bind_again(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """Place again what waits for QPU q, and what waits for any at all."""
    tasks, _, qpus, totals = world
    if p.shared:
        return
    moved = [(tasks[i][SEQ], i) for i in range(len(tasks))
             if r.state[i] == WAITING and (r.homeless[i] == 1 or int(tasks[i][BOUND]) == q)]
    moved.sort()
    for _, i in moved:
        r.homeless[i] = 0
    for _, i in moved:
        dequeue(tasks, qpus, totals, i)
        drop_stale(r, world, i, now)
        fill(w, r, tasks, i)
        place(p, world, r.lanes, r.homeless, i, now * 1e-9)
        note_terms(p, r, world, i, int(tasks[i][BOUND]), now * 1e-9)


def plan_next(w: Any, r: Any, q: int, now: int) -> None:
    """Ask for the next window, once what starts at the end of this one has been asked for."""
    begin = next_window(w, q, now)
    if begin < NEVER:
        ask(r, begin, DUE, q, window_rank(w.begun_ns[q], w.begun_rank[q], r, begin))


def note_terms(p: Any, r: Any, world: Any, i: int, q: int, t: float) -> None:
    """Keep what a start of task i on QPU q costs to cold caches, as seen when it was placed there."""
    tasks, flows, qpus, totals = world
    if q >= 0:
        r.cold_s[i] = terms(tasks, flows, qpus, totals, i, q, t)[3]
        if p.stateless:
            r.cold_s[i] = unkept_load(tasks[i], qpus[q], q)
