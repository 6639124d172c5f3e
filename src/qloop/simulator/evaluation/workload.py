"""What arrives in a cell: loops and single tasks of some tenants, each drawn by its number (common random numbers).

Loops and background tasks are two independent Poisson streams. Their rates follow from the load by the means of what
is drawn, so the offered load is the cell's in expectation. Whatever the policy, replication k of a cell is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.evaluation.cells import HEAVY, TRACE, Cell
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.workload import drawn
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Distribution, Exponential, Gamma, LogNormal
from qloop.simulator.workload.drawn import Drawn
from qloop.simulator.workload.points import Ints
from qloop.simulator.workload.sessions import Measurements, SessionModel
from qloop.simulator.workload.streams import QUANTUM, SIZE, TENANT

SIZES = (4, 6, 8, 10)
SMALL = (4, 6)          # sizes of measured loops: some 500 iterations; wider ones would outlast the run
HEAVY_CV = 4.0          # of the log-normal service of heavy-tailed background tasks
TENANTS = 4
SKEW = (2.0, 1.0, 1.0, 1.0)
LOOP_KEY, TASK_KEY = 0, 1 << 31      # bits of the replication's number: the two streams share no draw
MOST_REPLICATIONS = 1 << 20


@dataclass(frozen=True, slots=True)
class Work:
    """The means of what is asked for, s: a quantum task of a loop, thinking and network before it, a background task.

    `iterations` are those of a loop on average (geometric); `quantum_cv` and `think_cv` the spread of each iteration
    (gamma). Raises InvalidInput for numbers that cannot be.
    """

    quantum_s: float = 2.0
    think_s: float = 1.5
    network_s: float = 0.5
    background_s: float = 5.0
    iterations: float = 25.0
    quantum_cv: float = 0.15
    think_cv: float = 0.3

    def __post_init__(self) -> None:
        for name in ("quantum_s", "background_s", "quantum_cv", "think_cv", "think_s"):
            if not 1e-3 <= getattr(self, name) <= 3600.0:
                raise InvalidInput(f"{name} of the evaluation is {getattr(self, name)!r}", "",
                                   "Give a number from 0.001 to 3600")
        if not 0.0 <= self.network_s <= 3600.0:
            raise InvalidInput(f"network_s of the evaluation is {self.network_s!r}", "", "Give 0 to 3600 s")
        if not 2.0 <= self.iterations <= 1e5:
            raise InvalidInput(f"The loops have {self.iterations!r} iterations on average",
                               "A gap is between two iterations", "Give 2 to 100000")


@dataclass(frozen=True, slots=True)
class Brought:
    """Sessions in order of arrival: what the kernel is given, and which of them are loops."""

    arrival_ns: Ints
    drawn: Drawn
    is_loop: np.ndarray[tuple[int], np.dtype[np.bool_]]


@lru_cache(maxsize=4)
def brought(cell: Cell, work: Work, first_s: float, key: int, horizon_ns: int) -> Brought:
    """Everything that arrives in the replication of this key before the horizon.

    `first_s`: what the first quantum task of a session loses to cold caches under every policy, which is part of the
    load.
    """
    loops, tasks = _loops(cell, work), _background(cell, work)
    measurements = loops.load()
    rate = cell.load * cell.qpus
    loop_s, task_s = loop_seconds(loops, measurements) + first_s, tasks.mean + first_s
    loop_at = Poisson(every_s=loop_s / (rate * cell.share)).times(key | LOOP_KEY, horizon_ns)
    task_at = Poisson(every_s=task_s / (rate * (1.0 - cell.share))).times(key | TASK_KEY, horizon_ns)
    first = _drawn_loops(loops, work, key | LOOP_KEY, len(loop_at), measurements, cell)
    second = _drawn_tasks(tasks, key | TASK_KEY, len(task_at), cell)
    order = np.argsort(np.concatenate([loop_at, task_at]), kind="stable")
    return Brought(np.concatenate([loop_at, task_at])[order], _joined(first, second, order),
                   np.concatenate([np.ones(len(loop_at), bool), np.zeros(len(task_at), bool)])[order])


def loop_seconds(model: SessionModel, measurements: Measurements) -> float:
    """QPU seconds of a loop on average."""
    from qloop.simulator.workload.offered import offered

    return offered(model, measurements).quantum_s


def shares(cell: Cell) -> tuple[float, ...]:
    """The tenants' parts of the sessions."""
    return SKEW if cell.skewed else (1.0,) * TENANTS


def _loops(cell: Cell, work: Work) -> SessionModel:
    """The loops of a cell; of a trace's, durations and iterations are those measured."""
    from qloop.simulator.workload.distributions import Constant, Geometric

    nothing = Constant(0.0)
    if cell.kind == TRACE:
        return SessionModel(sizes=SMALL, pre=nothing, post=nothing)
    quantum, think = Gamma(work.quantum_s, work.quantum_cv * work.quantum_s), Gamma(
        work.think_s, work.think_cv * work.think_s)
    return SessionModel(sizes=SIZES, pre=nothing, post=nothing, classical=think, quantum=quantum,
                        iterations=Geometric(work.iterations), redraw="iteration")


def _background(cell: Cell, work: Work) -> Distribution:
    """How long background tasks run."""
    if cell.kind == HEAVY:
        return LogNormal(work.background_s, HEAVY_CV * work.background_s)
    return Exponential(work.background_s)


def _drawn_loops(model: SessionModel, work: Work, key: int, count: int, measurements: Measurements,
                 cell: Cell) -> Drawn:
    """The loops by number."""
    found = model.draw(key, 0, count, measurements, shares(cell))
    if found.stride:
        return found
    # of measurements: one draw a session, written out for each iteration so that both kinds of work have one form
    repeat = np.repeat(np.arange(count), found.iterations)
    return Drawn(found.size, found.priority, found.tenant, found.pre, found.post, found.iterations,
                 drawn.begins(found.iterations), 1, found.cost[repeat], found.quantum_ns[repeat])


def _drawn_tasks(length: Distribution, key: int, count: int, cell: Cell) -> Drawn:
    """The background tasks by number: one iteration each, and nothing classical."""
    size = np.array(SIZES)[drawn.choose(key, SIZE, 0, count, (), len(SIZES))]
    tenant = drawn.choose(key, TENANT, 0, count, shares(cell), TENANTS)
    ones, nothing = np.ones(count, np.int64), np.zeros(count)
    quantum = np.maximum(drawn.nanoseconds(length.quantile(uniforms(key, QUANTUM, 0, count))), 1_000_000)
    return Drawn(size, ones, tenant, nothing, nothing, ones, np.arange(count), 1, nothing, quantum)


def _joined(first: Drawn, second: Drawn, order: Ints) -> Drawn:
    """Both kinds of sessions in order of arrival."""
    def column(name: str) -> Any:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    begin = np.concatenate([first.begin, second.begin + len(first.cost)])
    return Drawn(column("size")[order], column("priority")[order], column("tenant")[order], column("pre")[order],
                 column("post")[order], column("iterations")[order], begin[order], 1, column("cost"),
                 column("quantum_ns"))
