"""What code in a worker may say to the program that sent it there, and ask of it, while it runs.

    from qloop.pilots import inside
    inside.tell("progress", b"0.5")
    answer = inside.ask(b"what is the energy?")

What is told is best effort: who says too much (more than 256 KiB or 1,000 times in a second) is not heard in full. A
question is always heard. Any thread of the function may use both; a process that it forked may not.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Final

from qloop.errors import InvalidInput, QloopError
from qloop.pilots import wire

MOST_TOLD_BYTES: Final = 65_536
MOST_ASKED_BYTES: Final = 2**31
_HEARD_HERE: Final[ContextVar[Callable[[str, bytes], None] | None]] = ContextVar("qloop_heard_here", default=None)


def inside() -> bool:
    """Whether this is a worker that runs a task."""
    return seat().taken()


def tell(what: str, data: bytes) -> None:
    """Tell `data` (at most 64 KiB) under the name `what`, as a `Told` event; nothing happens outside of a worker."""
    if not isinstance(what, str) or not 0 < len(what) <= 64 or not what.isprintable():
        raise InvalidInput(f"Nothing can be told as {what!r:.100}", "", "Give a short printable name")
    if not isinstance(data, bytes) or len(data) > MOST_TOLD_BYTES:
        size = f"{len(data)} bytes" if isinstance(data, bytes) else f"a {type(data).__name__}"
        raise InvalidInput(f"{size.capitalize()} cannot be told", "", f"Tell up to {MOST_TOLD_BYTES} bytes at once")
    hear = _HEARD_HERE.get()
    if hear is not None:
        hear(what, data)
    elif seat().taken():
        seat().send(wire.TOLD, (), (what.encode(), data))


def heard_here() -> bool:
    """Whether this runs in the program itself, in the place of a worker, within `heard_by`."""
    return _HEARD_HERE.get() is not None


@contextlib.contextmanager
def heard_by(hear: Callable[[str, bytes], None]) -> Iterator[None]:
    """Within this block `hear` takes what is told: a task that runs in the program itself, in virtual time."""
    token = _HEARD_HERE.set(hear)
    try:
        yield
    finally:
        _HEARD_HERE.reset(token)


def ask(data: bytes) -> bytes:
    """Ask, as an `Asked` event, and wait for the answer. `QloopError` outside of a worker, or if there is no answer."""
    if not isinstance(data, bytes) or len(data) > MOST_ASKED_BYTES:
        raise InvalidInput("This cannot be asked", "", f"Ask with up to {MOST_ASKED_BYTES} bytes")
    return seat().ask(data)


def turn() -> str:
    """What names this one attempt, and no other; empty outside of a worker."""
    return seat().turn if seat().taken() else ""


class Seat:
    """A worker process's line to its pilot; empty in every other process."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._reader = wire.FrameReader(0)
        self._pid, self._busy, self._asked, self._reading = 0, False, 0, False
        self._silent = False
        self.turn = ""
        self._answers: dict[int, bytes] = {}
        self._sending, self._heard = threading.Lock(), threading.Condition()

    def take(self, channel: socket.socket, reader: wire.FrameReader) -> None:
        """From now on this process is a worker that speaks over this channel."""
        self._channel, self._reader, self._pid = channel, reader, os.getpid()

    def be_silent(self) -> None:
        """Another process of the same task speaks for it."""
        self._silent = True

    def taken(self) -> bool:
        """Whether this very process is a worker in a task."""
        return self._busy and os.getpid() == self._pid

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """A task runs; afterwards answers to what it asked are forgotten."""
        self._busy, self.turn = True, secrets.token_hex(8)
        try:
            yield
        finally:
            self._busy = False
            self._answers.clear()

    def send(self, kind: int, numbers: tuple[int, ...] = (), parts: tuple[bytes, ...] = ()) -> None:
        """One frame, whole, whatever other threads send."""
        assert self._channel is not None
        with self._sending:
            for buffer in wire.encode(kind, numbers, parts):
                self._channel.sendall(buffer)

    def ask(self, data: bytes) -> bytes:
        """Ask and wait. Several threads may wait; one of them reads for all."""
        if not self.taken():
            raise QloopError("Only a task in a worker can ask", "this process is none",
                             "Call this in a function that a pilot runs, not in a process that it started")
        if self._silent:
            raise QloopError("Of an MPI task rank 0 alone can ask", "", "Ask there, and broadcast the answer")
        with self._heard:
            self._asked += 1
            number = self._asked
        self.send(wire.ASKED, (number,), (data,))
        while True:
            with self._heard:
                self._heard.wait_for(lambda: number in self._answers or not self._reading)
                if number in self._answers:
                    return self._answers.pop(number)
                self._reading = True
            self._read_for_all()

    def _read_for_all(self) -> None:
        assert self._channel is not None
        frames: list[wire.Frame] = []
        try:
            frames = list(self._reader.receive(self._channel))
        except (EOFError, OSError) as error:
            raise QloopError("The pilot is gone: there will be no answer") from error
        finally:
            came = {frame.numbers[0]: bytes(frame.parts[0]) for frame in frames if frame.kind == wire.ANSWER}
            with self._heard:
                self._reading = False
                self._answers.update(came)
                self._heard.notify_all()


@functools.cache
def seat() -> Seat:
    """The one line of this process."""
    return Seat()
