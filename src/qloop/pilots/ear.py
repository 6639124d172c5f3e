"""How a pilot waits: for its sockets and pipes, until a time, or until somebody wakes it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable


class Ear:
    """A selector whose entries' data are functions of what is ready, and a socket by which it can be woken."""

    def __init__(self, lock: threading.RLock) -> None:
        self.selector = selectors.DefaultSelector()
        self._lock = lock
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self.selector.register(self._woken, selectors.EVENT_READ, lambda mask: None)

    def wake(self) -> None:
        """Let a `listen` that waits, or the next one, return at once; nothing happens after `close`."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._waker.fileno() >= 0:
                self._waker.send(b"w")

    def fileno(self) -> int:
        """Readable when something can be heard; -1 after `close`."""
        return -1 if self._waker.fileno() < 0 else int(self.selector.fileno())

    def listen(self, until: float) -> bool:
        """Wait until this `time.monotonic()` for something, and hear it under the lock; True if it was a `wake`."""
        ready = self.selector.select(max(0.0, until - time.monotonic()))
        woken = False
        with self._lock:
            for key, mask in ready:
                hear: Callable[[int], None] = key.data
                hear(mask)
                woken = woken or key.fileobj is self._woken
            with contextlib.suppress(BlockingIOError):
                while woken and self._woken.recv(4096):
                    pass
        return woken

    def close(self) -> None:
        """Nothing of it is open."""
        self.selector.close()
        self._woken.close()
        self._waker.close()
