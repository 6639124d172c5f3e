"""Carries a workload out on a runtime, and hands back the trace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from qloop.errors import QloopError
from qloop.loops.loop import Loop
from qloop.loops.session import Session
from qloop.miniapps.demo.workload import Background, Part, Workload
from qloop.trace.check import check
from qloop.trace.provenance import configuration_hash
from qloop.trace.reader import Trace


class Platform(Protocol):
    """What the demo needs of a runtime besides what sessions need of it."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after so many seconds of the run's clock."""

    def now_s(self) -> float:
        """Seconds of the run's clock."""

    def run_until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`."""

    def trace(self) -> Trace:
        """What was recorded so far."""


Watch = Callable[[float, int], object]
"""Told, again and again, the time of the run's clock in seconds and how many sessions have ended."""


class Play:
    """One performance of a workload on one platform."""

    def __init__(self, platform: Platform, workload: Workload) -> None:
        self.platform, self.workload = platform, workload
        self.client: Any = platform
        self.ended = 0
        self._lock = threading.Lock()
        self.errors: list[BaseException] = []

    @property
    def total(self) -> int:
        """How many sessions there are."""
        return len(self.workload.parts) + len(self.workload.background)

    def run(self, watch: Watch = lambda now, ended: None) -> Trace:
        """Let everything arrive and run to its end; raises what went wrong in any session."""
        for part in self.workload.parts:
            self.platform.later(part.arrival_s, lambda part=part: self._open_loop(part))  # type: ignore[misc]
        for task in self.workload.background:
            self.platform.later(task.arrival_s, lambda task=task: self._open_task(task))  # type: ignore[misc]

        def finished() -> bool:
            watch(self.platform.now_s(), self.ended)
            return self.ended >= self.total or bool(self.errors)

        self.platform.run_until(finished)
        if self.errors:
            raise QloopError("A session of the demo failed", str(self.errors[0]), "") from self.errors[0]
        trace = self._signed(self.platform.trace())
        check(trace)
        return trace

    def _open_loop(self, part: Part) -> None:
        """A loop arrives: its session opens, and it goes on by events."""
        role, problem = part.role, part.problem
        session = Session(role.name, runtime=self.client, tenant=role.tenant, shots=role.shots,
                          optimum=problem.ground_energy)
        loop = session.loop(problem.circuit, problem.observable, optimizer=part.optimizer(), think=part.think)
        loop.start(lambda done: self._loop_ended(session, done))

    def _loop_ended(self, session: Session, loop: Loop) -> None:
        if loop.error is not None:
            self.errors.append(loop.error)
        session.close()
        self._one_ended()

    def _open_task(self, task: Background) -> None:
        """A single task arrives in a session of its own, which takes no other."""
        made = self.workload.circuits[task.circuit]
        session = Session(task.name, runtime=self.client, tenant=task.tenant, shots=task.shots, kind="background")
        future = session.submit(made.circuit, made.observable, self.workload.angles(task))
        session.close()
        future.add_done_callback(lambda done: self._task_ended(done.exception()))

    def _task_ended(self, error: BaseException | None) -> None:
        if error is not None:
            self.errors.append(error)
        self._one_ended()

    def _one_ended(self) -> None:
        with self._lock:        # in real time each QPU has a thread of its own
            self.ended += 1

    def _signed(self, trace: Trace) -> Trace:
        """The trace with the workload in its header; in virtual time without the wall's date, of which that knows none.

        So the same seed gives the same bytes.
        """
        mix, head = msgspec.to_builtins(self.workload.mix), trace.header
        settings = {**head.configuration, "horizon_s": self.workload.horizon_s, "mix": mix}
        told = "qloop demo: energies of emulated noisy QPUs, modelled thinking time"
        header = msgspec.structs.replace(
            head, started_at="" if head.clock == "virtual" else head.started_at, configuration=settings,
            configuration_hash=configuration_hash(settings), note="; ".join(filter(None, (told, head.note))))
        return Trace(header, trace.events)
