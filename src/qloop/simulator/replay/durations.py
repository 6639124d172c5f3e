"""How long each task takes on each QPU: as recorded where it ran, and as the recording suggests elsewhere.

A task's time on a QPU on which it did not run is that of like tasks there, or its own
time scaled by how much slower that QPU was for like tasks: log t = a(like tasks) + b(QPU), fitted by least squares.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDS = 100


class Measured(NamedTuple):
    """One recorded run: which tasks are like it, on which QPU, for how many ns; -1 where that is not known."""

    like: Hashable
    qpu: int
    ns: int


class Durations(NamedTuple):
    """`ns` (tasks, QPUs), and `guessed`, True where the recording holds no like task on that QPU."""

    ns: NDArray[np.int64]
    guessed: NDArray[np.bool_]


def durations(runs: Sequence[Measured], qpus: int, fallback_ns: Sequence[int]) -> Durations:
    """The time of every task on every QPU; `fallback_ns` is taken for tasks of which nothing is known."""
    known: dict[Hashable, dict[int, list[int]]] = {}
    for run in runs:
        if run.ns >= 0:
            known.setdefault(run.like, {}).setdefault(run.qpu, []).append(run.ns)
    means = {like: {q: float(np.mean(values)) for q, values in rows.items()} for like, rows in known.items()}
    slower = slowness(list(means.values()), qpus)
    ns, guessed = np.zeros((len(runs), qpus), np.int64), np.zeros((len(runs), qpus), np.bool_)
    for i, run in enumerate(runs):
        here = dict(means.get(run.like, {}))
        if run.ns >= 0:
            here[run.qpu] = float(run.ns)
        anchor = run.qpu if run.ns >= 0 else next(iter(here), -1)
        for q in range(qpus):
            if q in here:
                ns[i, q] = round(here[q])
            else:
                guessed[i, q] = True
                base = here[anchor] * slower[q] / slower[anchor] if anchor >= 0 else float(fallback_ns[i])
                ns[i, q] = round(base)
    return Durations(ns, guessed)


def lengthened(times: Durations, least: Iterable[tuple[int, int, int]]) -> Durations:
    """The times, where (task, QPU, ns) are known to take so long at least."""
    ns = times.ns.copy()
    for i, q, bound in least:
        ns[i, q] = max(ns[i, q], bound)
    return times._replace(ns=ns)


def slowness(like: Sequence[dict[int, float]], qpus: int) -> NDArray[np.float64]:
    """How much longer like tasks take on each QPU, 1 where nothing can be told.

    `like` holds, for each group of like tasks, the mean time by QPU. Alternating least squares of
    log t = a + b; QPUs that share no group with others keep their level.
    """
    logs = [{q: float(np.log(t)) for q, t in row.items() if t > 0.0} for row in like]
    logs = [row for row in logs if len(row) > 1]
    level = np.zeros(qpus)
    if not logs:
        return np.exp(level)
    groups = np.array([g for g, row in enumerate(logs) for _ in row])
    where = np.array([q for row in logs for q in row])
    times = np.array([t for row in logs for t in row.values()])
    per_group, per_qpu = np.bincount(groups, minlength=len(logs)), np.bincount(where, minlength=qpus)
    for _ in range(ROUNDS):
        height = np.bincount(groups, times - level[where], len(logs)) / per_group
        level = np.bincount(where, times - height[groups], qpus) / np.maximum(per_qpu, 1)
    return np.asarray(np.exp(level))
