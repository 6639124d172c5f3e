"""One end of a connection between a hub and an agent: frames in, frames out, neither of which waits."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from collections import deque
from collections.abc import Iterator

from qloop.pilots import wire

_PIECE_BYTES = 65_536
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stream:
    """A connected socket, plain or TLS. `waiting`: bytes that it has not taken yet."""

    def __init__(self, connected: socket.socket, most_bytes: int) -> None:
        self.socket, self.waiting = connected, 0
        self._reader = wire.FrameReader(most_bytes)
        self._outbox: deque[memoryview] = deque()
        self._early: list[wire.Frame] = []
        with contextlib.suppress(OSError):      # not TCP, as in tests
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setblocking(False)

    def allow(self, most_bytes: int) -> None:
        """Frames of up to so many bytes may come from now on."""
        self._reader.allow(most_bytes)

    def send(self, buffers: wire.Buffers) -> bool:
        """Send, as far as the socket takes it now, small things in one piece; True if something waits for `flush`."""
        if len(buffers) > 1 and sum(map(len, buffers)) <= _PIECE_BYTES:
            buffers = [b"".join(buffers)]
        for buffer in buffers:
            self._outbox.append(memoryview(buffer))
            self.waiting += len(buffer)
        return self.flush()

    def flush(self) -> bool:
        """Send what waits; True if something still does. What a dead peer does not take is dropped."""
        try:
            while self._outbox:
                sent = self.socket.send(self._outbox[0])
                self.waiting -= sent
                self._outbox[0] = self._outbox[0][sent:]
                if not self._outbox[0]:
                    self._outbox.popleft()
        except _NOT_NOW:
            return True
        except OSError:     # its end is heard of by reading
            self._outbox.clear()
            self.waiting = 0
        return False

    def receive(self) -> Iterator[wire.Frame]:
        """One read, and the frames it completed. Raises `EOFError` at the end, `wire.WireError` at nonsense."""
        early, self._early = self._early, []
        yield from early
        try:
            yield from self._reader.receive(self.socket)
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                yield from self._reader.receive(self.socket)
        except _NOT_NOW:
            return
        except OSError as error:
            raise EOFError(str(error)) from error

    def one(self) -> wire.Frame | None:
        """The next frame, if one is there after one read; those that came with it are for `receive`."""
        frames = list(self.receive())
        self._early = frames[1:]
        return frames[0] if frames else None

    def certificate(self) -> str:
        """The fingerprint of the peer's certificate; "" for a plain connection."""
        if not isinstance(self.socket, ssl.SSLSocket):
            return ""
        return fingerprint(self.socket.getpeercert(binary_form=True) or b"")

    def close(self) -> None:
        """Nothing more is sent or heard."""
        with contextlib.suppress(OSError):
            self.socket.close()


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate in DER, in hex."""
    return hashlib.sha256(certificate).hexdigest()
