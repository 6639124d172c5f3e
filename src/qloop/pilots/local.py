"""The local pilot: worker processes on this machine, forked from a warm zygote, each of one core.

No thread of its own: whoever polls does the reading and the writing, under one lock. A worker that ends for whatever
reason, a kill ordered here included, leaves at once and is replaced as soon as its process is buried.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import ClassVar, Final, Self

from qloop.errors import InvalidInput
from qloop.model.needs import ONE_CORE, Capacity, Share
from qloop.model.states import Outcome
from qloop.pilots import arguments, machine, wire
from qloop.pilots.crew import Crew
from qloop.pilots.ear import Ear
from qloop.pilots.machine import Node
from qloop.pilots.member import Running
from qloop.pilots.protocol import Ended, PilotEvent
from qloop.pilots.spec import PilotSpec

_ENVIRONMENTS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({"": ("numpy",)})


class LocalPilot:
    """A pool of worker processes on this machine.

    `environments` maps names to modules that are imported before the workers are forked, so that tasks in them start
    warm (by default the nameless one, with NumPy); `memory_bytes` limits each worker's address space (0: no limit).
    `node`: what the workers announce (None: this machine); `mpi`: the command that starts ranks, before its `-n`.
    """

    kind: ClassVar[str] = "local"

    def __init__(self, name: str = "local", *, environments: Mapping[str, Sequence[str]] = _ENVIRONMENTS,
                 memory_bytes: int = 0, node: Node | None = None, mpi: str = "mpiexec") -> None:
        self.name = arguments.pilot_name(name)
        warm = arguments.environments(environments)
        limit = arguments.memory_bytes(memory_bytes)
        self._lock, self._polling = threading.RLock(), threading.Lock()
        self._ear = Ear(self._lock)
        self._crew = Crew(self._ear.selector, self.name, warm, limit, node, mpi)
        self._started = self._stopped = False

    def start(self, size: int) -> None:
        """Bring up `size` workers; they announce themselves through `poll`. `InvalidInput` if called twice."""
        workers = arguments.size(size, least=0)
        with self._lock:
            if self._started or self._stopped:
                raise InvalidInput(f"The pilot {self.name!r} was started before", "", "Make a new one")
            self._crew.hatch(workers)
            self._started = True

    def grow(self, count: int) -> None:
        """Bring up `count` more workers; see `Pilot.grow`."""
        with self._lock:
            arguments.growth(count, self._crew.size)
            self._must_run()
            self._crew.grow(count)
            self.wake()     # a poll that waits does not know of their channels

    def release(self, worker: str) -> None:
        """Let this worker go for good; see `Pilot.release`."""
        with self._lock:
            member = self._crew.workers.get(worker)
            if member is not None:
                self._crew.release(member)
                self.wake()

    def answer(self, worker: str, task: str, attempt: int, number: int, data: bytes) -> None:
        """Answer a question of this attempt; see `Pilot.answer`."""
        arguments.payload(data)
        with self._lock:
            member = self._crew.workers.get(worker)
            running = member.running if member is not None else None
            if member is not None and running is not None and (running.task, running.attempt) == (task, attempt):
                self._crew.send(member, wire.encode(wire.ANSWER, (number,), (data,)))

    def run(self, worker: str, task: str, attempt: int, payload: bytes, *, environment: str = "",
            limit_s: float = 0.0, share: Share = ONE_CORE) -> None:
        """Run a payload on this worker; see `Pilot.run`."""
        arguments.payload(payload)
        arguments.share(share)
        deadline = arguments.deadline_ns(limit_s)
        with self._lock:
            member = self._crew.workers.get(worker)
            if member is None:
                self._crew.events.append(Ended(worker, task, attempt, Outcome.LOST, error="the worker has left"))
                self.wake()
                return
            if member.running is not None:
                raise InvalidInput(f"The worker {worker!r} cannot run task {task!r} now",
                                   f"its only core runs {member.running.task!r}", "Wait for its end")
            running = Running(task, attempt, time.monotonic_ns(), limit_s, deadline, share)
            self._crew.give(member, running, environment, payload)
            if deadline:
                self.wake()     # a poll that waits does not know of this limit

    def abort(self, worker: str, task: str, attempt: int) -> None:
        """Kill this attempt if that worker runs it now; see `Pilot.abort`."""
        with self._lock:
            member = self._crew.workers.get(worker)
            running = member.running if member is not None else None
            if member is not None and running is not None and (running.task, running.attempt) == (task, attempt):
                self._crew.let_go(member, Outcome.CANCELLED, "the attempt was aborted")
                self.wake()

    def poll(self, timeout: float) -> list[PilotEvent]:
        """What happened since the last call; see `Pilot.poll`."""
        with self._polling:
            until = time.monotonic() + timeout
            while self._silent() and not self._listen(until) and time.monotonic() < until:
                pass
        with self._lock:
            events, self._crew.events = self._crew.events, []
            if not events and self._crew.failure is not None:
                raise self._crew.failure
            return events

    def wake(self) -> None:
        """Let a `poll` that waits, or the next one, return at once."""
        self._ear.wake()

    def fileno(self) -> int:
        """Readable when `poll` has something to do, time limits aside; -1 after `stop`."""
        return self._ear.fileno()

    def due(self) -> float:
        """When (`time.monotonic`) the next time limit is over and `poll` is to be called; infinity if there is none."""
        with self._lock:
            return self._crew.due()

    def pids(self) -> dict[str, int]:
        """The process id of each worker that has joined."""
        with self._lock:
            return {worker: member.pid for worker, member in self._crew.workers.items()}

    def stop(self, reason: str = "the pilot was stopped") -> None:
        """End every process this pilot started, for this reason; see `Pilot.stop`."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            self.wake()
        with self._polling, self._lock:
            self._crew.clear(reason)
            self._ear.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    def _must_run(self) -> None:
        if not self._started or self._stopped:
            raise InvalidInput(f"The pilot {self.name!r} cannot grow", "it has not been started, or has been stopped")

    def _silent(self) -> bool:
        """Whether there is nothing to tell yet, but may be."""
        return not self._stopped and not self._crew.events and self._crew.failure is None

    def _listen(self, until: float) -> bool:
        """Wait for something to read or write, and do it; True if somebody called `wake`."""
        woken = self._ear.listen(min(until, self.due()))
        with self._lock:
            self._crew.expire()
        return woken


def open_pilot(spec: PilotSpec) -> LocalPilot:
    """The local pilot that a user wishes. `InvalidInput` for an address, options, or what this machine has not."""
    if spec.address or spec.options:
        raise InvalidInput(f"The local pilot {spec.label!r} is given an address or options", "It has none",
                           "Leave them out, or name another kind of pilot")
    here = machine.here(spec.label, spec.on_node)
    if spec.gpus > len(here.capacity.gpus):
        raise InvalidInput(f"The local pilot {spec.label!r} is to have {spec.gpus} GPUs",
                           f"this machine has {len(here.capacity.gpus)}", "Ask for these, or for another kind of pilot")
    return LocalPilot(spec.label, environments=spec.environments or _ENVIRONMENTS,
                      node=Node(spec.label, capacity_of(spec)))


def capacity_of(spec: PilotSpec) -> Capacity:
    """What this machine gives to all workers of such a pilot together, with a core for each of them at least."""
    here = machine.here(spec.label, spec.on_node).capacity
    return Capacity(spec.cores or here.cores, spec.memory_bytes or here.memory_bytes, here.gpus[:spec.gpus])
