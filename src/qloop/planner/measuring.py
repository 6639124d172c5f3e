"""What configurations really take on this machine: the whole circuit and the cut one, by part, the least of repeats.

Everything runs in spawned workers with one thread each, so the clock sees one core's work for each worker. The least of
several repeats is taken, as other programs can only add to a time; how far the next one lies above it tells how well it
repeats.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Literal

import msgspec
import numpy as np

from qloop.planner.configurations import Configuration, problem_of
from qloop.planner.cutting import Cut, cut_circuit
from qloop.planner.effort import join_features, prepare_features, task_features
from qloop.planner.model import Constants
from qloop.planner.runs import Key, Task, Values, recombine, run_task, tasks_of
from qloop.planner.splitting import split
from qloop.planner.whole import whole_circuit

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "QULACS_NUM_THREADS", "RAYON_NUM_THREADS")
_QUICK_S = 0.25
_REPEATS = (2, 12)

Row = tuple[float, ...]
Clock = Literal["wall", "cpu"]
Stamp = tuple[float, float]
"""The clock on the wall, and the processor's."""


class Parts(msgspec.Struct, frozen=True):
    """Seconds by one clock: of the parts, of all of them in one repeat, and of each task; the least of the repeats.

    `disturbed` says how well the least total repeats: the next longer one over it, minus 1.
    """

    prepare_s: float
    run_s: float
    join_s: float
    total_s: float
    task_s: Row
    disturbed: float = 0.0


class Timed(msgspec.Struct, frozen=True):
    """One way of running a circuit, measured, and what was counted.

    `wall` is the clock on the wall; `cpu` the processor's time, of runs in one process, which other programs on the
    machine change little.
    """

    wall: Parts
    cpu: Parts | None
    task_features: tuple[Row, ...]
    prepare_features: Row
    join_features: Row
    value: float

    def parts(self, clock: Clock) -> Parts:
        """By one of the clocks; by the wall's where there is no other."""
        return self.cpu if clock == "cpu" and self.cpu is not None else self.wall


class Measured(msgspec.Struct, frozen=True, tag=True):
    """A configuration and its two ways, measured in one visit; `load` is the machine's load then."""

    configuration: Configuration
    whole: Timed
    cut: Timed
    load: float
    visit: int = 0

    def speed_up(self, clock: Clock) -> float:
        """Seconds of the whole circuit over those of the cut one."""
        return self.whole.parts(clock).total_s / self.cut.parts(clock).total_s


@contextmanager
def crew(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Warm workers of one thread each; gone at the end."""
    kept = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_follow) as pool:
            list(pool.map(_warm, range(4 * workers)))
            yield pool
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def measure_whole(pool: ProcessPoolExecutor, chosen: Configuration) -> Timed:
    """The whole circuit, on one worker."""
    return pool.submit(_alone, chosen, True).result()


def measure_cut(pool: ProcessPoolExecutor, chosen: Configuration, constants: Constants) -> Timed:
    """The cut circuit: on one worker in its place, on several by the tasks that `constants` make of it."""
    if chosen.workers == 1:
        return pool.submit(_alone, chosen, False).result()
    circuit, observable = problem_of(chosen)

    def once() -> Timed:
        stamps = [_stamp()]
        made = cut_circuit(circuit, observable, chosen.labels)
        stamps.append(_stamp())
        tasks = split(made, constants, chosen.workers)
        started = _stamp()
        found = dict(pool.map(_keyed, sorted(tasks, key=_size, reverse=True)))
        # Splitting is planning: it is decided once for a circuit that may run often.
        stamps.append(_later(stamps[-1], started, _stamp()))
        joining = _stamp()
        value = recombine(made, {key: values for key, (values, _) in found.items()})
        stamps.append(_later(stamps[-1], joining, _stamp()))
        timed = _timed(made, tasks, stamps, [found[task.key][1] for task in tasks], value, len(circuit.data))
        return msgspec.structs.replace(timed, cpu=None)

    return _least(once)


def _alone(chosen: Configuration, whole: bool) -> Timed:
    """One worker does all."""
    circuit, observable = problem_of(chosen)

    def once() -> Timed:
        stamps = [_stamp()]
        made = whole_circuit(circuit, observable) if whole else cut_circuit(circuit, observable, chosen.labels)
        tasks = tasks_of(made)
        stamps.append(_stamp())
        found = [_keyed(task) for task in tasks]
        stamps.append(_stamp())
        value = recombine(made, {key: values for key, (values, _) in found})
        stamps.append(_stamp())
        return _timed(made, tasks, stamps, [spent for _, (_, spent) in found], value, len(circuit.data))

    return _least(once)


def _least(once: Callable[[], Timed]) -> Timed:
    """The least of each part over repeats: at least 2, more while they are quick."""
    runs = [once()]
    begun = time.perf_counter()
    while len(runs) < _REPEATS[0] or (len(runs) < _REPEATS[1] and time.perf_counter() - begun < _QUICK_S):
        runs.append(once())
    return merged(runs)


def merged(runs: Sequence[Timed]) -> Timed:
    """Repeats, or visits, as one: the least of all, by both clocks."""
    cpu = [run.cpu for run in runs if run.cpu is not None]
    return msgspec.structs.replace(runs[0], wall=_least_of([run.wall for run in runs]),
                                   cpu=_least_of(cpu) if len(cpu) == len(runs) else None)


def _least_of(parts: Sequence[Parts]) -> Parts:
    tasks, totals = np.min([one.task_s for one in parts], axis=0), sorted(one.total_s for one in parts)
    return Parts(min(one.prepare_s for one in parts), min(one.run_s for one in parts),
                 min(one.join_s for one in parts), totals[0], tuple(tasks.tolist()),
                 totals[1] / totals[0] - 1 if len(totals) > 1 else parts[0].disturbed)


def _timed(made: Cut, tasks: tuple[Task, ...], stamps: list[Stamp], spent: list[Stamp], value: float,
           gates: int) -> Timed:
    wall, cpu = (_parts([stamp[clock] for stamp in stamps], [one[clock] for one in spent]) for clock in (0, 1))
    return Timed(wall, cpu, tuple(_row(task_features(task)) for task in tasks),
                 _row(prepare_features(gates, made)), _row(join_features(made)), value)


def _parts(stamps: list[float], tasks: list[float]) -> Parts:
    """Seconds between four readings of a clock."""
    begun, ready, ran, ended = stamps
    return Parts(ready - begun, ran - ready, ended - ran, ended - begun, tuple(tasks))


def _stamp() -> Stamp:
    return time.perf_counter(), time.process_time()


def _later(before: Stamp, begun: Stamp, ended: Stamp) -> Stamp:
    """A reading as if what was done between `before` and `begun` had taken no time."""
    return before[0] + ended[0] - begun[0], before[1] + ended[1] - begun[1]


def _row(features: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Row:
    return tuple(features.tolist())


def _size(task: Task) -> float:
    return float(sum(task_features(task)))


def _keyed(task: Task) -> tuple[Key, tuple[Values, Stamp]]:
    begun = _stamp()
    values = run_task(task)
    ended = _stamp()
    return task.key, (values, (ended[0] - begun[0], ended[1] - begun[1]))


def _follow() -> None:
    """End with the process that started this one, even if that is killed."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _warm(_: int) -> None:
    """Load what a task loads; long enough that no worker takes all of these calls."""
    import qulacs

    qulacs.QuantumState(2)
    time.sleep(0.05)
