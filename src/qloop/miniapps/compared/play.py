"""Runs the loops of a seed: under a policy beside background tasks, or each alone on a QPU that does not drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from qloop.loops.session import Session
from qloop.miniapps.demo.run import Platform, Play
from qloop.miniapps.demo.workload import Part, Workload
from qloop.qpus.protocol import LocalQpu, Program


@runtime_checkable
class Faithful(Protocol):
    """A QPU that knows how well a circuit does on it."""

    def esp_at(self, program: Program, now_ns: int) -> float:
        """The estimated success probability of a compiled circuit at a time."""


class Company(Play):
    """A workload on a platform, with `cold_start_s` before each iteration's parameters, and loops pinned to QPUs."""

    def __init__(self, platform: Platform, workload: Workload, *, cold_start_s: float = 0.0,
                 pins: Mapping[str, str] | None = None) -> None:
        super().__init__(platform, workload)
        self.cold_start_s, self.pins = cold_start_s, pins or {}

    def _open_loop(self, part: Part) -> None:
        """A loop arrives: its session opens, and it goes on by events."""
        role, problem = part.role, part.problem
        session = Session(role.name, runtime=self.client, tenant=role.tenant, shots=role.shots,
                          optimum=problem.ground_energy, qpu=self.pins.get(role.name))
        loop = session.loop(problem.circuit, problem.observable, optimizer=part.optimizer(),
                            think=lambda k: part.think(k) + self.cold_start_s)
        loop.start(lambda done: self._loop_ended(session, done))


def alone(workload: Workload) -> Workload:
    """The loops without the background."""
    return msgspec.structs.replace(workload, background=())


def best_pins(workload: Workload, qpus: Sequence[LocalQpu]) -> dict[str, str]:
    """For each loop the QPU that does best with its circuit as it is at the start; the first of equals."""
    found = {}
    for part in workload.parts:
        made = part.problem
        able = [qpu for qpu in qpus if qpu.describe().n_qubits >= made.n_qubits]
        best = max(able, key=lambda qpu: _esp(qpu, qpu.compile(made.circuit, made.observable)))
        found[part.role.name] = best.describe().name
    return found


def _esp(qpu: LocalQpu, program: Program) -> float:
    return qpu.esp_at(program, 0) if isinstance(qpu, Faithful) else 1.0
