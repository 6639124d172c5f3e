"""Calibrations on the critical path of quantum tasks: how long, and whether another QPU could have taken the task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.evaluation.shots import Shots
from qloop.simulator.platform.result import Replication

NS = 1e9
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def paid(table: Shots, one: Replication, windows: Mapping[int, Ints], move_s: float) -> tuple[Floats, Floats]:
    """For each quantum task: seconds of its wait in which its QPU was calibrated; 1 if that was avoidable, else 0.

    Avoidable: meanwhile another QPU idled for longer than `move_s`, what moving there costs.
    """
    seconds, avoidable = np.zeros(len(table.begin)), np.zeros(len(table.begin))
    busy = {q: _busy(table, windows, q) for q in range(len(one.qpus))}
    for q, spans in windows.items():
        mine = np.flatnonzero(table.qpu == q)
        lost = _covered(spans, table.begin[mine]) - _covered(spans, table.ready[mine])
        seconds[mine] = lost / NS
        late = mine[lost > 0]
        since, until = _meanwhile(spans, table.ready[late], table.begin[late])
        for other, taken in busy.items():
            if other != q:
                idle = (until - since) - (_covered(taken, until) - _covered(taken, since))
                avoidable[late[idle > move_s * NS]] = 1.0
    return seconds, avoidable


def _meanwhile(spans: Ints, ready: Ints, begin: Ints) -> tuple[Ints, Ints]:
    """From when to when each task waited for calibrations: the first and the last moment of them in its wait."""
    first = np.searchsorted(spans[:, 1], ready, side="right")
    last = np.searchsorted(spans[:, 0], begin, side="left") - 1
    return np.maximum(ready, spans[first, 0]), np.minimum(begin, spans[last, 1])


def _busy(table: Shots, windows: Mapping[int, Ints], q: int) -> Ints:
    """The spans in which a QPU worked or was calibrated, in order of time."""
    spells = table.spells
    mine = spells.qpu == q
    runs = np.stack([spells.begin[mine], spells.end[mine]], axis=1)
    every = np.concatenate([runs, windows[q]]) if q in windows else runs
    return every[np.argsort(every[:, 0], kind="stable")]


def _covered(spans: Ints, at: Ints) -> Ints:
    """How much of the time before each moment lies in spans that are in order and do not overlap."""
    if not len(spans):
        return np.zeros(len(at), np.int64)
    before = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])
    place = np.searchsorted(spans[:, 0], at, side="right")
    last = np.maximum(place - 1, 0)
    open_part = np.clip(spans[last, 1] - at, 0, None)
    return np.where(place > 0, before[place] - open_part, 0)
