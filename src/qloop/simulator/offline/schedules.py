"""Runs of the paper's kernel as schedules of the offline problem, and small random platforms to compare on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.offline.model import Instance, Task
from qloop.simulator.paper.dispatch import ARRIVAL, CLASSICAL_END, QUANTUM_END, QUANTUM_START
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.run import Replication
from qloop.simulator.paper.workload import Sessions

GRID_NS = 100_000_000       # times of small platforms are multiples of .1 s


def instance_of(model: PlatformModel, sessions: Sessions) -> Instance:
    """The offline problem of these sessions on this platform: pre -> (classical -> quantum) x n -> post, each alone.

    Raises InvalidInput if a classical task does not take a whole number of nanoseconds on a worker of its own.
    """
    slow = 1e9 / model.capacity
    works = np.stack([sessions.pre, sessions.cost, sessions.post], axis=1) * slow
    if not np.array_equal(works, np.rint(works)):
        raise InvalidInput("A classical task ends between two nanoseconds", "The offline problem has whole times",
                           "Give loads that take a whole number of nanoseconds")
    rows = zip(works.tolist(), sessions.quantum_ns.tolist(), sessions.iterations.tolist(), strict=True)
    tasks = []
    for (pre, cost, post), quantum, count in rows:
        loop = (Task(False, int(cost)), Task(True, quantum)) * count
        tasks.append((Task(False, int(pre)), *loop, Task(False, int(post))))
    return Instance(tuple(sessions.arrival_ns.tolist()), tuple(tasks), model.workers, model.qpus)


def starts_of(found: Replication) -> tuple[tuple[int, ...], ...]:
    """The activation times (ns) of a logged run in which each classical task had a worker of its own.

    Raises InvalidInput if the log is not whole, a session was refused or is unfinished, or workers were shared.
    """
    instance = instance_of(found.model, found.sessions)
    starts: list[list[int]] = [[] for _ in instance.tasks]
    ends: list[list[int]] = [[] for _ in instance.tasks]
    before: dict[int, int] = {}
    for time, kind, session, _ in found.log.tolist():
        if kind == QUANTUM_START:
            starts[session].append(time)
        elif kind == CLASSICAL_END:
            starts[session].append(before[session])
        if kind in (CLASSICAL_END, QUANTUM_END):
            ends[session].append(time)
        if kind in (ARRIVAL, CLASSICAL_END, QUANTUM_END):
            before[session] = time
    for i, session_tasks in enumerate(instance.tasks):
        if not len(starts[i]) == len(ends[i]) == len(session_tasks):
            raise InvalidInput(f"The log does not hold the whole of session {i}", "It was refused, is unfinished, or "
                               "the log was too short", "Give a longer run, wider bounds and a longer log")
        took = [end - start for start, end in zip(starts[i], ends[i], strict=True)]
        if took != [task.length for task in session_tasks]:
            raise InvalidInput(f"A task of session {i} took longer than it takes alone", "Workers were shared",
                               "Give at least as many workers as sessions")
    return tuple(map(tuple, starts))


def small_platform(seed: int, most: int = 8) -> tuple[PlatformModel, Sessions]:
    """A crowded platform of 3 to `most` sessions with 1 to 4 iterations, 1 to 3 QPUs, and a worker for each session.

    The sessions arrive uniformly in three quarters of the time in which the QPUs could do all their quantum tasks.
    """
    rng = np.random.Generator(np.random.Philox(key=seed))
    n, qpus = int(rng.integers(3, most + 1)), int(rng.integers(1, 4))
    iterations, quantum = rng.integers(1, 5, n), rng.integers(5, 81, n)
    span = max(1, 3 * int((iterations * quantum).sum()) // (4 * qpus))
    arrival = np.sort(rng.integers(0, span, n))
    pre, cost, post = (rng.integers(1, most_s, n).astype(np.float64) * GRID_NS for most_s in (80, 20, 80))
    sessions = Sessions(arrival * GRID_NS, np.full(n, 4), rng.choice([1, 2, 4], n), pre, cost, post,
                        quantum * GRID_NS, iterations)
    last_s = float(arrival[-1] * GRID_NS + (pre + post + iterations * (cost + quantum * GRID_NS)).sum()) * 1e-9
    model = PlatformModel(workers=n, qpus=qpus, max_classical=n + 1, max_quantum=n + 1, duration_s=last_s + 1.0,
                          warmup_s=0.0)
    return model, sessions


def under(model: PlatformModel, policy: str) -> PlatformModel:
    """The same platform under another policy."""
    return replace(model, policy=policy)
