"""The cost model: seconds of preparing, running and joining, from counted work and this machine's constants.

`T = T_prepare + T_run + T_join`. A task takes `constants . features`; on several workers, tasks are dealt to whoever is
free, the longest first, and the longest queue counts, slowed by what cores share, with a price for each task sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import msgspec
import numpy as np

from qloop.planner.cutting import Cut
from qloop.planner.effort import (
    JOIN,
    PREPARE,
    TASK,
    Features,
    join_features,
    memory_bytes,
    prepare_features,
    task_features,
)
from qloop.planner.runs import Task


class Sharing(msgspec.Struct, frozen=True):
    """What several workers cost: `slower` is a task's time beside one other over its time alone, minus 1; a batch of
    tasks costs `per_batch_s`, each task sent `per_task_s`, each gate in it `per_gate_s`."""

    slower: float = 0.0
    per_batch_s: float = 0.0
    per_task_s: float = 0.0
    per_gate_s: float = 0.0


class Constants(msgspec.Struct, frozen=True):
    """Seconds by feature, in the orders of `effort.TASK`, `effort.PREPARE` and `effort.JOIN`; and what workers cost."""

    task: tuple[float, ...]
    prepare: tuple[float, ...]
    join: tuple[float, ...]
    sharing: Sharing = Sharing()

    def __post_init__(self) -> None:
        """`ValueError`, which readers of files turn into their own error, if a constant is missing or negative."""
        for name, wanted in (("task", TASK), ("prepare", PREPARE), ("join", JOIN)):
            values = getattr(self, name)
            if len(values) != len(wanted) or not all(np.isfinite(values)) or min(values) < 0:
                raise ValueError(f"'{name}' needs {len(wanted)} finite constants of at least 0")


class Cost(msgspec.Struct, frozen=True):
    """Predicted seconds of one way: its parts, and the memory that its workers need together."""

    prepare_s: float
    run_s: float
    join_s: float
    memory_bytes: int

    @property
    def seconds(self) -> float:
        """All parts."""
        return self.prepare_s + self.run_s + self.join_s


def task_seconds(constants: Constants, task: Task) -> float:
    """What a task takes on a worker of its own."""
    return _dot(constants.task, task_features(task))


def cost(constants: Constants, cut: Cut, tasks: Sequence[Task], gates: int, workers: int) -> Cost:
    """What a cut circuit (or a whole one: one fragment, no cut) of so many gates costs on so many workers."""
    rows = [task_features(task) for task in tasks]
    return Cost(_dot(constants.prepare, prepare_features(gates, cut)), run_seconds(constants, rows, workers),
                _dot(constants.join, join_features(cut)), memory(tasks, workers))


def run_seconds(constants: Constants, rows: Sequence[Sequence[float] | Features], workers: int) -> float:
    """When the last of `workers` is done with tasks of these features.

    One worker, or one task, runs in place and pays nothing for sharing.
    """
    seconds, used, sharing = [_dot(constants.task, row) for row in rows], min(workers, len(rows)), constants.sharing
    if used <= 1:
        return float(sum(seconds))
    sent = sharing.per_batch_s + float(np.dot(sent_features(rows)[1:], (sharing.per_task_s, sharing.per_gate_s)))
    return sent + (1.0 + sharing.slower * (used - 1)) * longest_queue(seconds, used)


def sent_features(rows: Sequence[Sequence[float] | Features]) -> Features:
    """What sending tasks to workers takes: a batch, tasks, and gates in all of them."""
    return np.array([1.0, float(len(rows)), float(sum(row[TASK.index("gate")] for row in rows))])


def longest_queue(seconds: Sequence[float], workers: int) -> float:
    """The longest queue when tasks go, the longest first, to whoever is free."""
    queues = [0.0] * workers
    for one in sorted(seconds, reverse=True):
        heapq.heapreplace(queues, queues[0] + one)
    return max(queues)


def memory(tasks: Sequence[Task], workers: int) -> int:
    """Bytes that the tasks with the most memory need at once, one on each worker."""
    needs = sorted((memory_bytes(task) for task in tasks), reverse=True)
    return sum(needs[:workers])


def _dot(constants: Sequence[float], features: Sequence[float] | Features) -> float:
    return float(np.dot(constants, features))
