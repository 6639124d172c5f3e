"""Optimal schedules by CP-SAT of OR-Tools: the least sum of delays, and the fewest workers under a bound on delays.

The answers are exact: times are divided by their greatest common divisor, of which all times of some optimal schedule
are multiples, and never rounded. `proven` tells whether the solver came to the end within its limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qloop.errors import InvalidInput, MissingExtra
from qloop.simulator.offline.model import Instance, Starts

SEED = 1
PAIRS = 128     # up to so many tasks on one QPU there is a literal for each pair of them: which goes first


@dataclass(frozen=True, slots=True)
class Optimum:
    """A best schedule: its activation times in ns, its value, and the value that no schedule can be below.

    The value is a sum of delays in ns, or a number of workers.
    """

    starts: tuple[tuple[int, ...], ...]
    value: int
    bound: int

    @property
    def proven(self) -> bool:
        """Whether no schedule is better."""
        return self.bound == self.value


class _Problem:
    """The model of an instance in the solver's words."""

    def __init__(self, instance: Instance) -> None:
        try:
            from ortools.sat.python import cp_model
        except ImportError as error:
            raise MissingExtra("The offline optimum", "dev") from error
        self.cp, self.instance = cp_model, instance
        lengths = [task.length for session in instance.tasks for task in session]
        self.unit = math.gcd(*instance.arrival, *lengths) or 1
        self.horizon = max(instance.arrival, default=0) // self.unit + sum(lengths) // self.unit
        self.model = cp_model.CpModel()
        self.starts = [self.chain(i) for i in range(len(instance.tasks))]
        self.ends = [chain[-1] + session[-1].length // self.unit
                     for chain, session in zip(self.starts, instance.tasks, strict=True)]

    def chain(self, i: int) -> list[Any]:
        """The activation times of a session, in their order and after its arrival."""
        lengths = [task.length // self.unit for task in self.instance.tasks[i]]
        earliest, found = self.instance.arrival[i] // self.unit, []
        for j, length in enumerate(lengths):
            found.append(self.model.new_int_var(earliest, self.horizon - sum(lengths[j:]), f"a_{i}_{j}"))
            if j:
                self.model.add(found[j] >= found[j - 1] + lengths[j - 1])
            earliest += length
        return found

    def limit(self, quantum: bool, places: Any) -> None:
        """At most so many tasks of a kind together. Tasks without length take no place."""
        parts = [self.model.new_fixed_size_interval_var(self.starts[i][j], task.length // self.unit, f"i_{i}_{j}")
                 for i, session in enumerate(self.instance.tasks)
                 for j, task in enumerate(session) if task.quantum == quantum and task.length]
        if isinstance(places, int) and places == 1:
            self.model.add_no_overlap(parts)
        else:
            self.model.add_cumulative(parts, [1] * len(parts), places)

    def hint(self, starts: Starts | None) -> None:
        """Begin the search at a known schedule."""
        for chain, known in zip(self.starts, starts or (), strict=False):
            for variable, begin in zip(chain, known, strict=True):
                self.model.add_hint(variable, begin // self.unit)

    def solve(self, limit_s: float) -> Any:
        """The solver after its work; None if there is no schedule. Raises InvalidInput if time did not do for one."""
        solver = self.cp.CpSolver()
        chosen = solver.parameters
        chosen.num_workers, chosen.random_seed, chosen.max_time_in_seconds = 1, SEED, limit_s
        # With the defaults the bound of a crowded QPU stays far below the optimum: minutes in place of a second.
        chosen.linearization_level = 2
        chosen.max_size_to_create_precedence_literals_in_disjunctive = PAIRS
        chosen.use_strong_propagation_in_disjunctive = chosen.use_disjunctive_constraint_in_cumulative = True
        status = solver.solve(self.model)
        if status == self.cp.INFEASIBLE:
            return None
        if status not in (self.cp.OPTIMAL, self.cp.FEASIBLE):
            raise InvalidInput(f"No schedule was found in {limit_s:g} s", "The instance is large for an exact answer",
                               "Give a smaller instance or a longer limit")
        return solver

    def schedule(self, solver: Any) -> tuple[tuple[int, ...], ...]:
        """The activation times found, in ns."""
        return tuple(tuple(int(solver.value(start)) * self.unit for start in chain) for chain in self.starts)


def least_delay(instance: Instance, *, limit_s: float = 60.0, hint: Starts | None = None) -> Optimum:
    """The schedule with the least sum of delays (equation 1 under equation 2).

    `hint` is a known schedule from which the search begins; `limit_s` bounds the search in s of wall time.
    Raises MissingExtra without OR-Tools.
    """
    if not instance.tasks:
        return Optimum((), 0, 0)
    problem = _Problem(instance)
    problem.limit(True, instance.qpus)
    if instance.workers < len(instance.tasks):      # else there is a worker for each session
        problem.limit(False, instance.workers)
    problem.model.minimize(sum(problem.ends))
    problem.hint(hint)
    solver = problem.solve(limit_s)
    assert solver is not None, "one task after the other is a schedule of any instance"
    came = sum(instance.arrival) // problem.unit
    value, bound = round(solver.objective_value) - came, math.ceil(solver.best_objective_bound - 1e-6) - came
    return Optimum(problem.schedule(solver), value * problem.unit, bound * problem.unit)


def fewest_workers(instance: Instance, most: int | Sequence[int], *, limit_s: float = 60.0) -> Optimum:
    """The schedule on the fewest workers C in which no delay is above `most` ns (one bound, or one for each session).

    The instance's own number of workers is not looked at. Raises InvalidInput if no number of workers will do, and
    MissingExtra without OR-Tools.
    """
    bounds = [most] * len(instance.tasks) if isinstance(most, int) else list(most)
    if len(bounds) != len(instance.tasks):
        raise InvalidInput(f"{len(bounds)} bounds were given for {len(instance.tasks)} sessions", "",
                           "Give one bound, or one for each session")
    problem = _Problem(instance)
    workers = problem.model.new_int_var(1, max(1, len(instance.tasks)), "workers")
    problem.limit(True, instance.qpus)
    problem.limit(False, workers)
    for end, came, bound in zip(problem.ends, instance.arrival, bounds, strict=True):
        problem.model.add(end <= (came + bound) // problem.unit)
    problem.model.minimize(workers)
    solver = problem.solve(limit_s)
    if solver is None:
        raise InvalidInput(f"No schedule on {instance.qpus} QPUs keeps these bounds",
                           "Some session is late with a worker for each session", "Give longer bounds or more QPUs")
    return Optimum(problem.schedule(solver), round(solver.objective_value),
                   math.ceil(solver.best_objective_bound - 1e-6))
