"""A pilot's handle on its engine process, where an allocator acquires allocations: orders go in, news comes out.

The engine process is a session of its own, so that Ctrl-C in the terminal reaches the user's program alone. It closes
its allocator, and ends, when its end of the socket is closed, by `close` or by the death of the program.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from qloop.pilots import wire
from qloop.pilots.allocator import Allotment, Gone, Invitation
from qloop.pilots.protocol import PilotError
from qloop.pilots.stream import Stream
from qloop.pilots.tail import Tail

ORDER: Final = 64           # parts: an Order
NEWS: Final = 65            # parts: News
MOST_BYTES: Final = 2**24
_PATIENCE_S: Final = 45.0   # for the allocator to end what it started
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Open(msgspec.Struct, frozen=True, tag=True):
    """The first order: make this allocator (`module:Class`), which may lie in one of `path`."""

    allocator: str
    invitation: Invitation
    allotment: Allotment
    settings: dict[str, Any]
    path: tuple[str, ...]


class Acquire(msgspec.Struct, frozen=True, tag=True):
    """`Allocator.acquire`."""

    name: str


class LetGo(msgspec.Struct, frozen=True, tag=True):
    """`Allocator.release`."""

    name: str


class Lost(msgspec.Struct, frozen=True, tag=True):
    """An allocation is no more: `Gone`."""

    gone: Gone


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The allocator cannot acquire anything any more."""

    reason: str


Order: TypeAlias = Open | Acquire | LetGo
News: TypeAlias = Lost | Failed
NEWS_READER: Final = msgspec.msgpack.Decoder(News)
ORDER_READER: Final = msgspec.msgpack.Decoder(Order)


class EngineHandle:
    """An engine process. `hear` is called with its news; `Failed` is the last of them."""

    def __init__(self, selector: selectors.BaseSelector, hear: Callable[[News], None]) -> None:
        self._selector, self._hear = selector, hear
        self._stream: Stream | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log, self._folder = -1, ""
        self.said = Tail()

    def open(self, allocator: str, invitation: Invitation, allotment: Allotment, settings: Mapping[str, Any]) -> None:
        """Start it, with a folder of its own as the setting `folder`. `PilotError` if no process can be started."""
        self._folder = tempfile.mkdtemp(prefix="qloop-")
        ours, theirs = socket.socketpair()
        self._log, log_theirs = os.pipe()
        os.set_blocking(self._log, False)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "qloop.pilots.engine_process", str(theirs.fileno())], stdin=subprocess.DEVNULL,
                stdout=log_theirs, stderr=log_theirs, pass_fds=(theirs.fileno(),), start_new_session=True)
        except OSError as error:
            ours.close()
            raise PilotError("The pilot cannot start a process", str(error), "See the limit on processes") from error
        finally:
            theirs.close()
            os.close(log_theirs)
        self._stream = Stream(ours, MOST_BYTES)
        self._selector.register(ours, _READ, self._on_news)
        self._selector.register(self._log, _READ, self._on_log)
        told = {**settings, "folder": self._folder}
        self._order(Open(allocator, invitation, allotment, told, tuple(map(str, sys.path))))

    @property
    def pid(self) -> int:
        """Its process id; 0 if it runs no more."""
        return self._process.pid if self._process is not None else 0

    def acquire(self, name: str) -> None:
        """Ask for an allocation."""
        self._order(Acquire(name))

    def release(self, name: str) -> None:
        """This allocation is not wanted any more."""
        self._order(LetGo(name))

    def close(self) -> None:
        """End it and all that it acquired; may be repeated."""
        self._hang_up()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._folder:        # it is there still if the process died before it could tidy up
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._log >= 0:
            self._on_log(_READ)
            self._ignore(self._log)
            os.close(self._log)
            self._log = -1

    def _order(self, order: Order) -> None:
        if self._stream is not None and self._stream.send(wire.encode(ORDER, (), (msgspec.msgpack.encode(order),))):
            self._selector.modify(self._stream.socket, _READ | _WRITE, self._on_news)

    def _on_news(self, mask: int) -> None:
        stream = self._stream
        if stream is None:
            return
        if mask & _WRITE and not stream.flush():
            self._selector.modify(stream.socket, _READ, self._on_news)
        if not mask & _READ:
            return
        try:
            for frame in stream.receive():
                self._hear(NEWS_READER.decode(frame.parts[0]))
        except (EOFError, wire.WireError, msgspec.MsgspecError, IndexError):
            self._hang_up()
            self._sweep()
            self._on_log(_READ)
            said = self.said.text().strip()
            self._hear(Failed("the process that acquires its allocations has ended" + (f"; it said: {said}" if said
                                                                                       else "")))

    def _on_log(self, mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._log, 65_536)
            self.said.add(data)
            if not data:
                self._ignore(self._log)

    def _sweep(self) -> None:
        """It has died: what it started on this machine, daemons of Ray for instance, ends too."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _hang_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._ignore(stream.socket)
            stream.close()

    def _ignore(self, source: socket.socket | int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

