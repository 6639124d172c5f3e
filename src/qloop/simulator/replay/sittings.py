"""The sessions of a trace: what each task waited for, and how and when each session ended.

What a loop submits follows from what it has seen. So a task of a loop comes a fixed time after the last end of all
tasks of its session that had ended when it was submitted; a task before which none had ended comes at a fixed time,
and so do all tasks of background sessions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.model.limits import NEVER
from qloop.simulator.replay.submissions import Submission
from qloop.trace import schema as ev
from qloop.trace.reader import Trace

Ints = NDArray[np.int64]
DROPPED = ("cancelled", "expired")


@dataclass(frozen=True)
class Sittings:
    """Arrays as in `Work`; `opened` has (ns, number of the event) by session, `open_ended` counts sessions without
    order among their tasks."""

    opened: dict[str, tuple[int, int]]
    after: Ints
    delay_ns: Ints
    cancel_ns: Ints
    ends: Ints
    queue: Ints
    first: Ints
    followers: Ints
    close_ns: Ints
    drop_ns: Ints
    ttl_ns: Ints
    life_ns: Ints
    open_ended: int


def sittings(trace: Trace, tasks: Sequence[Submission]) -> Sittings:
    """The sessions of a trace, in the order of their opening."""
    opened = [event for event in trace.events if isinstance(event, ev.SessionOpened)]
    reasons = {event.session: event for event in trace.events if isinstance(event, ev.SessionClosed)}
    made = {event.session: n for n, event in enumerate(opened)}
    members: list[list[int]] = [[] for _ in opened]
    for i, task in enumerate(tasks):
        members[made[task.session]].append(i)
    after, delay = np.zeros(len(tasks), np.int64), np.array([task.at for task in tasks], np.int64)
    cancel = np.full(len(tasks), NEVER, np.int64)
    first = np.concatenate([[0], np.cumsum([len(rows) for rows in members], dtype=np.int64)]).astype(np.int64)
    ends, queue = np.zeros(len(tasks), np.int64), np.zeros(len(tasks), np.int64)
    followers, close = np.zeros(len(opened), np.int64), np.full(len(opened), -1, np.int64)
    drop = np.full(len(opened), NEVER, np.int64)
    for s, (event, rows) in enumerate(zip(opened, members, strict=True)):
        row = slice(int(first[s]), int(first[s + 1]))
        ordered = sorted(rows, key=lambda i: (tasks[i].end, tasks[i].end_seq))
        ends[row] = ordered
        if event.session_kind == "loop":
            follow(tasks, rows, ordered, after, delay)
        later = sorted((i for i in rows if after[i] > 0), key=lambda i: (after[i], i))
        followers[s] = len(later)
        queue[row.start:row.start + len(later)] = later
        close[s], drop[s] = closing(event, reasons.get(event.session), [tasks[i] for i in ordered])
        for i in rows:
            if tasks[i].cancelled and tasks[i].end != drop[s]:
                cancel[i] = tasks[i].end
    kinds = [event.session_kind != "loop" and len(rows) > 1 for event, rows in zip(opened, members, strict=True)]
    return Sittings(
        {event.session: (event.t, event.seq) for event in opened}, after, delay, cancel, ends, queue, first, followers,
        close, drop, np.array([event.interactive_ttl_ns or NEVER for event in opened], np.int64),
        np.array([event.max_ttl_ns or NEVER for event in opened], np.int64), sum(kinds))


def follow(tasks: Sequence[Submission], rows: Sequence[int], ordered: Sequence[int], after: Ints, delay: Ints) -> None:
    """Find for each task of a session how many of its tasks had ended before, and how long after the last of them."""
    ends = [(tasks[i].end, tasks[i].end_seq) for i in ordered]
    for i in rows:
        seen = bisect_left(ends, (tasks[i].at, tasks[i].seq))
        if seen > 0:
            after[i], delay[i] = seen, tasks[i].at - ends[seen - 1][0]


def closing(opened: ev.SessionOpened, closed: ev.SessionClosed | None, ordered: Sequence[Submission],
            ) -> tuple[int, int]:
    """(time from the last task's end to the closing, or -1; when the session was dropped, or NEVER)."""
    if closed is None:
        return -1, NEVER
    unfinished = any(task.end >= closed.t and (task.cancelled or task.end == NEVER) for task in ordered)
    if closed.reason in DROPPED and unfinished:
        return -1, closed.t
    last = max((task.end for task in ordered if task.end < NEVER), default=opened.t)
    return max(0, closed.t - last), NEVER
