"""From measurements to constants: each part of the model is fitted to the times of that part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from qloop.errors import InvalidInput
from qloop.planner.effort import TASK
from qloop.planner.fit import fitted
from qloop.planner.makings import Making
from qloop.planner.measuring import Clock, Measured, Row, Timed
from qloop.planner.model import Constants, Sharing, longest_queue, sent_features
from qloop.planner.probes import Probe

ONCE = ("task", "gate", "string_table")
"""What is done once in a task, however many leaves it has."""
_LEAST_ROWS = 12


def learned(measured: Sequence[Measured], probes: Sequence[Probe], clock: Clock = "wall",
            makings: Sequence[Making] = ()) -> Constants:
    """The constants that explain these measurements by one clock. `InvalidInput` for too few."""
    ways = list(_ways(measured))
    tasks = [(_cold(row), seconds) for timed in ways for row, seconds in _task_rows(timed, clock)]
    tasks += [(_hot(probe.features), probe.cpu_s if clock == "cpu" else probe.wall_s) for probe in probes]
    if len(tasks) < _LEAST_ROWS:
        raise InvalidInput(f"{len(tasks)} different tasks are too few to learn the machine's constants from",
                           f"{_LEAST_ROWS} are the least", "Measure more configurations")
    task = fitted(*_columns(tasks))[:len(TASK)]
    made = [row for making in makings for row in (making.whole, making.cut)]
    prepare = fitted(*_columns([*made, *((timed.prepare_features, timed.parts(clock).prepare_s) for timed in ways)]))
    join = fitted(*_columns([*(making.join for making in makings),
                             *((timed.join_features, timed.parts(clock).join_s) for timed in ways)]))
    shared = [one.cut for one in measured if one.configuration.workers > 1]
    return Constants(tuple(task.tolist()), tuple(prepare.tolist()), tuple(join.tolist()),
                     _sharing(task, shared, [one.configuration.workers for one in measured
                                             if one.configuration.workers > 1]))


def _cold(features: Row) -> Row:
    """A task among others, which finds caches as they leave them."""
    return (*features, *(0.0 for _ in ONCE))


def _hot(features: Row) -> Row:
    """A probe, which is repeated alone: what it does once is quicker than in a task, and has constants of its own."""
    return (*(0.0 if name in ONCE else value for name, value in zip(TASK, features, strict=True)),
            *(features[TASK.index(name)] for name in ONCE))


def _ways(measured: Iterable[Measured]) -> Iterator[Timed]:
    """The measured ways on one worker, each whole circuit once."""
    seen: set[str] = set()
    for one in measured:
        if one.configuration.circuit_name not in seen:
            seen.add(one.configuration.circuit_name)
            yield one.whole
        if one.configuration.workers == 1:
            yield one.cut


def _task_rows(timed: Timed, clock: Clock) -> Iterator[tuple[Row, float]]:
    """Each different task of a way with its mean time."""
    found: dict[Row, list[float]] = {}
    for features, seconds in zip(timed.task_features, timed.parts(clock).task_s, strict=True):
        found.setdefault(features, []).append(seconds)
    for features, times in found.items():
        yield features, sum(times) / len(times)


def _columns(rows: Iterable[tuple[Row, float]]) -> tuple[list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
                                                        list[float]]:
    table = list(rows)
    return [np.array(features) for features, _ in table], [seconds for _, seconds in table]


def _sharing(task: np.ndarray[tuple[int, ...], np.dtype[np.float64]], shared: Sequence[Timed],
             workers: Sequence[int]) -> Sharing:
    """What workers cost beside the longest queue that is forecast for them."""
    if not shared:
        return Sharing()
    rows, queues = [], []
    for timed, count in zip(shared, workers, strict=True):
        used = min(count, len(timed.task_features))
        queues.append(longest_queue([float(task @ np.array(row)) for row in timed.task_features], used))
        rows.append(np.array([queues[-1] * (used - 1), *sent_features(timed.task_features)]))
    return Sharing(*fitted(rows, [timed.wall.run_s for timed in shared], known=queues).tolist())
