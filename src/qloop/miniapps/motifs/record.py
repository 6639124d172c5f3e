"""What a run of a mini-app leaves: values, checks against exact answers, times by phase, and every task.

Phases: `submit` (handing tasks over), `wait` (for their results, on the caller's side), `stage` (making and packing
inputs), `compile`, `run` (tasks at work: sums over tasks, so that they may exceed the makespan), `reconstruct` (putting
results together), `check` (computing exact answers, which is no part of the motif nor of its makespan). All are seconds
of the site's clock: in virtual time only what is modelled takes any.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import msgspec

from qloop.loops.future import QuantumFuture
from qloop.miniapps.motifs.parameters import Parameters, as_dict
from qloop.miniapps.motifs.site import Handle, Site

T = TypeVar("T")
PHASES = ("submit", "wait", "stage", "compile", "run", "reconstruct", "check")
OWN = ("stage", "compile", "reconstruct")       # the caller's own work, which is a task of the motif


class Check(msgspec.Struct, frozen=True):
    """A value of the run beside its exact answer; `why` says where the tolerance is from.

    `bound` "both": |value - exact| <= tolerance; "above": value >= exact - tolerance; "below": value <= exact +
    tolerance.
    """

    name: str
    value: float
    exact: float
    tolerance: float
    why: str
    bound: str = "both"

    @property
    def holds(self) -> bool:
        """Whether the value is where it must be; nan is not."""
        off = self.value - self.exact
        away = {"both": abs(off), "above": -off, "below": off}[self.bound]
        return not math.isnan(away) and away <= self.tolerance


class Task(msgspec.Struct, frozen=True):
    """One task that was done: in which stage and chain (tasks of a chain follow each other), of which kind and size.

    `run_s`: at work; `wait_s`: from its submission to its end otherwise, `setup_s` of it while its QPU was made ready
    for it. `moved`: bytes of arguments and result.
    """

    stage: str
    chain: int
    kind: str
    run_s: float
    wait_s: float = 0.0
    ranks: int = 1
    width: int = 0
    moved: int = 0
    setup_s: float = 0.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run: `values` by name, `checks`, seconds by phase, tasks in order, and how long it all took."""

    motif: str
    parameters: dict[str, Any]
    values: dict[str, float]
    checks: tuple[Check, ...]
    phases: dict[str, float]
    tasks: tuple[Task, ...]
    makespan_s: float
    slots: int

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the number of tasks of each kind instead of each task."""
        plain = msgspec.to_builtins(self)
        kinds = [task.kind for task in self.tasks]
        return {**plain, "tasks": {kind: kinds.count(kind) for kind in sorted(set(kinds))}, "holds": self.holds,
                "checks": [{**msgspec.to_builtins(check), "holds": check.holds} for check in self.checks]}


class Recorder:
    """Keeps times and tasks while a mini-app runs."""

    def __init__(self, motif: str, parameters: Parameters, site: Site) -> None:
        self.motif, self.parameters, self.site = motif, parameters, site
        self.phases = dict.fromkeys(PHASES, 0.0)
        self.tasks: list[Task] = []
        self._begun_s = site.now_s()
        self._chains: dict[str, int] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Whatever is done inside, in this process, is time of this phase."""
        begun = self.site.now_s()
        try:
            yield
        finally:
            took = self.site.now_s() - begun
            self.phases[name] += took
            if name in OWN and took > 0.0:
                self.step(name, self.chain(name), took)

    def chain(self, stage: str) -> int:
        """The number of a new chain of tasks in a stage."""
        number = self._chains.get(stage, 0)
        self._chains[stage] = number + 1
        return number

    def gather(self, stage: str, handles: Sequence[Handle[T]], *, phase: str = "run", ranks: int = 1) -> list[T]:
        """The results of classical tasks in the order of the handles, never of completion; each is a chain."""
        found = []
        for handle in handles:
            with self.phase("wait"):
                found.append(handle.result())
            self.phases[phase] += handle.ran_s
            self.tasks.append(Task(stage, self.chain(stage), "classical", handle.ran_s, handle.waited_s, ranks,
                                   moved=handle.moved))
        return found

    def step(self, stage: str, chain: int, run_s: float) -> None:
        """A classical step of a chain."""
        self.tasks.append(Task(stage, chain, "classical", run_s))

    def quantum(self, stage: str, chain: int, run_s: float, wait_s: float, width: int, setup_s: float = 0.0) -> None:
        """A quantum task that was done."""
        self.phases["run"] += run_s
        self.tasks.append(Task(stage, chain, "quantum", run_s, wait_s, width=width, setup_s=setup_s))

    def finish(self, values: dict[str, float], checks: Sequence[Check]) -> Result:
        """The result; the time of the run ends here."""
        return Result(motif=self.motif, parameters=as_dict(self.parameters),
                      values={name: float(value) for name, value in values.items()}, checks=tuple(checks),
                      phases=self.phases, tasks=tuple(self.tasks),
                      makespan_s=self.site.now_s() - self._begun_s - self.phases["check"],
                      slots=self.site.slots)


class Asked(Generic[T]):
    """A quantum task that was asked for, with the moments that tell how long it waited."""

    def __init__(self, site: Site, future: QuantumFuture[T], width: int) -> None:
        self.future, self.width, self._site = future, width, site
        self.begun_s, self.ended_s = site.now_s(), 0.0
        future.add_done_callback(self._note)

    def _note(self, _: object) -> None:
        self.ended_s = self._site.now_s()


def collect(record: Recorder, stage: str, asked: Sequence[Asked[T]], chain: int = -1) -> list[T]:
    """The results of quantum tasks in the order in which they were asked for; each is a chain, or part of `chain`.

    A QPU works on one task after the other, so each had it from the end of the one before; one without emulated time
    was at work all the while.
    """
    with record.phase("wait"):
        values = [one.future.result() for one in asked]
    free: dict[str, float] = {}
    for one in sorted(asked, key=lambda one: one.ended_s):
        outcome = one.future.outcome()
        held = one.ended_s - max(free.get(outcome.qpu, 0.0), one.begun_s)
        net = outcome.net_ns * 1e-9
        run = net if net > 0.0 else held
        free[outcome.qpu] = one.ended_s
        record.quantum(stage, record.chain(stage) if chain < 0 else chain, run,
                       max(0.0, one.ended_s - one.begun_s - run), one.width, max(0.0, held - run))
    return values


def emulated(asked: Sequence[Asked[Any]]) -> bool:
    """Whether a QPU with emulated time, and so with noise, was among those that answered."""
    return any(one.future.outcome().net_ns > 0 for one in asked)
