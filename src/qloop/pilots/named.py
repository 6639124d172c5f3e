"""The pilot of a name: one that a keeper holds, reached over its socket, as if its workers were this program's own.

No thread of its own: whoever polls does the reading, under one lock. The keeper shares its workers among all programs
that are connected, attempt by attempt; a worker here is a place in that line.
"""

from __future__ import annotations

import os
import selectors
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from qloop.errors import InvalidInput
from qloop.model.needs import ONE_CORE, Share
from qloop.model.states import Outcome
from qloop.pilots import arguments, messages, wire
from qloop.pilots.ear import Ear
from qloop.pilots.kept import line, registry, words
from qloop.pilots.kept.elsewhere import from_program
from qloop.pilots.protocol import Asked, Began, Ended, Joined, Left, PilotError, PilotEvent, Told
from qloop.pilots.spec import PilotSpec
from qloop.pilots.stream import Stream

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_TICK_S: Final = 5.0


@dataclass(slots=True)
class _Sent:
    """An attempt that the keeper has, and has not told the end of."""

    task: str
    attempt: int
    sent_ns: int


class NamedPilot:
    """The kept pilot `address`, called `name` here. `UnknownName` if there is none, at the start."""

    kind: ClassVar[str] = "named"

    def __init__(self, address: str, name: str = "") -> None:
        self.name = arguments.pilot_name(name or address)
        self._record = registry.find(address)
        self._lock, self._polling = threading.RLock(), threading.Lock()
        self._ear = Ear(self._lock)
        self._stream: Stream | None = None
        self._path: tuple[str, ...] = ()
        self._directory = str(Path.cwd())
        self._most, self._wanted = self._record.spec.most, 0
        self._workers: dict[str, _Sent | None] = {}
        self._departed: dict[str, _Sent] = {}       # what workers ran that have left; the keeper tells its end
        self._events: list[PilotEvent] = []
        self._failure: PilotError | None = None
        self._started = self._stopped = False

    def start(self, size: int) -> None:
        """Connect, and wish for `size` workers (0: none yet); see `Pilot.start`. `PilotError` if it is not reached."""
        with self._lock:
            arguments.size(size, 0, self._most)
            if self._started or self._stopped:
                raise InvalidInput(f"The pilot {self.name!r} was started before", "", "Make a new one")
            self._stream, _ = line.dial(self._record, words.RUNTIME, line.this_program())
            self._stream.socket.setblocking(False)
            self._started = True
            self._path = tuple(map(os.path.abspath, sys.path))
            self._ear.selector.register(self._stream.socket, _READ, partial(self._hear, self._stream))
            if size:
                self.grow(size)

    def grow(self, count: int) -> None:
        """Wish for `count` more workers; see `Pilot.grow`."""
        with self._lock:
            arguments.growth(count, self._wanted, self._most)
            if self._failure is not None:
                raise self._failure
            if not self._started or self._stopped:
                raise InvalidInput(f"The pilot {self.name!r} cannot grow", "it was not started, or has been stopped")
            self._wanted += count
            self._tell(messages.Grow(count))

    def release(self, worker: str) -> None:
        """Give this worker back; see `Pilot.release`."""
        with self._lock:
            if worker in self._workers:
                self._wanted -= 1
                self._leave(worker, "the worker was released")
                self._tell(messages.Release(worker))

    def run(self, worker: str, task: str, attempt: int, payload: bytes, *, environment: str = "",
            limit_s: float = 0.0, share: Share = ONE_CORE) -> None:
        """Run a payload on this worker; see `Pilot.run`."""
        arguments.payload(payload)
        arguments.deadline_ns(limit_s)
        arguments.share(share)
        packed = arguments.payload(from_program(payload, self._path, self._directory))
        with self._lock:
            if worker not in self._workers:
                self._events.append(Ended(worker, task, attempt, Outcome.LOST, error="the worker has left"))
                self.wake()
                return
            busy = self._workers[worker]
            if busy is not None:
                raise InvalidInput(f"The worker {worker!r} cannot run task {task!r} now",
                                   f"its only core runs {busy.task!r}", "Wait for its end")
            self._workers[worker] = _Sent(task, attempt, time.monotonic_ns())
            self._tell(messages.Run(worker, task, attempt, environment, limit_s, share), packed)

    def answer(self, worker: str, task: str, attempt: int, number: int, data: bytes) -> None:
        """Answer a question of this attempt; see `Pilot.answer`."""
        arguments.payload(data)
        with self._lock:
            if self._runs(worker, task, attempt):
                self._tell(messages.Answer(worker, task, attempt, number), data)

    def abort(self, worker: str, task: str, attempt: int) -> None:
        """Kill this attempt if that worker runs it now; see `Pilot.abort`."""
        with self._lock:
            if self._runs(worker, task, attempt):
                self._tell(messages.Abort(worker, task, attempt))

    def poll(self, timeout: float) -> list[PilotEvent]:
        """What happened since the last call; see `Pilot.poll`. `PilotError` once the keeper is gone."""
        with self._polling:
            until = time.monotonic() + timeout
            while self._silent() and not self._ear.listen(min(until, time.monotonic() + _TICK_S)):
                if time.monotonic() >= until:
                    break
        with self._lock:
            events, self._events = self._events, []
            if not events and self._failure is not None and not self._stopped:
                raise self._failure
            return events

    def wake(self) -> None:
        """Let a `poll` that waits, or the next one, return at once."""
        self._ear.wake()

    def fileno(self) -> int:
        """Readable when `poll` has something to do; -1 after `stop`."""
        return self._ear.fileno()

    def stop(self) -> None:
        """Hang up: the keeper ends what ran here, and keeps its workers. May be repeated."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            self.wake()
        with self._polling, self._lock:
            self._part("the pilot was stopped")
            self._ear.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    def _silent(self) -> bool:
        return not (self._stopped or self._events or self._failure is not None)

    def _runs(self, worker: str, task: str, attempt: int) -> bool:
        sent = self._workers.get(worker)
        return sent is not None and (sent.task, sent.attempt) == (task, attempt)

    def _tell(self, command: messages.Command, payload: bytes = b"") -> None:
        stream = self._stream
        if stream is not None and stream.send(messages.command(command, payload)):
            self._ear.selector.modify(stream.socket, _READ | _WRITE, partial(self._hear, stream))
            self.wake()

    def _hear(self, stream: Stream, mask: int) -> None:
        """The socket is ready; called under the lock."""
        if stream is not self._stream:
            return
        if mask & _WRITE and not stream.flush():
            self._ear.selector.modify(stream.socket, _READ, partial(self._hear, stream))
        if not mask & _READ:
            return
        try:
            for frame in stream.receive():
                if frame.kind == messages.REPORT:
                    self._take(messages.read_report(frame))
        except EOFError:
            self._fail("its keeper has ended")
        except wire.WireError as error:
            self._fail(f"its keeper sent what cannot be read ({error})")

    def _take(self, report: messages.Report) -> None:
        match report:
            case Joined() if report.worker not in self._workers:
                self._workers[report.worker] = None
                self._events.append(report)
            case Left() if report.worker in self._workers:
                sent = self._workers.pop(report.worker)
                if sent is not None:
                    self._departed[report.worker] = sent
                self._events.append(report)
            case Ended() if report.worker in self._departed:
                del self._departed[report.worker]
                self._events.append(report)
            case Ended() if self._runs(report.worker, report.task, report.attempt):
                self._workers[report.worker] = None
                self._events.append(report)
            case Began() | Told() | Asked() if self._runs(report.worker, report.task, report.attempt):
                self._events.append(report)
            case messages.Failing():
                self._fail(report.reason)
            case _:
                pass    # of an attempt that has ended here

    def _leave(self, worker: str, reason: str) -> None:
        """A worker is gone, and what it ran is LOST."""
        sent = self._workers.pop(worker)
        self._events.append(Left(worker, reason))
        self._lose(worker, sent, reason)
        self.wake()

    def _lose(self, worker: str, sent: _Sent | None, reason: str) -> None:
        if sent is not None:
            spent = time.monotonic_ns() - sent.sent_ns
            self._events.append(Ended(worker, sent.task, sent.attempt, Outcome.LOST, spent, error=reason))

    def _fail(self, reason: str) -> None:
        """There will be no workers any more."""
        self._part(reason)
        self._failure = PilotError(f"The kept pilot {self._record.name!r} is gone", reason,
                                   f"Start it again with 'qloop pilot start {self._record.name}', or use another one")

    def _part(self, reason: str) -> None:
        """Hang up; all workers leave."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._ear.selector.unregister(stream.socket)
            stream.close()
        for worker, sent in self._departed.items():
            self._lose(worker, sent, reason)
        self._departed.clear()
        for worker in list(self._workers):
            self._leave(worker, reason)


def open_pilot(spec: PilotSpec) -> NamedPilot:
    """The kept pilot that `spec.address` names (or else `spec.name`), under the specification's name."""
    return NamedPilot(spec.address or spec.label, spec.label)
