"""The demo's workload as a plan: what is known of it before anything has run, for who predicts what will happen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qloop.miniapps.demo.workload import Background, Part, Workload
from qloop.miniapps.problems.problem import Problem
from qloop.model.planned import PlannedSession, PlannedTask
from qloop.qpus.protocol import LocalQpu, Program, Request

SECOND = 1_000_000_000
NOWHERE = -1


def plan(workload: Workload, qpus: Sequence[LocalQpu]) -> tuple[PlannedSession, ...]:
    """The sessions in the order in which the demo asks for them.

    Times on QPUs are those of the emulated hardware for circuit and shots. How many iterations a loop has is known from
    rehearsing its optimizer (`Part.batches`); no energy is.
    """
    return (*(_loop(part, qpus) for part in workload.parts),
            *(_single(workload, task, qpus) for task in workload.background))


def programs(workload: Workload, qpus: Sequence[LocalQpu]) -> tuple[tuple[str, Program], ...]:
    """Every circuit of the workload as it is compiled for each QPU that can hold it, with the QPU's name."""
    problems = {id(made): made for made in (*(part.problem for part in workload.parts), *workload.circuits)}
    found = {(qpu.describe().name, program.structure): program for made in problems.values()
             for qpu, program in filter(None, _programs(made, qpus))}
    return tuple((name, program) for (name, _), program in found.items())


def _loop(part: Part, qpus: Sequence[LocalQpu]) -> PlannedSession:
    """A loop: its thinking times are drawn already."""
    compiled, thinks = _programs(part.problem, qpus), [nanoseconds(part.think(k)) for k in range(len(part.batches))]
    tasks = [_task(compiled, rows, part.role.shots, part.problem.n_qubits, thinks[k - 1] if k else 0, part.think(k))
             for k, rows in enumerate(part.batches)]
    return PlannedSession(part.role.name, part.role.tenant, nanoseconds(part.arrival_s), tuple(tasks),
                          thinks[-1] if thinks else 0)


def _single(workload: Workload, task: Background, qpus: Sequence[LocalQpu]) -> PlannedSession:
    made = workload.circuits[task.circuit]
    one = _task(_programs(made, qpus), 1, task.shots, made.n_qubits, 0, 0.0)
    return PlannedSession(task.name, task.tenant, nanoseconds(task.arrival_s), (one,), kind="background")


def _task(compiled: Sequence[tuple[LocalQpu, Program] | None], rows: int, shots: int, width: int, delay_ns: int,
          cpu_s: float) -> PlannedTask:
    times = tuple(NOWHERE if made is None else _duration(*made, rows, shots) for made in compiled)
    # the scheduler is told the time on the first QPU that is wide enough
    first = next((ns for ns in times if ns != NOWHERE), 0)
    structure = next((program.structure for _, program in filter(None, compiled)), "")
    return PlannedTask(delay_ns, times, width, shots * rows, first * 1e-9, cpu_s, structure)


def _programs(made: Problem, qpus: Sequence[LocalQpu]) -> list[tuple[LocalQpu, Program] | None]:
    """The circuit on each QPU, None where it does not fit; they were compiled when the workload was drawn."""
    return [(qpu, qpu.compile(made.circuit, made.observable)) if qpu.describe().n_qubits >= made.n_qubits else None
            for qpu in qpus]


def _duration(qpu: LocalQpu, program: Program, rows: int, shots: int) -> int:
    return qpu.duration(program, Request(np.zeros((rows, program.n_parameters)), shots, ()))


def nanoseconds(seconds: float) -> int:
    """As the run's clock counts them."""
    return round(seconds * SECOND)
