"""Variational loop: VQE and QAOA in sessions, one loop or several side by side."""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import numpy as np

from qloop.loops.loop import Loop
from qloop.loops.result import LoopResult
from qloop.loops.session import Session
from qloop.miniapps.motifs import dense
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Choice, Parameters, Real, Whole
from qloop.miniapps.motifs.record import Check, Recorder, Result
from qloop.miniapps.motifs.site import Site
from qloop.miniapps.motifs.timed_steps import TimedSteps
from qloop.miniapps.problems import registry
from qloop.miniapps.problems.problem import Problem

NAME = "variational-loop"
ROUNDING = 1e-8
FALSE_ALARM = 1e-6
SIZED = ("ising", "maxcut")


class VariationalLoop(Parameters, frozen=True, kw_only=True):
    """So many loops of one problem, each in a session and from a start of its own; h2 and lih have a fixed size."""

    problem: Annotated[str, Choice(("h2", "lih", "ising", "maxcut"), "VQE of a molecule or a chain, QAOA of a graph",
                                   )] = "h2"
    nodes: Annotated[int, Whole(4, 20, "qubits", "Spins of the chain or nodes of the graph", even=True)] = 6
    layers: Annotated[int, Whole(1, 20, "layers", "Layers of the ansatz")] = 2
    optimizer: Annotated[str, Choice(("auto", "rotosolve", "spsa", "nelder-mead", "adam", "cma-es", "gradient-descent"),
                                     "Who chooses the parameters; auto: rotosolve where each is in one gate, else "
                                     "nelder-mead")] = "auto"
    iterations: Annotated[int, Whole(1, 10_000, "iterations", "At most so many of each loop")] = 100
    shots: Annotated[int, Whole(0, 1_000_000, "shots", "Shots of each evaluation; 0: exact values")] = 0
    loops: Annotated[int, Whole(1, 256, "loops", "Loops side by side")] = 1
    on_workers: Annotated[int, Whole(0, 1, "", "1: the classical steps run on workers")] = 0
    think_s: Annotated[float, Real(0.0, 3600.0, "s", "What a classical step takes in virtual time")] = 0.0
    quality: Annotated[float, Real(0.0, 1.0, "", "How far from pure noise (0) to the ground state (1) the best loop "
                                                 "must come; 0 waives it")] = 0.8
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of the starts, the optimizers and the graph")] = 0


class Course(msgspec.Struct):
    """One loop with its session, and the seconds of its classical steps."""

    session: Any
    loop: Any
    steps: Any


def run(parameters: VariationalLoop, site: Site) -> Result:
    """Run the loops to their ends, and compare their energies with the exact ones."""
    record = Recorder(NAME, parameters, site)
    with record.phase("stage"):
        problem = problem_of(parameters)
    courses: list[Course] = []
    try:
        with record.phase("submit"):
            for n in range(parameters.loops):
                courses.append(_begun(parameters, problem, site, n))
        with record.phase("wait"):
            site.until(lambda: all(course.loop.finished for course in courses))
    finally:
        for course in courses:
            course.session.close()
    results = [_ended(record, course, problem.n_qubits) for course in courses]
    with record.phase("check"):
        exact = [dense.value_of(dense.bound(problem.circuit, one.x), problem.observable) for one in results]
    noisy = any(one.cost.net_ns > 0 for one in results)
    best = min(range(len(results)), key=lambda n: exact[n])
    told = {"energy": results[best].fun, "exact_energy": exact[best], "ground_energy": problem.ground_energy,
            "quality": problem.quality(exact[best]), "iterations": sum(one.nit for one in results),
            "evaluations": sum(one.nfev for one in results)}
    return record.finish(told, checks(parameters, problem, results, exact, noisy))


def problem_of(parameters: VariationalLoop) -> Problem:
    """The problem with its ansatz."""
    given: dict[str, Any] = {"layers": parameters.layers}
    if parameters.problem in SIZED:
        given["nodes"] = parameters.nodes
    if parameters.problem == "maxcut":
        given["seed"] = parameters.seed
    return registry.problem(parameters.problem, **given)


def optimizer_of(parameters: VariationalLoop) -> str:
    """The optimizer's name: Rotosolve where each parameter is the angle of one gate, as in molecules' circuits."""
    if parameters.optimizer != "auto":
        return parameters.optimizer
    return "nelder-mead" if parameters.problem in SIZED else "rotosolve"


def _begun(parameters: VariationalLoop, problem: Problem, site: Site, number: int) -> Course:
    """A loop that has begun in a session of its own."""
    session: Session = site.session(shots=parameters.shots or None, optimum=problem.ground_energy)
    loop = session.loop(problem.circuit, problem.observable, problem.initial_point(parameters.seed + number),
                        optimizer=optimizer_of(parameters), maxiter=parameters.iterations,
                        seed=parameters.seed + number, workers=bool(parameters.on_workers),
                        think=lambda _: parameters.think_s)
    steps = TimedSteps(loop.stepper, site.now_s)
    loop.stepper = steps
    loop.start(_done)
    return Course(session, loop, steps)


def _done(loop: Loop) -> None:
    """The loop knows itself that it has ended."""


def _ended(record: Recorder, course: Course, width: int) -> LoopResult:
    """The loop's result; keeps its iterations as a chain of tasks."""
    if course.loop.error is not None:
        raise course.loop.error
    result: LoopResult = course.loop.result()
    chain = record.chain("loop")
    for entry, classical_s in zip(result.iterations, course.steps.seconds, strict=True):
        net_s = entry.cost.net_ns * 1e-9
        beside = max(0.0, entry.wait_s - classical_s)
        record.quantum("loop", chain, net_s or beside, max(0.0, beside - net_s) if net_s else 0.0, width)
        record.step("loop", chain, classical_s)
    return result


def checks(parameters: VariationalLoop, problem: Problem, results: list[LoopResult], exact: list[float],
           noisy: bool) -> list[Check]:
    """Energies at the final parameters, computed anew, against what the loops say and the ground state."""
    ground, best = problem.ground_energy, min(exact)
    found = [Check("variational bound", best, ground, ROUNDING, "no state is below the ground state", "above")]
    if parameters.quality:
        found.append(Check("quality", problem.quality(best), parameters.quality, 0.0,
                           "how far the best loop must come, as wished", "above"))
    if not noisy:
        worst = max(range(len(results)), key=lambda n: abs(results[n].fun - exact[n]))
        size = float(np.abs(problem.observable.coeffs).sum())
        slack = size * math.sqrt(2.0 * math.log(2.0 * len(results) / FALSE_ALARM) / parameters.shots) \
            if parameters.shots else 0.0
        found.append(Check("energy as told", results[worst].fun, exact[worst], slack + ROUNDING,
                           "Hoeffding's bound for its shots, or rounding"))
    return found


MOTIF = Motif(name=NAME, parameters=VariationalLoop, run=run, coupling="tight", uses=("qpus",), seconds=0.8,
              about="VQE and QAOA loops in sessions",
              exercises="the turn-around between a classical step and the QPU",
              exact="ground energies, and the energy at the final parameters by a state vector")
