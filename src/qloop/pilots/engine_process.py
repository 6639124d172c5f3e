"""The engine process: where a pilot's allocator lives, away from the user's program and its own engines.

    python -m qloop.pilots.engine_process FD

It serves orders over the socket FD, asks the allocator every now and then what has become of its allocations, and ends
when the program has closed the socket or is gone, after the allocator has ended what it started.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import shutil
import socket
import sys
import threading
import time
from typing import Final

import msgspec

from qloop.errors import QloopError
from qloop.pilots import wire
from qloop.pilots.allocator import Allocator, Gone
from qloop.pilots.engine_handle import MOST_BYTES, NEWS, ORDER_READER, Acquire, Failed, LetGo, Lost, News, Open

_CLOSE_S: Final = 40.0      # an allocator that takes longer to close is left behind


class Engine:
    """One allocator and the line to its pilot."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._reader = channel, wire.FrameReader(MOST_BYTES)
        self._allocator: Allocator | None = None
        self._poll_at, self._folder = 0.0, ""

    def serve(self) -> None:
        """Until the pilot hangs up. An error of the allocator is told, and ends it."""
        try:
            with contextlib.suppress(EOFError, ConnectionError):
                while True:
                    self._turn()
        finally:
            self._close()

    def _turn(self) -> None:
        wait = max(0.0, self._poll_at - time.monotonic()) if self._allocator is not None else None
        ready, _, _ = select.select([self._channel], [], [], wait)
        frames = list(self._reader.receive(self._channel)) if ready else []
        try:
            for frame in frames:
                self._obey(ORDER_READER.decode(frame.parts[0]))
            if frames and self._allocator is not None:      # what was ordered may be a reason to look sooner
                self._poll_at = min(self._poll_at, time.monotonic() + self._allocator.period_s)
            if self._allocator is not None and time.monotonic() >= self._poll_at:
                for gone in self._allocator.poll():
                    self._tell(Lost(gone))
                self._poll_at = time.monotonic() + self._allocator.period_s
        except QloopError as error:
            self._fail(str(error))
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")

    def _obey(self, order: Open | Acquire | LetGo) -> None:
        match order:
            case Open():
                sys.path += [entry for entry in order.path if entry not in sys.path]
                self._folder = str(order.settings["folder"])
                module, _, name = order.allocator.partition(":")
                make = getattr(importlib.import_module(module), name)
                self._allocator = make(order.invitation, order.allotment, order.settings)
            case Acquire() if self._allocator is not None:
                self._allocator.acquire(order.name)
            case LetGo() if self._allocator is not None:
                self._allocator.release(order.name)
            case Acquire():
                self._tell(Lost(Gone(order.name, "its engine has failed", final=True)))

    def _fail(self, reason: str) -> None:
        self._tell(Failed(reason))
        self._close()

    def _tell(self, news: News) -> None:
        for buffer in wire.encode(NEWS, (), (msgspec.msgpack.encode(news),)):
            self._channel.sendall(buffer)

    def _close(self) -> None:
        """An allocator whose engine is dead may hang for ever; nobody waits for it."""
        allocator, self._allocator = self._allocator, None
        if allocator is not None:
            closer = threading.Thread(target=allocator.close, daemon=True)
            closer.start()
            closer.join(_CLOSE_S)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def main() -> None:
    """The life of an engine process."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    try:
        Engine(channel).serve()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)     # threads of a dead engine's client do not keep it


if __name__ == "__main__":
    main()
