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
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import cloudpickle

from qloop.pilots import wire

TEXT_BYTES = 65_536


def serve(channel: socket.socket, warm: frozenset[str], most_bytes: int) -> None:
    """Run tasks one after the other until the pilot closes the channel."""
    _own_streams()
    worker = _Worker(channel, set(warm), most_bytes)
    reader = wire.FrameReader(most_bytes)
    worker.send(wire.READY)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            worker.run_all(reader.receive(channel))


class _Worker:
    """The state of one worker: which environments it has seen."""

    def __init__(self, channel: socket.socket, environments: set[str], most_bytes: int) -> None:
        self._channel, self._environments, self._most = channel, environments, most_bytes
        self._pid = os.getpid()

    def send(self, kind: int, numbers: tuple[int, ...] = (), parts: tuple[bytes, ...] = ()) -> None:
        for buffer in wire.encode(kind, numbers, parts):
            self._channel.sendall(buffer)

    def run_all(self, frames: Iterable[wire.Frame]) -> None:
        """The tasks that came; their payloads are forgotten with them."""
        for frame in frames:
            self.run(str(frame.parts[0], "utf-8"), frame.parts[1])

    def run(self, environment: str, payload: memoryview) -> None:
        """One task, from its payload to its end."""
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        begin = time.monotonic_ns()
        cold = environment not in self._environments
        self._environments.add(environment)
        try:
            function, args, kwargs = cloudpickle.loads(payload)
        except BaseException as error:
            self._failed(begin, "The task could not be opened in the worker", error)
            return
        opened = time.monotonic_ns()
        self.send(wire.BEGAN, (int(cold), opened - begin, opened))
        self._call(opened, function, args, kwargs)

    def _call(self, begin: int, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        what = f"The function {getattr(function, '__qualname__', repr(type(function)))}"
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            self._leave_if_forked()
            self._failed(begin, f"{what} raised {type(error).__name__}", error)
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
        _flush()
        said = "" if error is None else _said(error)
        told = "" if error is None else _own_traceback(error)
        line = f"{what}: {said}" if said else what
        parts = (b"", line.encode(errors="replace")[:TEXT_BYTES], told.encode(errors="replace")[-TEXT_BYTES:])
        self.send(wire.ENDED, (0, time.monotonic_ns() - begin), parts)


def _said(error: BaseException) -> str:
    """The error's own words, in a line; an error that cannot even be printed has none."""
    try:
        return " ".join(str(error).split())
    except BaseException:
        return ""


def _own_traceback(error: BaseException) -> str:
    """The traceback without the frame of this module, as if the function had been called at home."""
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException:
        return f"{type(error).__name__} (its traceback could not be printed)\n"


def _own_streams() -> None:
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
