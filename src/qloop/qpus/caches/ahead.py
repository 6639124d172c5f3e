"""Compiling ahead, in a process of its own: what a QPU may need soon is transpiled while the loop goes on.

The child is started by the first piece of work that is for it, imports Qiskit once, and ends with its parent. What it
makes is a pure function of its input. A circuit that is not compiled in time is compiled when it is needed; a better
layout counts from when it comes.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import cloudpickle
import msgspec

_HEAD = struct.Struct("<Q")
MOST_WAITING = 256      # pieces of work that may wait; more are left to be done when they are needed


class Piece(msgspec.Struct, frozen=True):
    """A function of a module with its arguments, and who takes what it returns.

    `here`: it is done by a thread of this process, as is what a provider's client does, which no other process has.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    take: Callable[[Any], object]
    here: bool = False

    def now(self) -> Any:
        """What the function returns, or the exception that it raised."""
        try:
            return self.function(*self.arguments)
        except Exception as error:
            return error


class Ahead:
    """The child and its queue. `begin` never waits; `close` ends both. A child that dies is not started again."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Piece | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.done = 0

    def begin(self, piece: Piece) -> bool:
        """Have it done some time; False if nobody will."""
        with self._lock:
            if self._closed:
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="qloop-ahead", daemon=True)
                self._thread.start()
        try:
            self._queue.put_nowait(piece)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """End the child; what waits is left undone. Closing twice is harmless."""
        with self._lock:
            self._closed, thread, child = True, self._thread, self._child
        if thread is None:
            return
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        if child is not None:
            child.kill()
        thread.join(timeout=5.0)

    def _serve(self) -> None:
        """Hand one piece after the other to the child."""
        try:
            while (piece := self._queue.get()) is not None and not self._closed:
                found = piece.now() if piece.here else ask(self._started(), piece)
                if not isinstance(found, Exception):      # what cannot be compiled says so when it is needed
                    self._hand_over(piece, found)
                self.done += 1
        except (OSError, EOFError):
            return
        finally:
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        """The child, which the first piece that needs it starts; EOFError once all is closed."""
        with self._lock:
            if self._closed:
                raise EOFError
            if self._child is None:
                self._child = subprocess.Popen([sys.executable, "-m", "qloop.qpus.caches.ahead"], stdin=subprocess.PIPE,
                                               stdout=subprocess.PIPE, start_new_session=True)
            return self._child

    def _hand_over(self, piece: Piece, found: Any) -> None:
        try:
            piece.take(found)
        except Exception:       # other pieces are still to come
            logging.getLogger("qloop").exception("What was compiled beside the loop could not be taken")

    def _end(self) -> None:
        with self._lock:
            child, self._closed = self._child, True
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):      # what was not written yet cannot be
                pipe.close()


def ask(child: subprocess.Popen[bytes], piece: Piece) -> Any:
    """What the child makes of a piece, or the exception that it raised."""
    assert child.stdin is not None
    assert child.stdout is not None
    send(child.stdin, cloudpickle.dumps((piece.function, piece.arguments)))
    return pickle.loads(receive(child.stdout))


def send(pipe: BinaryIO | Any, body: bytes) -> None:
    """Write one message."""
    pipe.write(_HEAD.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: BinaryIO | Any) -> bytes:
    """Read one message; EOFError if the other side is gone."""
    return _exactly(pipe, _HEAD.unpack(_exactly(pipe, _HEAD.size))[0])


def _exactly(pipe: BinaryIO | Any, size: int) -> bytes:
    body = pipe.read(size)
    if len(body) < size:
        raise EOFError
    return bytes(body)


def work() -> None:
    """The child's life: a piece in, its result out, until the parent is gone."""
    inlet, outlet = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr     # what a library prints does not get between the messages
    while True:
        try:
            function, arguments = pickle.loads(receive(inlet))
        except EOFError:
            return
        try:
            body = pickle.dumps(function(*arguments))
        except Exception as error:
            body = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        send(outlet, body)


if __name__ == "__main__":
    work()
