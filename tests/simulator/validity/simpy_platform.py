"""The paper's platform written anew with SimPy: processes, its own resources, and processor sharing as a process.

It shares no code with the kernel: sessions are generators, QPUs a `PriorityResource`, and the workers keep the work
that is left of each task, where the kernel keeps one mark of attained service. Two clocks: `Whole` has the kernel's,
in whole nanoseconds with an end rounded as `sharing.py` says and exact fractions between; `Plain` has unrounded
floating-point nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import simpy

from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.workload import Sessions

ROUND_UP = Fraction(41421356, 10**8)

Order = Callable[["Platform", int], float]
ORDERS: dict[str, Order] = {
    "fifo": lambda platform, session: 0,
    "lifo": lambda platform, session: -platform.asked,
    "strict": lambda platform, session: -int(platform.sessions.priority[session]),
    "sjf": lambda platform, session: int(platform.sessions.quantum_ns[session]),
}


class Whole:
    """Whole nanoseconds; work is an exact fraction."""

    number = Fraction

    @staticmethod
    def delay(need: Fraction) -> int:
        return max(0, math.ceil(need - ROUND_UP))


class Plain:
    """Floating point, and nothing is rounded on purpose."""

    number = float

    @staticmethod
    def delay(need: float) -> float:
        return max(0.0, need)


class Workers:
    """C workers that all active tasks share: each gets min(1, C/A) of one."""

    def __init__(self, env: simpy.Environment, count: int, clock: type[Whole] | type[Plain]) -> None:
        self.env, self.count, self.clock = env, count, clock
        self.left: dict[simpy.Event, Any] = {}      # in order of joining
        self.since, self.changed = env.now, env.event()
        env.process(self.serve())

    def work(self, amount: float) -> simpy.Event:
        """An event that happens when so many nanoseconds of work are done."""
        self.catch_up()
        done = self.env.event()
        self.left[done] = self.clock.number(amount)
        self.changed.succeed()
        self.changed = self.env.event()
        return done

    def rate(self) -> Any:
        one, active = self.clock.number(1), len(self.left)
        return one if active <= self.count else one * self.count / active

    def catch_up(self) -> None:
        """All active tasks have had their part since the last change."""
        passed, rate = self.env.now - self.since, self.rate()
        for task in self.left:
            self.left[task] -= passed * rate
        self.since = self.env.now

    def serve(self) -> Generator[simpy.Event, Any, None]:
        while True:
            if not self.left:
                yield self.changed
                continue
            first = min(self.left, key=lambda task: self.left[task])    # of equals the one that joined first
            ends = self.env.timeout(self.clock.delay(self.left[first] / self.rate()) - (self.env.now - self.since))
            changed = self.changed
            yield ends | changed
            if changed.triggered:
                continue
            self.finish(first)

    def finish(self, first: simpy.Event) -> None:
        """The task ends; what the clock was rounded by is nobody's work."""
        rest = max(self.left.pop(first), 0)
        for task in self.left:
            self.left[task] -= rest
        self.since = self.env.now
        first.succeed()


@dataclass
class Platform:
    """Runs the sessions; afterwards `end`, `waited` (ns) and `refused` tell what became of each."""

    model: PlatformModel
    sessions: Sessions
    order: str
    clock: type[Whole] | type[Plain] = Whole
    asked: int = 0
    end: list[float] = field(default_factory=list)

    def run(self) -> Platform:
        n = len(self.sessions.arrival_ns)
        self.env = simpy.Environment(initial_time=0 if self.clock is Whole else 0.0)
        self.workers = Workers(self.env, self.model.workers, self.clock)
        self.qpus = simpy.PriorityResource(self.env, self.model.qpus)
        self.end, self.waited = [-1.0] * n, [0.0] * n
        self.env.process(self.arrivals())
        self.env.run()
        return self

    def arrivals(self) -> Generator[simpy.Event, Any, None]:
        for s, at in enumerate(self.sessions.arrival_ns.tolist()):
            yield self.env.timeout(at - self.env.now)
            if len(self.workers.left) < self.model.max_classical and len(self.qpus.queue) < self.model.max_quantum:
                self.env.process(self.session(s))

    def session(self, s: int) -> Generator[simpy.Event, Any, None]:
        """pre -> (classical -> quantum) x n -> post"""
        of, slow = self.sessions, 1e9 / self.model.capacity
        yield self.workers.work(of.pre[s] * slow)
        for _ in range(of.iterations[s]):
            yield self.workers.work(of.cost[s] * slow)
            self.asked += 1
            asked_at = self.env.now
            with self.qpus.request(priority=ORDERS[self.order](self, s)) as turn:
                yield turn
                self.waited[s] += self.env.now - asked_at
                yield self.env.timeout(int(of.quantum_ns[s]))
        yield self.workers.work(of.post[s] * slow)
        self.end[s] = self.env.now

    def ends(self) -> np.ndarray:
        """The end of each session in ns, -1 for a refused one."""
        return np.array(self.end, np.int64 if self.clock is Whole else np.float64)
