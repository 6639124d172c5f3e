"""In which order the simultaneous events of a recording came: their ranks, which a replay keeps.

The number of an event in its trace is its rank, doubled to leave room: a window that was due when a task ended began
after that, but was asked for before what the QPU could have started next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.replay.devices import padded
from qloop.simulator.replay.sittings import Sittings
from qloop.simulator.replay.submissions import Submission
from qloop.trace import schema as ev
from qloop.trace.reader import Trace

Ints = NDArray[np.int64]


def order(trace: Trace, tasks: Sequence[Submission], sat: Sittings) -> dict[str, Ints]:
    """`order_ns` and `order_rank` of `Work`."""
    left = {event.task: (event.t, event.seq) for event in trace.events
            if isinstance(event, ev.QpuEnd) and not event.paused}
    closed = {event.session: (event.t, event.seq) for event in trace.events if isinstance(event, ev.SessionClosed)}
    never = (-1, 0)
    pairs = [(task.at, task.seq) for task in tasks]
    pairs += [left.get(task.name, never) for task in tasks]
    pairs += [(task.end, task.end_seq) for task in tasks]
    pairs += [*sat.opened.values(), *(closed.get(name, never) for name in sat.opened)]
    pairs += [closed.get(name, never) for name in sat.opened]
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return {"order_ns": table[:, 0].copy(), "order_rank": 2 * table[:, 1]}


def windows(trace: Trace, names: Sequence[str]) -> dict[str, Ints]:
    """`begun_ns`, `begun_rank`, `calibrated_ns` and `calibrated_rank` of `Work`."""
    begun: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    ended: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    freed: dict[str, tuple[int, int]] = {}
    closed = (-1, 0)
    for event in trace.events:
        if isinstance(event, (ev.CalibrationBegin, ev.CalibrationEnd)) and event.qpu not in begun:
            continue        # a QPU that the replay does not have
        if isinstance(event, (ev.QpuEnd, ev.CalibrationEnd)):
            freed[event.qpu] = event.t, event.seq
        if isinstance(event, ev.SessionClosed):
            closed = event.t, event.seq
        if isinstance(event, ev.CalibrationEnd):
            ended[event.qpu].append((event.t, 2 * event.seq))
        if isinstance(event, ev.CalibrationBegin):
            # one that the policy held back for a session begins when that is over, and may have been due just then
            at, seq = closed if closed == (event.t, event.seq - 1) else freed.get(event.qpu, (-1, 0))
            begun[event.qpu].append((event.t, 2 * (seq if at == event.t else event.seq) - 1))
    found = {"begun_ns": [[t for t, _ in begun[name]] for name in names],
             "begun_rank": [[rank for _, rank in begun[name]] for name in names],
             "calibrated_ns": [[t for t, _ in ended[name]] for name in names],
             "calibrated_rank": [[rank for _, rank in ended[name]] for name in names]}
    return {key: padded(rows) for key, rows in found.items()}
