"""The local pilot: worker processes on this machine, forked from a warm zygote, each of one core.

No thread of its own: whoever polls does the reading and the writing, under one lock. A worker that ends for whatever
reason, a kill ordered here included, leaves at once and is replaced as soon as its process is buried.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import ClassVar, Final, Self

from qloop.errors import InvalidInput
from qloop.model.limits import SECOND
from qloop.model.states import Outcome
from qloop.pilots import arguments
from qloop.pilots.crew import Crew
from qloop.pilots.member import Running
from qloop.pilots.protocol import Ended, PilotEvent

_ENVIRONMENTS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({"": ("numpy",)})


class LocalPilot:
    """A pool of worker processes on this machine.

    `environments` maps names to modules that are imported before the workers are forked, so that tasks in them start
    warm (by default the nameless one, with NumPy); `memory_bytes` limits each worker's address space (0: no limit).
    """

    kind: ClassVar[str] = "local"

    def __init__(self, name: str = "local", *, environments: Mapping[str, Sequence[str]] = _ENVIRONMENTS,
                 memory_bytes: int = 0) -> None:
        self.name = arguments.pilot_name(name)
        warm = arguments.environments(environments)
        self._crew = Crew(self.name, warm, arguments.memory_bytes(memory_bytes))
        self._lock, self._polling = threading.RLock(), threading.Lock()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._crew.selector.register(self._woken, selectors.EVENT_READ, lambda mask: None)
        self._started = self._stopped = False

    def start(self, size: int) -> None:
        """Bring up `size` workers; they announce themselves through `poll`. `InvalidInput` if called twice."""
        workers = arguments.size(size)
        with self._lock:
            if self._started or self._stopped:
                raise InvalidInput(f"The pilot {self.name!r} was started before", "", "Make a new one")
            self._crew.hatch(workers)
            self._started = True

    def run(self, worker: str, task: str, attempt: int, payload: bytes, *, environment: str = "",
            limit_s: float = 0.0) -> None:
        """Run a payload on this worker; see `Pilot.run`."""
        arguments.payload(payload)
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
            running = Running(task, attempt, time.monotonic_ns(), limit_s, deadline)
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
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._waker.fileno() >= 0:
                self._waker.send(b"w")

    def fileno(self) -> int:
        """Readable when `poll` has something to do, time limits aside; -1 after `stop`."""
        return -1 if self._waker.fileno() < 0 else int(self._crew.selector.fileno())

    def pids(self) -> dict[str, int]:
        """The process id of each worker that has joined."""
        with self._lock:
            return {worker: member.pid for worker, member in self._crew.workers.items()}

    def stop(self) -> None:
        """End every process this pilot started; see `Pilot.stop`."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            self.wake()
        with self._polling, self._lock:
            self._crew.clear("the pilot was stopped")
            self._crew.selector.close()
            self._woken.close()
            self._waker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    def _silent(self) -> bool:
        """Whether there is nothing to tell yet, but may be."""
        return not self._stopped and not self._crew.events and self._crew.failure is None

    def _listen(self, until: float) -> bool:
        """Wait for something to read or write, and do it; True if somebody called `wake`."""
        with self._lock:
            deadlines = [member.running.deadline_ns / SECOND for member in self._crew.workers.values()
                         if member.running is not None and member.running.deadline_ns]
        ready = self._crew.selector.select(max(0.0, min([until, *deadlines]) - time.monotonic()))
        woken = False
        with self._lock:
            for key, mask in ready:
                hear: Callable[[int], None] = key.data
                hear(mask)
                woken = woken or key.fileobj is self._woken
            with contextlib.suppress(BlockingIOError):
                while woken and self._woken.recv(4096):
                    pass
            self._crew.expire()
        return woken
