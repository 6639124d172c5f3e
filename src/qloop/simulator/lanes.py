"""The lanes in which tasks wait, and the choice among them: what every event loop that decides as the engine shares.

`p` holds a policy's functions, `world` the tables (tasks, flows, qpus, totals); all of it runs compiled or plain.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from qloop.policies import columns as c
from qloop.policies.bind import bind, first_to_take, may_take
from qloop.policies.draws import ENTER, uniform
from qloop.policies.ledger import dequeue, enqueue, finished, note_ready, set_key

BOUND, CLASS, KEY, SEQ, STARTED_AT = c.BOUND, c.CLASS, c.KEY, c.SEQ, c.STARTED_AT
SCAN, SCAN_LIMIT = c.SCAN, c.SCAN_LIMIT


def lane_of(p: Any, task: Any) -> int:
    """The lane in which a task waits."""
    return int(task[CLASS]) if p.shared else int(task[BOUND]) * p.classes + int(task[CLASS])


def head(p: Any, tasks: Any, lanes: Any, lane: int) -> int:
    """The first task of a lane, -1 if it is empty."""
    heap = lanes[lane]
    while len(heap) > 0:
        _, seq, i = heap[0]
        if tasks[i][SEQ] == seq and tasks[i][STARTED_AT] < 0.0 and lane_of(p, tasks[i]) == lane:
            return int(i)
        heappop(heap)
    return -1


def first_entries(p: Any, tasks: Any, lanes: Any, lane: int) -> Any:
    """The first tasks of a lane, at most SCAN_LIMIT, in order; the lane is left as it was."""
    taken = [(0.0, 0, 0) for _ in range(0)]
    found = np.empty(SCAN_LIMIT, np.int64)
    count = 0
    while count < SCAN_LIMIT:
        i = head(p, tasks, lanes, lane)
        if i < 0:
            break
        entry = heappop(lanes[lane])
        if count == 0 or found[count - 1] != i:
            found[count] = i
            count += 1
        taken.append(entry)
    for entry in taken:
        heappush(lanes[lane], entry)
    return found[:count]


def place(p: Any, world: Any, lanes: Any, homeless: Any, i: int, t: float) -> None:
    """Bind the task and put it into its lane."""
    tasks, flows, qpus, totals = world
    bound = -1
    if not p.shared:
        bound = bind(p.place, tasks, flows, qpus, totals, i, t)
        if bound < 0:
            bound = c.HOMELESS
    enqueue(tasks, qpus, totals, i, bound)
    if bound == c.HOMELESS:
        homeless[i] = 1
    else:
        heappush(lanes[lane_of(p, tasks[i])], (tasks[i][KEY], int(tasks[i][SEQ]), i))


def ready(p: Any, world: Any, lanes: Any, homeless: Any, i: int, t: float, seed: int) -> None:
    """A task becomes ready."""
    tasks, flows, qpus, totals = world
    note_ready(tasks, flows, i, t)
    u = uniform(seed, ENTER, int(tasks[i][SEQ])) if p.enter_draws else 0.0
    set_key(tasks, i, p.enter(tasks, flows, qpus, totals, i, t, u))
    place(p, world, lanes, homeless, i, t)


def leave(p: Any, world: Any, i: int, q: int, t: float, useful: bool) -> None:
    """A task leaves its QPU, or its lane (q = -1)."""
    tasks, flows, qpus, totals = world
    finished(tasks, flows, qpus, totals, i, q, t, useful)
    p.finish(tasks, flows, qpus, totals, i, q, t)


def replace(p: Any, world: Any, lanes: Any, homeless: Any, q: int, t: float) -> None:
    """Bind again what waits for QPU q and what waits for any QPU at all, in order of arrival."""
    tasks, _, qpus, totals = world
    if p.shared:
        return
    moved = [(0.0, 0) for _ in range(0)]
    for i in range(len(tasks)):
        waits = tasks[i][SEQ] >= 0.0 and tasks[i][STARTED_AT] < 0.0
        if waits and (homeless[i] == 1 or int(tasks[i][BOUND]) == q):
            heappush(moved, (tasks[i][SEQ], i))
            homeless[i] = 0
    while len(moved) > 0:
        _, i = heappop(moved)
        dequeue(tasks, qpus, totals, i)
        place(p, world, lanes, homeless, i, t)


def choose(p: Any, world: Any, lanes: Any, heads: Any, q: int, t: float, u: float, deep: bool) -> int:
    """The task that the policy starts on free QPU q, -1 for none; `deep` looks behind the heads of other QPUs."""
    tasks, flows, qpus, totals = world
    for lane in range(len(lanes)):
        heads[lane] = head(p, tasks, lanes, lane)
    while True:
        lane = p.pick(tasks, flows, qpus, totals, heads, q, t, u)
        if lane < 0:
            break
        i = heads[lane]
        if p.shared or lane // p.classes == q:
            return int(i)
        if deep:
            entries = first_entries(p, tasks, lanes, lane)
            heads[lane] = first_to_take(p.place, tasks, flows, qpus, totals, entries, q, t)
        elif not may_take(p.place, tasks, flows, qpus, totals, i, q, t, 0.0, False):
            heads[lane] = -1
        if heads[lane] == i:
            return int(i)
    if lane > SCAN:
        return -1
    entries = first_entries(p, tasks, lanes, SCAN - lane)
    k = p.scan(tasks, flows, qpus, totals, entries, q, t, u)
    return int(entries[k]) if k >= 0 else -1
