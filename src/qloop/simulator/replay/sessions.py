"""The sessions of a replay: what follows when a task ends, and when a session closes or is dropped."""

from __future__ import annotations

from typing import Any

from qloop.model.limits import NEVER
from qloop.policies.chunks import over
from qloop.policies.columns import OPEN
from qloop.policies.columns import SEQ as ROW_SEQ
from qloop.policies.ledger import dequeue
from qloop.simulator.lanes import leave
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.memory import ask, rank

CLOSE, READY, REMOVED = at.CLOSE, at.READY, at.REMOVED
UNBORN, WAITING, ACTIVE, ENDED = at.UNBORN, at.WAITING, at.ACTIVE, at.ENDED
LEFT, WAITS = at.LEFT, at.WAITS


def settle(w: Any, r: Any, flows: Any, i: int, now: int) -> None:
    """A task has ended: its session goes on, or closes after its last one."""
    s = w.session[i]
    if r.state[i] in (WAITING, ACTIVE):
        r.active[s] -= 1
        if r.active[s] == 0:
            r.idle_since[s] = now
    r.state[i] = ENDED
    r.remaining[s] -= 1
    r.number[LEFT] -= 1
    begin, end = w.first[s], w.first[s + 1]
    while begin + r.prefix[s] < end and r.state[w.ends[begin + r.prefix[s]]] == ENDED:
        r.prefix[s] += 1
    while r.released[s] < w.followers[s] and w.after[w.queue[begin + r.released[s]]] <= r.prefix[s]:
        j = w.queue[begin + r.released[s]]
        r.released[s] += 1
        ask(r, now + w.delay_ns[j], READY, j, rank(w, r, j, now + w.delay_ns[j]))
    if r.remaining[s] == 0 and r.closed[s] == 0 and w.close_ns[s] >= 0:
        if w.close_ns[s] == 0:
            close(w, r, flows, s, now)
        else:
            code = 3 * len(w.session) + len(w.tenant) + s
            ask(r, now + w.close_ns[s], CLOSE, s, rank(w, r, code, now + w.close_ns[s]))


def close(w: Any, r: Any, flows: Any, s: int, now: int) -> None:
    """The session has ended."""
    if r.closed[s] == 1:
        return
    r.closed[s] = 1
    if w.close_ns[s] >= 0 or w.drop_ns[s] < NEVER:
        r.number[LEFT] -= 1
    flows[len(flows) - len(w.tenant) + s][OPEN] = 0.0
    r.log.append((now, CLOSE, s, -1, 0))


def remove(p: Any, w: Any, r: Any, world: Any, i: int, now: int) -> None:
    """A task that waits or runs is not wanted any more; one that runs stays on its QPU to its end."""
    tasks, flows, qpus, totals = world
    if r.state[i] == ENDED or r.state[i] == UNBORN:
        return
    r.cancelled[i] = 1
    if r.state[i] == ACTIVE:
        r.number[LEFT] += awaited(w, i)
    if r.state[i] == WAITING:
        r.homeless[i] = 0
        r.number[WAITS] -= 1
        dequeue(tasks, qpus, totals, i)
        leave(p, world, i, -1, now * 1e-9, False)
        over(tasks, flows, i, False)
        r.rest[i] = 0
        tasks[i][ROW_SEQ] = -1.0
    r.log.append((now, REMOVED, i, -1, 0))
    settle(w, r, flows, i, now)


def awaited(w: Any, i: int) -> int:
    """1 if the end of the run of task i, which nobody wants, was recorded: so long the replay goes on; else 0."""
    return 1 if w.order_ns[len(w.session) + i] >= 0 else 0


def drop(p: Any, w: Any, r: Any, world: Any, s: int, now: int, expired: bool) -> None:
    """A session ends with all its tasks; if it expired, what runs may finish."""
    if r.closed[s] == 1:
        return
    flows = world[1]
    for k in range(w.first[s], w.first[s + 1]):
        i = w.ends[k]
        if r.state[i] == UNBORN:
            r.state[i] = ENDED
            r.remaining[s] -= 1
            r.number[LEFT] -= 1
        elif not (expired and r.state[i] == ACTIVE):
            remove(p, w, r, world, i, now)
    close(w, r, flows, s, now)
