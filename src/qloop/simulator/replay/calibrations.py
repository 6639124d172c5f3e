"""The calibration windows of a replay, and what a cold start costs."""

from __future__ import annotations

from typing import Any

from qloop.model.limits import NEVER
from qloop.policies.columns import BOUND, BUSY, EPOCH, FLOW, FREE_AT, INF, WINDOW_AT
from qloop.policies.place import warm_terms
from qloop.simulator.lanes import replace as rebind
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.memory import ask, window_rank

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


def begin_calibration(w: Any, r: Any, qpus: Any, q: int, now: int) -> None:
    """Begin the window that is due, if the QPU is free."""
    if r.due[q] == 0 or qpus[q][BUSY] > 0.0:
        return
    length = max(1, w.window_length_ns[q])      # else the window that just ended would be the next one again
    qpus[q][BUSY], qpus[q][FREE_AT] = 1.0, now * 1e-9 + length * 1e-9
    r.due[q], r.calibrating[q] = 0, 1
    ask(r, now + length, CALIBRATED, q, window_rank(w.calibrated_ns[q], w.calibrated_rank[q], r, now + length))
    r.log.append((now, DUE, -1, q, 0))


def end_calibration(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """The QPU is in a new epoch, and what waits for it is placed again."""
    qpus = world[2]
    begin = next_window(w, q, now)
    r.calibrating[q] = 0
    qpus[q][BUSY], qpus[q][EPOCH] = 0.0, qpus[q][EPOCH] + 1.0
    qpus[q][WINDOW_AT] = begin * 1e-9 if begin < NEVER else INF
    r.log.append((now, CALIBRATED, -1, q, begin))
    bind_again(p, r, world, q, now)
    begin_calibration(w, r, qpus, q, now)


def bind_again(p: Any, r: Any, world: Any, q: int, now: int) -> None:
    """Place again what waits for QPU q, and what waits for any at all."""
    tasks = world[0]
    if p.shared:
        return
    moved = [i for i in range(len(tasks))
             if r.state[i] == WAITING and (r.homeless[i] == 1 or int(tasks[i][BOUND]) == q)]
    rebind(p, world, r.lanes, r.homeless, q, now * 1e-9)
    for i in moved:
        note_terms(r, world, i, int(tasks[i][BOUND]), now * 1e-9)


def plan_next(w: Any, r: Any, q: int, now: int) -> None:
    """Ask for the next window, once what starts at the end of this one has been asked for."""
    begin = next_window(w, q, now)
    if begin < NEVER:
        ask(r, begin, DUE, q, window_rank(w.begun_ns[q], w.begun_rank[q], r, begin))


def note_terms(r: Any, world: Any, i: int, q: int, t: float) -> None:
    """Keep what a start of task i on QPU q costs to cold caches, as seen when it was placed there."""
    tasks, flows, qpus, totals = world
    if q >= 0:
        r.cold_s[i] = warm_terms(flows[int(tasks[i][FLOW])], qpus[q], totals, q, t)[0]
