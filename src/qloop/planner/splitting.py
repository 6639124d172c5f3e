"""How many tasks a cut circuit becomes: fragments are split where the longest task would keep other workers waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qloop.errors import InvalidInput
from qloop.planner.cutting import Cut
from qloop.planner.effort import Features, task_features
from qloop.planner.model import Constants, run_seconds
from qloop.planner.runs import Task, tasks_of

MOST_TASKS = 512


def split(cut: Cut, constants: Constants, workers: int) -> tuple[Task, ...]:
    """The tasks for so many workers: not split for one, else split a point deeper where that is forecast to help.

    `InvalidInput` for fewer workers than one.
    """
    if workers < 1:
        raise InvalidInput(f"{workers} workers cannot run anything", "", "Give at least 1")
    depths = [0] * len(cut.fragments)
    if workers == 1:
        return tasks_of(cut, depths)
    best, chosen = math.inf, list(depths)
    while True:
        rows = [_row(cut, number, depth) for number, depth in enumerate(depths)]
        every = [row for number, row in enumerate(rows) for _ in range(_count(cut, number, depths[number]))]
        spent = run_seconds(constants, every, workers)
        if spent < best:
            best, chosen = spent, list(depths)
        weights = [float(np.dot(constants.task, row)) for row in rows]
        longest = max(range(len(depths)), key=weights.__getitem__, default=-1)
        if longest < 0 or not _deeper(cut, depths, longest):
            return tasks_of(cut, chosen)
        depths[longest] += 1


def _row(cut: Cut, number: int, depth: int) -> Features:
    """The features of a fragment's tasks at a depth; they are all alike."""
    return task_features(Task((number, (0,) * depth), cut.fragments[number].tree))


def _deeper(cut: Cut, depths: Sequence[int], number: int) -> bool:
    """Whether the fragment has a further point and the tasks stay few enough."""
    if depths[number] >= len(cut.fragments[number].tree.points):
        return False
    others = sum(_count(cut, k, depth) for k, depth in enumerate(depths) if k != number)
    return others + _count(cut, number, depths[number] + 1) <= MOST_TASKS


def _count(cut: Cut, number: int, depth: int) -> int:
    return math.prod(cut.fragments[number].tree.shape()[:depth])
