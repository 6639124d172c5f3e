"""One worker process as the local pilot sees it: its channel, its output, and what it runs. No decisions here."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from qloop.model.needs import ONE_CORE, Share
from qloop.model.states import Outcome
from qloop.pilots import wire
from qloop.pilots.protocol import MOST_PAYLOAD_BYTES, TAIL_BYTES, Ended, PilotEvent, Told
from qloop.pilots.tail import Allowance, Tail

_PIPE_BYTES = 65_536
_FRAME_BYTES = MOST_PAYLOAD_BYTES + 4 * TAIL_BYTES


@dataclass(slots=True)
class Running:
    """An attempt on its worker. Times are `time.monotonic` in ns; `deadline_ns` 0: no time limit."""

    task: str
    attempt: int
    sent_ns: int
    limit_s: float
    deadline_ns: int
    share: Share = ONE_CORE


class Member:
    """A worker process, which reports by calling `report`.

    `gone`: it counts no more, though its process may not have ended yet. `released`: nobody wants it replaced.
    """

    def __init__(self, serial: int, worker: str, report: Callable[[PilotEvent], None]) -> None:
        self.serial, self.worker = serial, worker
        self.pid, self.ordered_ns = 0, time.monotonic_ns()
        self.ready = self.joined = self.gone = self.released = False
        self._report, self._allowance = report, Allowance()
        self._untold = {"stdout": 0, "stderr": 0}
        self.running: Running | None = None
        self.channel, theirs = socket.socketpair()
        self.out, out_theirs = os.pipe()
        self.err, err_theirs = os.pipe()
        self.stdout, self.stderr = Tail(), Tail()
        self._theirs: tuple[int, ...] = (theirs.detach(), out_theirs, err_theirs)
        self._reader = wire.FrameReader(_FRAME_BYTES)
        self._outbox: deque[memoryview] = deque()
        self.channel.setblocking(False)
        os.set_blocking(self.out, False)
        os.set_blocking(self.err, False)

    def descriptors(self) -> tuple[int, ...]:
        """The worker's ends: channel, stdout, stderr; to be handed over and then released."""
        return self._theirs

    def release(self) -> None:
        """The worker's ends belong to the worker alone."""
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = ()

    def send(self, buffers: Iterable[bytes | memoryview]) -> bool:
        """Send, as far as the channel takes it now; True if something waits for `flush`."""
        self._outbox.extend(memoryview(buffer) for buffer in buffers)
        return self.flush()

    def flush(self) -> bool:
        """Send what waits; True if something still does. What a dead worker does not take is dropped."""
        try:
            while self._outbox:
                sent = self.channel.send(self._outbox[0])
                self._outbox[0] = self._outbox[0][sent:]
                if not self._outbox[0]:
                    self._outbox.popleft()
        except BlockingIOError:
            return True
        except OSError:
            self._outbox.clear()
        return False

    def receive(self) -> Iterable[wire.Frame]:
        """Frames that came, if any. Raises `EOFError` at the end of the channel, `wire.WireError` at nonsense."""
        try:
            return self._reader.receive(self.channel)
        except BlockingIOError:
            return ()
        except ConnectionError as error:
            raise EOFError from error

    def rest(self) -> Iterator[wire.Frame]:
        """Whatever a worker that has ended had still sent."""
        with contextlib.suppress(BlockingIOError, ConnectionError, EOFError, wire.WireError):
            while True:
                yield from self._reader.receive(self.channel)

    def read_output(self, descriptor: int) -> bool:
        """Move what stands in a pipe, at most as much as a pipe holds, to its tail; False at its end."""
        try:
            data = os.read(descriptor, _PIPE_BYTES)
        except BlockingIOError:
            return True
        (self.stdout if descriptor == self.out else self.stderr).add(data)
        if data and self.running is not None:
            self._tell_output("stdout" if descriptor == self.out else "stderr", data)
        return bool(data)

    def tell(self, what: str, data: bytes) -> bool:
        """Report what the attempt says now, if it has not said too much of late; whether it was reported."""
        running = self.running
        if running is None or not self._allowance.take(len(data)):
            return False
        self._report(Told(self.worker, running.task, running.attempt, what, data))
        return True

    def end(self, outcome: Outcome, measured_ns: int, error: str = "", told: str = "", value: bytes = b"") -> None:
        """The attempt on this worker, if any, is over; report it with all that it wrote."""
        running = self.running
        if running is None:
            return
        self.drain()
        self.running = None
        self._report(Ended(self.worker, running.task, running.attempt, outcome, measured_ns, value, error, told,
                           self.stdout.text(), self.stderr.text()))

    def _tell_output(self, what: str, data: bytes) -> None:
        """What is too much is left out, and the gap is told with what comes after it."""
        missing = self._untold[what]
        note = b"[%d bytes were not shown]\n" % missing if missing else b""
        self._untold[what] = 0 if self.tell(what, note + data) else missing + len(data)

    def drain(self) -> None:
        """All that the worker wrote before it said what it last said."""
        self.read_output(self.out)
        self.read_output(self.err)

    def forget_output(self) -> None:
        """A new task begins: what was written since the last one belongs to none."""
        self.drain()
        self.stdout.clear()
        self.stderr.clear()
        self._untold = dict.fromkeys(self._untold, 0)

    def close(self) -> None:
        """Nothing of it is open here."""
        with contextlib.suppress(OSError):
            self.channel.close()
        self.release()
        os.close(self.out)
        os.close(self.err)
