"""Speculation, measured: one loop on one QPU that does not drift, at several loads of others and several budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np

from qloop.errors import QloopError
from qloop.loops.loop import Loop
from qloop.loops.result import LoopResult
from qloop.loops.session import Session
from qloop.loops.speculation.options import Speculation
from qloop.miniapps.compared.unit import Make
from qloop.miniapps.compared.wish import Wish
from qloop.miniapps.demo.workload import THINK_S
from qloop.miniapps.problems.problem import Problem
from qloop.miniapps.problems.registry import problem
from qloop.qpus.protocol import LocalQpu

OPTIMIZERS = ("nelder-mead", "spsa")
SHOTS, OTHERS = 1000, 8
"""Shots of an evaluation; those of a background task are so many times as many."""
OTHERS_STREAM = 71


class Guessed(msgspec.Struct, frozen=True):
    """One loop beside others for a part of its QPU's time; `budget` None: without speculation.

    `rounds`: quantum tasks whose values were not there when they were asked for; `seconds`: from the loop's begin to
    its end; `faster`: the seconds without speculation over these.
    """

    optimizer: str
    seed: int
    load: float
    budget: float | None
    seconds: float
    faster: float
    iterations: int
    rounds: int
    launched: int
    hits: int
    wasted_s: float
    useful_s: float
    masked_s: float


def guessed(wish: Wish, seed: int, qpu: LocalQpu, make: Make, optimizers: Sequence[str] = OPTIMIZERS,
            ) -> Iterator[Guessed]:
    """Every run of a seed; QloopError if a guess changed the course of a loop."""
    made = problem("ising", nodes=4, ansatz="real_amplitudes", layers=1)
    for optimizer, load in product(optimizers, wish.idle_loads):
        trial = _Trial(made, qpu, optimizer, load, wish.guessed, seed)
        before, took = trial.run(make, None)
        yield _row(trial, None, took, took, before)
        for budget in wish.budgets:
            result, seconds = trial.run(make, Speculation(budget=budget))
            if [one.energy for one in result.iterations] != [one.energy for one in before.iterations]:
                raise QloopError("Speculation changed the course of a loop",
                                 f"{optimizer}, load {load:g}, budget {budget:g}, seed {seed}", "")
            yield _row(trial, budget, seconds, took, result)


class _Trial:
    """A loop and its company, the same for every budget."""

    def __init__(self, made: Problem, qpu: LocalQpu, optimizer: str, load: float, iterations: int, seed: int) -> None:
        self.made, self.qpu, self.optimizer, self.load = made, qpu, optimizer, load
        self.iterations, self.seed = iterations, seed

    def run(self, make: Make, wish: Speculation | None) -> tuple[LoopResult, float]:
        """The loop's result, and the virtual seconds that it took."""
        with make("efaas", (self.qpu,), self.seed) as platform:
            session = Session("loop", runtime=platform, qpu=self.qpu.describe().name, shots=SHOTS)
            start = self.made.initial_point(self.seed)
            loop = session.loop(self.made.circuit, self.made.observable, start, optimizer=self.optimizer,
                                maxiter=self.iterations, seed=self.seed, think=lambda k: THINK_S, speculate=wish)
            if self.load:
                self._others(platform, lambda: loop.finished)
            loop.start(lambda ended: None)
            platform.run_until(lambda: loop.finished)
            return _result(loop), platform.now_s()

    def _others(self, platform: Any, over: Callable[[], bool]) -> None:
        """Background tasks for a part of the QPU's time, at random moments that are the same in every run."""
        session = Session("others", runtime=platform, qpu=self.qpu.describe().name, shots=OTHERS * SHOTS,
                          kind="background", tenant="others")
        objective = session.objective(self.made.circuit, self.made.observable)
        draws = np.random.Generator(np.random.Philox(key=np.array([self.seed, OTHERS_STREAM], dtype=np.uint64)))
        length = session.estimate(self.made.circuit, self.made.observable).qpus[0].cost.net_s

        def ask() -> None:
            if not over():
                objective.submit(draws.uniform(-1, 1, self.made.n_parameters))
                platform.later(draws.exponential(length / self.load), ask)

        platform.later(draws.exponential(length / self.load), ask)


def _result(loop: Loop) -> LoopResult:
    if loop.error is not None:
        raise loop.error
    return loop.result()


def _row(trial: _Trial, budget: float | None, seconds: float, plain: float, result: LoopResult) -> Guessed:
    told, asked = result.speculation, len(result.iterations)
    if told is None:
        return Guessed(trial.optimizer, trial.seed, trial.load, budget, seconds, plain / seconds, asked, asked, 0, 0,
                       0.0, 0.0, 0.0)
    return Guessed(trial.optimizer, trial.seed, trial.load, budget, seconds, plain / seconds, asked,
                   asked - told.hits, told.launched, told.hits, told.wasted_s, told.useful_s, told.masked_s)
