"""The character of a run: how many tasks of which length, in which stages, as a workload for `qloop simulate`.

A scenario's sessions do not wait for each other. So a motif whose parts do (the last of one stage before the first of
the next) is a scenario for each stage, and its makespan is the sum of theirs. In a stage every chain of tasks is a
session that is there from the begin: its iterations are the chain's classical and quantum tasks in turn. Tasks without
a quantum part are a session's `post`, since all before it then takes no time. A task of several ranks takes several
cores at once, so a scenario's worker stands for that many cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from qloop.errors import InvalidInput, QloopError
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Parameters
from qloop.miniapps.motifs.record import Result, Task
from qloop.miniapps.motifs.site import Site

POLICY = "fifo"
LONGEST_FACTOR = 2.0    # a stage is looked at for so many times the length of its tasks one after the other
LEAST_S = 1.0
SMALLEST_S = 1e-9
MOST_DRAWN = 4096       # durations that a scenario lists


class Stage(msgspec.Struct, frozen=True):
    """Tasks between two barriers: per chain its quantum tasks, and the seconds of every task by kind, in order.

    `chains` and `moved` (bytes of arguments and results) are those of one run; durations are of all runs together.
    `overhead_s`: what the task that waited least still waited; `setup_s`: the median time to make a QPU ready
    for the first quantum task of a chain.
    """

    name: str
    chains: int
    ranks: int
    width: int
    quantum_per_chain: tuple[int, ...]
    classical_s: tuple[float, ...]
    quantum_s: tuple[float, ...]
    overhead_s: float
    setup_s: float
    moved: int

    @property
    def work_s(self) -> float:
        """All its tasks one after the other."""
        return sum(self.classical_s) + sum(self.quantum_s)


class Profile(msgspec.Struct, frozen=True):
    """A motif as a workload: its stages in order, and what was measured of so many `runs` as a whole, on average."""

    motif: str
    coupling: str
    parameters: dict[str, Any]
    stages: tuple[Stage, ...]
    runs: int
    makespan_s: float
    cold_s: float
    slots: int
    qpus: int

    @property
    def classical_s(self) -> float:
        """Core seconds of classical tasks of a run."""
        return sum(stage.ranks * sum(stage.classical_s) for stage in self.stages) / self.runs

    @property
    def quantum_s(self) -> float:
        """Seconds of QPUs of a run."""
        return sum(sum(stage.quantum_s) for stage in self.stages) / self.runs

    @property
    def ratio(self) -> float:
        """Core seconds for each second of a QPU; infinite without quantum tasks."""
        return self.classical_s / self.quantum_s if self.quantum_s else float("inf")

    @property
    def rate(self) -> float:
        """Tasks per second of a run."""
        tasks = sum(len(stage.classical_s) + len(stage.quantum_s) for stage in self.stages) / self.runs
        return tasks / self.makespan_s if self.makespan_s else float("inf")


def characterize(motif: Motif, parameters: Parameters, site: Site, *, qpus: int = 1, runs: int = 3) -> Profile:
    """Run a mini-app once cold and then so many times, and tell what the latter show together.

    Raises what the mini-app raises, and `QloopError` if a check does not hold: what is wrong has no character.
    """
    cold = run_checked(motif, parameters, site)
    warm = [run_checked(motif, parameters, site) for _ in range(runs)]
    return profile(motif, warm, qpus, cold.makespan_s)


def run_checked(motif: Motif, parameters: Parameters, site: Site) -> Result:
    """A run whose checks hold."""
    result = motif.run(parameters, site)
    for check in result.checks:
        if not check.holds:
            raise QloopError(f"{check.name} of {motif.name} is {check.value:.6g}, not {check.exact:.6g}", check.why,
                             "Give parameters with which its checks hold")
    return result


def profile(motif: Motif, results: Sequence[Result], qpus: int, cold_s: float = 0.0) -> Profile:
    """What runs with the same parameters on so many QPUs show together; `cold_s` is the makespan of a cold one.

    `InvalidInput` if they did no task.
    """
    names = list(dict.fromkeys(task.stage for result in results for task in result.tasks))
    if not names:
        raise InvalidInput(f"No run of {motif.name} did a task", "There is nothing to characterise", "Run it first")
    stages = tuple(stage for name in names for stage in _stages(name, results))
    first = results[0]
    return Profile(motif.name, motif.coupling, first.parameters, stages, len(results),
                   sum(result.makespan_s for result in results) / len(results), cold_s, first.slots, qpus)


def _stages(name: str, results: Sequence[Result]) -> list[Stage]:
    """A stage of the runs; chains that use QPUs are told apart from those that do not."""
    runs = [[task for task in result.tasks if task.stage == name] for result in results]
    quantum = {task.chain for tasks in runs for task in tasks if task.kind == "quantum"}
    parts = [[task for task in tasks if (task.chain in quantum) == wanted] for wanted in (True, False)
             for tasks in runs]
    both = [parts[:len(runs)], parts[len(runs):]]
    kept = [part for part in both if any(part)]
    labels = [name] if len(kept) == 1 else [name, f"{name}-classical"]
    return [_stage(label, part) for label, part in zip(labels, kept, strict=True)]


def _stage(name: str, runs: Sequence[Sequence[Task]]) -> Stage:
    """One stage of several runs."""
    tasks = [task for one in runs for task in one]
    chains = [len({task.chain for task in one}) for one in runs]
    counts: dict[tuple[int, int], int] = {}
    setups: dict[tuple[int, int], float] = {}
    for number, one in enumerate(runs):
        for task in one:
            counts[number, task.chain] = counts.get((number, task.chain), 0) + (task.kind == "quantum")
            if task.kind == "quantum":
                setups.setdefault((number, task.chain), task.setup_s)
    classical, quantum = (tuple(task.run_s for task in tasks if task.kind == kind) for kind in ("classical", "quantum"))
    return Stage(name, max(chains), max(task.ranks for task in tasks), max(task.width for task in tasks),
                 tuple(counts.values()), classical, quantum, min(task.wait_s - task.setup_s for task in tasks),
                 median(setups.values()) if setups else 0.0, sum(task.moved for task in tasks) // len(runs))


def scenario_tables(found: Profile, stage: Stage, *, workers: Sequence[int] = (), chains: int = 0,
                    replications: int = 20) -> dict[str, Any]:
    """The tables of the scenario file of a stage, with so many `chains` (0: as measured).

    `workers`: a grid over so many cores; every point has at least as many as a task has ranks.
    """
    count = chains or stage.chains
    longest = LONGEST_FACTOR * stage.work_s * max(1.0, count / stage.chains)
    tables: dict[str, Any] = {
        "scenario": {"name": f"{found.motif}-{stage.name}", "policy": POLICY,
                     "duration": f"{max(LEAST_S, longest):.6g} s"},
        "arrivals": {"kind": "recorded", "times": [0.0] * count},
        "sessions": _sessions(stage),
        "classical": {"discipline": "slots", "workers": max(1, found.slots // stage.ranks)},
        "transfer": {"submit": f"{stage.overhead_s:.6g} s"},
        "qpus": [{"name": "qpu", "count": max(1, found.qpus), "compile": f"{stage.setup_s:.6g} s"}],
        "campaign": {"replications": replications}}
    if workers:
        tables["campaign"]["grid"] = {"classical.workers": sorted({max(1, each // stage.ranks) for each in workers})}
    return tables


def _sessions(stage: Stage) -> dict[str, Any]:
    """The sessions of a stage, drawn from the durations that were measured."""
    found: dict[str, Any] = {"sizes": [max(1, stage.width)], "pre": 0.0}
    if not stage.quantum_s:
        return {**found, "iterations": 1, "classical": 0.0, "quantum": 0.0, "post": drawn(stage.classical_s)}
    counts = sorted(set(stage.quantum_per_chain))
    iterations: Any = counts[0] if len(counts) == 1 else {"kind": "empirical", "values": list(stage.quantum_per_chain)}
    rest = drawn(stage.classical_s) if stage.classical_s else 0.0
    return {**found, "iterations": iterations, "classical": rest, "quantum": drawn(stage.quantum_s), "post": 0.0,
            "redraw": "iteration"}


def drawn(values: Sequence[float]) -> Any:
    """Measured seconds as a distribution: a constant if they are alike, else the values, thinned out by rank."""
    ordered = sorted(max(SMALLEST_S, value) for value in values)
    if ordered[0] == ordered[-1]:
        return ordered[0]
    if len(ordered) > MOST_DRAWN:
        ordered = [ordered[(2 * n + 1) * len(ordered) // (2 * MOST_DRAWN)] for n in range(MOST_DRAWN)]
    return {"kind": "empirical", "values": [float(f"{value:.9g}") for value in ordered]}


def listed_makespan(stage: Stage, slots: int, qpus: int = 1) -> float:
    """The makespan of a stage of tasks that do not follow each other, handed out in order to slots, or to QPUs."""
    free = [0.0] * (qpus if stage.quantum_s else slots)
    for length in stage.quantum_s or stage.classical_s:
        first = free.index(min(free))
        free[first] += length
    return max(free)
