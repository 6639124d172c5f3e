"""What the replay's loop remembers: where each task, session and QPU stands, and what is still to come."""

from __future__ import annotations

from heapq import heappush
from typing import Any, NamedTuple

import numpy as np

from qloop.model.limits import NEVER
from qloop.policies.fits import FIT

# kinds of events, and further ones of the log
FINISH, CALIBRATED, DUE, CANCEL, READY, START, OPENS, CLOSE, DROP, WAKES, REMOVED, OUT, BACK, TOLD = range(14)
EDGE, PAUSED, AGAIN, CUT = range(14, 18)      # chunks: an edge; of the log: aside, dropped, ended at an edge
LATER = 2**40       # ranks from here on are of events that were not recorded at their time
UNBORN, WAITING, ACTIVE, ENDED = 0, 1, 2, 3                  # states of a task
SEQ, COUNT, WAITS, DECISIONS, LEFT, FLOW_SEQ, WAKE_AT, STALE, RUNS, COMING, WISH_AT, LAST = range(12)   # of `number`


class Memory(NamedTuple):
    """Arrays over tasks, sessions and QPUs, and one of numbers; `events` is a heap of (ns, rank, kind, entity).

    `log` holds (ns, kind, task or session, QPU, further ns).
    """

    state: Any
    cancelled: Any
    cold_s: Any
    homeless: Any
    prefix: Any
    released: Any
    active: Any
    remaining: Any
    closed: Any
    idle_since: Any
    lapsed: Any
    look_at: Any
    due: Any
    calibrating: Any
    gone: Any
    running: Any
    number: Any
    heads: Any
    events: Any
    log: Any
    lanes: Any
    profiles: Any       # of each structure on each QPU, as it was told last (policies/fits.py)
    since: Any          # of each QPU's run: when it began, ns
    until: Any          # and when it will be over
    rest: Any           # of each task that stands aside: how long it still takes, ns; 0: it does not
    timers: Any         # heap of (ns, session): when TTLs may be over


def remember(n: int, sessions: int, m: int, lanes: int, structures: int) -> Memory:
    """Nothing has happened yet: arrays, for the compiled loop."""
    number = np.zeros(12, np.int64)
    number[LAST] = -1
    number[WAKE_AT] = number[WISH_AT] = NEVER
    zeros = np.zeros
    return Memory(
        zeros(n, np.int64), zeros(n, np.int64), zeros(n, np.float64), zeros(n, np.int64),
        zeros(sessions, np.int64), zeros(sessions, np.int64), zeros(sessions, np.int64), zeros(sessions, np.int64),
        zeros(sessions, np.int64), zeros(sessions, np.int64), zeros(sessions, np.int64), zeros(sessions, np.int64),
        zeros(m, np.int64), zeros(m, np.int64), zeros(m, np.int64), np.full(m, -1, np.int64), number,
        np.full(lanes, -1, np.int64),
        [(0, 0, 0, 0) for _ in range(0)], [(0, 0, 0, 0, 0) for _ in range(0)],
        [[(0.0, 0, 0) for _ in range(0)] for _ in range(lanes)], zeros((structures, m, FIT), np.float64),
        zeros(m, np.int64), zeros(m, np.int64), zeros(n, np.int64), [(0, 0) for _ in range(0)])


def remember_plainly(n: int, sessions: int, m: int, lanes: int, structures: int) -> Memory:
    """The same as lists, which plain Python reads faster."""
    made = remember(n, sessions, m, lanes, structures)
    return Memory(*(part.tolist() if isinstance(part, np.ndarray) else part for part in made))


def ask(r: Any, when: int, kind: int, entity: int, rank: int) -> None:
    """Let something happen at a time; of what happens at one time, the lowest rank comes first."""
    r.number[COUNT] += 1
    if kind in (FINISH, READY, CANCEL, OPENS, CLOSE, DROP, OUT, BACK):
        r.number[COMING] += 1
    heappush(r.events, (int(when), int(rank), kind, entity))


def rank(w: Any, r: Any, code: int, when: int) -> int:
    """The place of an event among those of its time: as recorded if it was recorded at this time, else as asked for.

    `code` is of `Work.order_ns`.
    """
    if w.order_ns[code] == when:
        return int(w.order_rank[code])
    return int(LATER + r.number[COUNT])


def window_rank(times: Any, ranks: Any, r: Any, when: int) -> int:
    """The same of a window's begin or end."""
    for k in range(len(times)):
        if times[k] == when:
            return int(ranks[k])
    return int(LATER + r.number[COUNT])
