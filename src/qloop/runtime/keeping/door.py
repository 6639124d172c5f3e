"""The keeper's door: its socket, and who is let in there: processes of the same user that know the pilot's token.

Who connects is a guest, heard for a short while and in few bytes, until it has proven that; then it is a line.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import socket
import struct
import time
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from qloop.pilots import messages, wire
from qloop.pilots.credential import NONCE_BYTES, Credential
from qloop.pilots.kept import words
from qloop.pilots.stream import Stream

_HANDSHAKE_S: Final = 10.0
_MOST_GUESTS: Final = 64
_SMALL_BYTES: Final = 65_536
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Guest:
    """A connection of which nothing is known yet."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.until = stream, time.monotonic() + _HANDSHAKE_S
        self.nonce = secrets.token_bytes(NONCE_BYTES)


class Line:
    """A caller that was let in."""

    def __init__(self, stream: Stream, caller: words.Caller) -> None:
        self.stream, self.caller, self.closed = stream, caller, False
        self.since, self.outgoing = time.time(), list[bytes | memoryview]()


class House(Protocol):
    """Who is behind the door."""

    def greeting(self, caller: words.Caller) -> words.Greeting | str:
        """What this caller is told, or why it is not let in."""

    def came(self, line: Line) -> None:
        """It is in."""

    def heard(self, line: Line, frame: wire.Frame) -> None:
        """It says this."""

    def went(self, line: Line) -> None:
        """It is gone. Told once."""


class Door:
    """Listens at `path`."""

    def __init__(self, selector: selectors.BaseSelector, house: House, path: Path, credential: Credential) -> None:
        self._selector, self._house, self._credential = selector, house, credential
        self._guests: set[Guest] = set()
        self.lines: set[Line] = set()
        self._laden: set[Line] = set()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()       # of a keeper that was killed: this one holds the name's lock
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(mask)
        self._listener.listen(64)
        self._listener.setblocking(False)
        selector.register(self._listener, _READ, self._accept)

    def send(self, line: Line, buffers: wire.Buffers) -> None:
        """Send this to a caller with the next `deliver`."""
        if not line.closed:
            line.outgoing += buffers
            self._laden.add(line)

    def deliver(self) -> None:
        """Send what there is, to each caller at once, as soon as it takes it."""
        while self._laden:
            line = self._laden.pop()
            buffers, line.outgoing = line.outgoing, []
            if sum(map(len, buffers)) <= _SMALL_BYTES:
                buffers = [b"".join(buffers)]
            if not line.closed and line.stream.send(buffers):
                self._selector.modify(line.stream.socket, _READ | _WRITE, partial(self._on_line, line))

    def part(self, line: Line) -> None:
        """Hear no more of this caller."""
        if line.closed:
            return
        line.closed = True
        self.lines.discard(line)
        self._drop(line.stream)
        self._house.went(line)

    def tend(self) -> None:
        """Send guests away that say nothing."""
        now = time.monotonic()
        for guest in [guest for guest in self._guests if now > guest.until]:
            self._dismiss(guest, "")

    def flush(self, seconds: float) -> None:
        """Give everybody the last words, for so long at most."""
        self.deliver()
        until = time.monotonic() + seconds
        while any(line.stream.flush() for line in self.lines) and time.monotonic() < until:
            time.sleep(0.01)

    def close(self) -> None:
        """Nobody is heard any more."""
        self._selector.unregister(self._listener)
        self._listener.close()
        for guest in list(self._guests):
            self._dismiss(guest, "")
        for line in list(self.lines):
            self.part(line)

    def _accept(self, mask: int) -> None:
        try:
            connected, _ = self._listener.accept()
        except OSError:
            return
        if len(self._guests) >= _MOST_GUESTS or peer_uid(connected) not in (None, os.geteuid()):
            connected.close()
            return
        guest = Guest(Stream(connected, messages.MOST_HELLO_BYTES))
        self._guests.add(guest)
        guest.stream.send(wire.encode(messages.CHALLENGE, (words.KEEPER_WIRE,), (guest.nonce,)))
        self._selector.register(connected, _READ, partial(self._on_guest, guest))

    def _on_guest(self, guest: Guest, mask: int) -> None:
        try:
            for frame in guest.stream.receive():
                self._hello(guest, frame)
                return
        except (EOFError, wire.WireError, ValueError, msgspec.MsgspecError):
            self._dismiss(guest, "")

    def _hello(self, guest: Guest, frame: wire.Frame) -> None:
        said, nonce, proof = (bytes(part) for part in frame.parts)
        caller = words.CALLERS.decode(said)
        known = (frame.kind == messages.HELLO and caller.token == self._credential.name and len(nonce) == NONCE_BYTES
                 and words.proven(self._credential, proof, "caller", guest.nonce, nonce, said))
        answer = self._house.greeting(caller) if known else "its token is not this pilot's"
        if isinstance(answer, str):
            self._dismiss(guest, answer)
            return
        told = msgspec.msgpack.encode(answer)
        proven = words.proof(self._credential, "keeper", nonce, guest.nonce, told)
        self._guests.remove(guest)
        guest.stream.allow(messages.MOST_FRAME_BYTES)
        line = Line(guest.stream, caller)
        self.lines.add(line)
        self._selector.modify(line.stream.socket, _READ, partial(self._on_line, line))
        self.send(line, wire.encode(messages.WELCOME, (), (told, proven)))
        self._house.came(line)

    def _dismiss(self, guest: Guest, reason: str) -> None:
        """Say why, if a reason is given, and hang up."""
        self._guests.discard(guest)
        if reason:
            guest.stream.send(wire.encode(messages.REFUSED, (), (reason.encode(),)))
        self._drop(guest.stream)

    def _drop(self, stream: Stream) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(stream.socket)
        stream.close()

    def _on_line(self, line: Line, mask: int) -> None:
        if line.closed:
            return
        if mask & _WRITE and not line.stream.flush():
            self._selector.modify(line.stream.socket, _READ, partial(self._on_line, line))
        if not mask & _READ:
            return
        try:
            for frame in line.stream.receive():
                self._house.heard(line, frame)
                if line not in self.lines:
                    return      # it was parted with
        except (EOFError, wire.WireError):
            self.part(line)


def peer_uid(connected: socket.socket) -> int | None:
    """Whose process is at the other end; None where the system does not tell (the folder's mode keeps others out)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    told = connected.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    return int(struct.unpack("3i", told)[1])
