"""Chunk edges of a replay: a long task may stand aside for another one, and goes on where its shots are.

As in the engine (`engine/edges.py`): which tasks run in chunks, who takes over, and what is kept is the policy's to
say. How long a task takes is the recording's: all of it together, however it was divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.policies import columns as c
from qloop.policies.bind import may_take
from qloop.policies.chunks import drop, is_chunked, is_stale, paused
from qloop.policies.ledger import enqueue
from qloop.simulator.lanes import head, lane_of
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.memory import ask, rank
from qloop.simulator.replay.submissions import Submission
from qloop.trace import schema as ev
from qloop.trace.reader import Trace

EDGE, FINISH, PAUSED, AGAIN, WAITING, LATER = at.EDGE, at.FINISH, at.PAUSED, at.AGAIN, at.WAITING, at.LATER
WAITS, RUNS, COUNT = at.WAITS, at.RUNS, at.COUNT
CHUNK_S, KEY, MEASURED, ONLINE, SEQ = c.CHUNK_S, c.KEY, c.MEASURED, c.ONLINE, c.SEQ
LATE = 4        # an edge that comes later than this part of a chunk is another one
Ints = NDArray[np.int64]


def columns(trace: Trace, tasks: Sequence[Submission]) -> dict[str, Ints]:
    """`edge_first`, `edge_ns` and `edge_rank` of `Work`."""
    number = {task.name: i for i, task in enumerate(tasks)}
    found: list[list[tuple[int, int]]] = [[] for _ in tasks]
    for event in trace.events:
        if not isinstance(event, (ev.ChunkEnd, ev.QpuEnd)) or event.task not in number:
            continue
        if isinstance(event, ev.ChunkEnd) or event.paused or event.cut:
            found[number[event.task]].append((event.t, 2 * event.seq))
    table = np.array([row for rows in found for row in rows], np.int64).reshape(-1, 2)
    first = np.concatenate([[0], np.cumsum([len(rows) for rows in found], dtype=np.int64)]).astype(np.int64)
    return {"edge_first": first, "edge_ns": table[:, 0].copy(), "edge_rank": table[:, 1].copy()}


def run_on(p: Any, w: Any, r: Any, world: Any, i: int, q: int, now: int, begins: bool) -> None:
    """Ask for what comes next of the run of task i on QPU q: the end of a chunk, or its own."""
    tasks, _, _, totals = world
    end = r.until[q]
    if p.chunks and w.qpu_chunks[q] == 1 and (not begins or is_chunked(tasks[i], totals)):
        chunk = round(totals[CHUNK_S] * 1e9)
        due = r.since[q] + ((now - r.since[q]) // chunk + 1) * chunk
        edge = recorded_edge(w, i, due, chunk // LATE)
        if edge < end:
            ask(r, edge, EDGE, q, edge_rank(w, r, i, edge))
            return
    ask(r, end, FINISH, q, rank(w, r, len(w.session) + i, end))


def recorded_edge(w: Any, i: int, due: int, late: int) -> int:
    """When an edge of task i that was due then really was: under a real clock the end of a chunk is heard of late."""
    for k in range(w.edge_first[i], w.edge_first[i + 1]):
        if due <= w.edge_ns[k] < due + late:
            return int(w.edge_ns[k])
    return due


def edge_rank(w: Any, r: Any, i: int, when: int) -> int:
    """The place of an edge among the events of its time, as `memory.rank`."""
    for k in range(w.edge_first[i], w.edge_first[i + 1]):
        if w.edge_ns[k] == when:
            return int(w.edge_rank[k])
    return int(LATER + r.number[COUNT])


def instead(p: Any, w: Any, r: Any, world: Any, i: int, q: int, t: float) -> int:
    """The task that takes QPU q from task i, -1 if that goes on."""
    tasks, flows, qpus, totals = world
    if r.number[WAITS] == 0 or r.due[q] == 1 or r.closed[w.session[i]] == 1 or qpus[q][ONLINE] < 1.0:
        return -1
    for lane in range(len(r.lanes)):
        r.heads[lane] = head(p, tasks, r.lanes, lane)
    while True:
        lane = p.switch(tasks, flows, qpus, totals, r.heads, i, q, t)
        if lane < 0:
            return -1
        j = int(r.heads[lane])
        if p.shared or lane // p.classes == q:
            return j
        if may_take(p.place, tasks, flows, qpus, totals, j, q, t, 0.0, False):
            return j
        r.heads[lane] = -1


def stand_aside(p: Any, w: Any, r: Any, world: Any, i: int, q: int, now: int) -> None:
    """Task i waits again, in its old place in the line of QPU q, with the shots that it has."""
    tasks, flows, qpus, totals = world
    t = now * 1e-9
    tasks[i][MEASURED] = (now - r.since[q]) * 1e-9
    p.pause(tasks, flows, qpus, totals, i, q, t)
    paused(tasks, flows, qpus, totals, i, q, t)
    enqueue(tasks, qpus, totals, i, -1 if p.shared else q)
    heappush(r.lanes[lane_of(p, tasks[i])], (tasks[i][KEY], int(tasks[i][SEQ]), i))
    r.rest[i] = r.until[q] - now
    r.running[q], r.state[i] = -1, WAITING
    r.number[RUNS] -= 1
    r.number[WAITS] += 1
    r.log.append((now, PAUSED, i, q, 0))


def drop_stale(r: Any, world: Any, i: int, now: int) -> None:
    """What task i keeps is of no use if no further shots can join it: then it begins anew, wherever it may."""
    tasks, flows, qpus, _ = world
    if is_stale(tasks[i], qpus):
        drop(tasks, flows, i)
        r.rest[i] = 0
        r.log.append((now, AGAIN, i, -1, 0))
