"""What runs in the demo: everything that is drawn, drawn once, so that every policy meets exactly the same.

Each draw is named by (seed, stream, number), never by when it is made (common random numbers): the thinking time of
iteration k of a loop is the same whenever that iteration comes. The amount of background follows from the wanted load:
single tasks are drawn until loops and background together ask for `load * QPUs * horizon` seconds of QPU time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from statistics import fmean

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.protocol import Optimizer
from qloop.miniapps.demo.cast import TENANTS, Role
from qloop.miniapps.problems.problem import Problem
from qloop.qpus.protocol import LocalQpu, Program, Request

SIZES = (8_192, 16_384, 32_768, 65_536)
"""Shots of a background task: with 250 us a shot and 2 s of overhead about 4, 6, 10 and 19 seconds."""
SHARES = (0.3, 0.3, 0.25, 0.15)
THINK_S, THINK_SPREAD = 1.5, 0.3
"""Mean thinking time (the paper's t_cpu) and its coefficient of variation (ours): a gamma distribution."""
OPENING = 0.85
"""Loops arrive during this first part of the horizon, one in each of as many equal stretches as there are loops: spread
out, because loops that run faster would else meet each other, and most of them can finish before the end."""
MOST_BACKGROUND = 100_000

ARRIVAL, THINK, START, BACKGROUND, REHEARSAL = range(5)


class Background(msgspec.Struct, frozen=True):
    """One single task: when it arrives (s), whose it is, which circuit, how many shots, which draw of angles."""

    name: str
    tenant: str
    arrival_s: float
    circuit: int
    shots: int
    number: int


class Mix(msgspec.Struct, frozen=True):
    """How much is asked for, in seconds of QPU time without the loading of circuits, and what load that offers."""

    wanted: float
    offered: float
    offered_loops: float
    offered_background: float
    capacity_s: float
    loops: int
    background: int
    iterations: int
    step_s: float
    background_s: float
    seed: int


class Part:
    """One loop of a workload: its role with everything drawn."""

    def __init__(self, role: Role, seed: int, number: int, first_s: float, last_s: float) -> None:
        self.role, self.seed, self.number = role, seed, number
        self.problem = role.make()
        self.arrival_s = float(draws(seed, ARRIVAL, number).uniform(first_s, last_s))
        shape = THINK_SPREAD**-2
        self._think = draws(seed, THINK, number).gamma(shape, THINK_S / shape, 2 * role.iterations + 10)

    def optimizer(self) -> Optimizer:
        """The optimizer at its start."""
        start = self.role.start(self.problem, self.seed, draws(self.seed, START, self.number))
        own = int(draws(self.seed, START, self.number + 1000).integers(2**31))
        return by_name.make(self.role.optimizer, start, self.role.iterations, own, **self.role.options)

    def think(self, k: int) -> float:
        """Seconds of classical work before iteration k."""
        return float(self._think[min(k, len(self._think) - 1)])

    @cached_property
    def batches(self) -> tuple[int, ...]:
        """How many parameter sets each quantum task has: the optimizer is rehearsed on noise, which changes no size."""
        optimizer, noise, found = self.optimizer(), draws(self.seed, REHEARSAL, self.number), list[int]()
        while not optimizer.done and len(found) < len(self._think):
            points = optimizer.ask()
            found.append(len(points))
            optimizer.tell(noise.normal(size=len(points)))
        return tuple(found)


class Workload(msgspec.Struct, frozen=True):
    """Everything that arrives, and what it adds up to."""

    seed: int
    horizon_s: float
    parts: tuple[Part, ...]
    circuits: tuple[Problem, ...]
    background: tuple[Background, ...]
    mix: Mix

    def angles(self, task: Background) -> NDArray[np.float64]:
        """The parameters of a single task."""
        return self.circuits[task.circuit].initial_point(self.seed + task.number)


def draw(roles: Sequence[Role], circuits: Sequence[Problem], qpus: Sequence[LocalQpu], *, seed: int, load: float,
         horizon_s: float, told: Callable[[str], object] = lambda what: None) -> Workload:
    """The workload of a seed at a load; compiles every circuit for every QPU, and tells which.

    `InvalidInput` for a load or a horizon that cannot be, or if the loops alone ask for more.
    """
    if not 0.0 < load < 1.0:
        raise InvalidInput(f"The load is {load!r}", "At 1 and above the queues grow without end",
                           "Give a load between 0 and 1, for example 0.85")
    if not 0.0 < horizon_s <= 1e6:
        raise InvalidInput(f"The horizon is {horizon_s!r} seconds", "", "Give more than 0 and at most 1000000")
    parts = _parts(roles, seed, OPENING * horizon_s)
    capacity = len(qpus) * horizon_s
    loops = sum(_seconds(part, qpus, told) for part in parts)
    if loops > load * capacity:
        raise InvalidInput(f"A load of {load:g} is too small", f"The loops alone offer {loops / capacity:.2f}",
                           "Give a higher load or a longer horizon")
    lengths = tuple(_task_seconds(made, qpus, told) for made in circuits)
    background = _background(lengths, load * capacity - loops, seed, horizon_s)
    asked = sum(lengths[task.circuit][SIZES.index(task.shots)] for task in background)
    steps = sum(len(part.batches) for part in parts)
    mix = Mix(load, (loops + asked) / capacity, loops / capacity, asked / capacity, capacity, len(parts),
              len(background), steps, loops / max(steps, 1), asked / max(len(background), 1), seed)
    return Workload(seed, horizon_s, parts, tuple(circuits), background, mix)


def draws(seed: int, stream: int, number: int) -> np.random.Generator:
    """The generator of one named draw."""
    key = np.array([seed, stream << 32 | number], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _parts(roles: Sequence[Role], seed: int, opening_s: float) -> tuple[Part, ...]:
    """The loops in a drawn order, each arriving in its own stretch of the opening."""
    order = draws(seed, ARRIVAL, len(roles)).permutation(len(roles))
    width = opening_s / max(len(roles), 1)
    return tuple(Part(role, seed, n, width * int(order[n]), width * (int(order[n]) + 1))
                 for n, role in enumerate(roles))


def _background(lengths: Sequence[Sequence[float]], budget_s: float, seed: int, horizon_s: float,
                ) -> tuple[Background, ...]:
    """Single tasks that together ask for `budget_s`, at the times of a Poisson process.

    Given its count, a Poisson process has independent uniform times, so each task draws its own.
    """
    found: list[Background] = []
    while budget_s > 0.0 and len(found) < MOST_BACKGROUND:
        n = len(found)
        random = draws(seed, BACKGROUND, n)
        when, tenant, circuit = random.random(), int(random.integers(len(TENANTS))), int(random.integers(len(lengths)))
        size = int(np.searchsorted(np.cumsum(SHARES[:-1]), random.random(), side="right"))
        if budget_s < lengths[circuit][size] / 2:
            break       # without this task the sum is nearer to the budget than with it
        budget_s -= lengths[circuit][size]
        found.append(Background(f"task-{n:04d}", TENANTS[tenant], when * horizon_s, circuit, SIZES[size], n))
    return tuple(sorted(found, key=lambda task: task.arrival_s))


def _seconds(part: Part, qpus: Sequence[LocalQpu], told: Callable[[str], object]) -> float:
    """QPU seconds that a loop asks for, averaged over the QPUs that can hold it."""
    programs = _compiled(part.problem, qpus, told)
    return fmean(sum(_duration(qpu, program, rows, part.role.shots) for rows in part.batches)
                 for qpu, program in programs)


def _task_seconds(made: Problem, qpus: Sequence[LocalQpu], told: Callable[[str], object]) -> tuple[float, ...]:
    """QPU seconds of a single task of each size, averaged over the QPUs that can hold it."""
    programs = _compiled(made, qpus, told)
    return tuple(fmean(_duration(qpu, program, 1, shots) for qpu, program in programs) for shots in SIZES)


def _compiled(made: Problem, qpus: Sequence[LocalQpu], told: Callable[[str], object]) -> list[tuple[LocalQpu, Program]]:
    told(made.name)
    able = [qpu for qpu in qpus if qpu.describe().n_qubits >= made.n_qubits]
    return [(qpu, qpu.compile(made.circuit, made.observable)) for qpu in able]


def _duration(qpu: LocalQpu, program: Program, rows: int, shots: int) -> float:
    thetas = np.zeros((rows, program.n_parameters))
    return qpu.duration(program, Request(thetas, shots, ())) * 1e-9
