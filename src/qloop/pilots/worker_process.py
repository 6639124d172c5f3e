"""What a worker process of the local pilot does: open a task, call it, send back what came of it.

Runs in a process forked from the zygote, so what is imported here is paid for once, and before any user is waiting.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import cloudpickle

from qloop.pilots import wire
from qloop.pilots.inside import seat
from qloop.pilots.sharing import Keeper, Part, memory
from qloop.pilots.tracebacks import own_text

TEXT_BYTES = 65_536


def serve(channel: socket.socket, warm: frozenset[str], most_bytes: int, mpi: str) -> None:
    """Run tasks one after the other until the pilot closes the channel."""
    own_streams()
    worker = Worker(channel, set(warm), most_bytes, mpi)
    worker.send(wire.READY)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            worker.run_all(worker.reader.receive(channel))


class Worker:
    """The state of one worker: which environments it has seen, and which share it keeps to."""

    def __init__(self, channel: socket.socket, environments: set[str], most_bytes: int, mpi: str) -> None:
        self.failed = False
        self._environments, self._most = environments, most_bytes
        self._pid, self._keeper = os.getpid(), Keeper()
        self.reader = wire.FrameReader(most_bytes)
        self._channel, self._mpi = channel, mpi
        self._seat = seat()
        self._seat.take(channel, self.reader)
        self.send = self._seat.send

    def run_all(self, frames: Iterable[wire.Frame]) -> None:
        """The tasks that came; their payloads are forgotten with them, and what they did not take is passed over."""
        for frame in list(frames):
            if frame.kind == wire.RUN:
                self.run(frame)

    def run(self, frame: wire.Frame) -> None:
        """One task, from its payload to its end."""
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        environment, part = str(frame.parts[0], "utf-8"), _part(frame)
        begin = time.monotonic_ns()
        cold = environment not in self._environments
        self._environments.add(environment)
        self._keeper.prepare(part)
        if part.ranks > 1:
            self._on_ranks(frame, part)
            return
        try:
            function, args, kwargs = cloudpickle.loads(frame.parts[2])
        except BaseException as error:
            self._failed(begin, "The task could not be opened in the worker", error)
            return
        opened = time.monotonic_ns()
        self.send(wire.BEGAN, (int(cold), opened - begin, opened))
        self._call(opened, part, function, args, kwargs)

    def _on_ranks(self, frame: wire.Frame, part: Part) -> None:
        # Few need it, and every start of a zygote would pay for its imports.
        from qloop.pilots.ranks import Ranks

        Ranks(self._channel, self.reader, self._most, self._mpi).run(frame, part, self.send)

    def _call(self, begin: int, part: Part, function: Callable[..., Any], args: tuple[Any, ...],
              kwargs: dict[str, Any]) -> None:
        what = f"The function {getattr(function, '__qualname__', repr(type(function)))}"
        try:
            with memory(part.memory_bytes), self._seat.busy():
                value = function(*args, **kwargs)
        except BaseException as error:
            self._leave_if_forked()
            limit = f" (it may take {part.memory_bytes} bytes)" if part.memory_bytes else ""
            self._failed(begin, f"{what} raised {type(error).__name__}{limit * isinstance(error, MemoryError)}", error)
            return
        self._leave_if_forked()
        try:
            packed = cloudpickle.dumps(value, protocol=5)
        except BaseException as error:
            self._failed(begin, f"{what} returned a {type(value).__name__} that cannot be sent back (return plain "
                                "data, arrays, or objects that can be pickled)", error)
            return
        if len(packed) > self._most:
            self._failed(begin, f"{what} returned {len(packed)} bytes, over the limit of {self._most}", None)
            return
        _flush()
        self.send(wire.ENDED, (1, time.monotonic_ns() - begin), (packed,))

    def _leave_if_forked(self) -> None:
        """A function that forked returns twice; only the worker itself may answer."""
        if os.getpid() != self._pid:
            _flush()
            os._exit(0)

    def _failed(self, begin: int, what: str, error: BaseException | None) -> None:
        self.failed = True
        _flush()
        said = "" if error is None else _said(error)
        told = "" if error is None else own_text(error)
        line = f"{what}: {said}" if said else what
        parts = (b"", line.encode(errors="replace")[:TEXT_BYTES], told.encode(errors="replace")[-TEXT_BYTES:])
        self.send(wire.ENDED, (0, time.monotonic_ns() - begin), parts)


def _part(frame: wire.Frame) -> Part:
    cores, memory_bytes, ranks = frame.numbers
    return Part(cores, memory_bytes, ranks, str(frame.parts[1], "utf-8"))


def _said(error: BaseException) -> str:
    """The error's own words, in a line; an error that cannot even be printed has none."""
    try:
        return " ".join(str(error).split())
    except BaseException:
        return ""


def own_streams() -> None:
    """Lines go out as they are written, any text at all; a native crash leaves its stack on stderr."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.enable(file=2)


def _flush() -> None:
    """What the task wrote is in the pipes before its end is told."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
