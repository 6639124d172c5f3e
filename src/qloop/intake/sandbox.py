"""The reader's hold on its zygote: start it, have a child read one source, see both off."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from qloop.errors import QloopError
from qloop.intake import wire
from qloop.intake.bounds import Bounds

_BOOT: Final = ("import json, sys; told = json.loads(sys.argv.pop()); sys.path[:] = told.pop('path'); "
                "from qloop.intake.zygote_process import main; main(**told)")
# Nothing else of the caller's environment: it may hold tokens, and settings that change what Qiskit does.
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_ENVIRONMENT: Final = {
    "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", "QISKIT_SETTINGS": "/nonexistent",
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1", "QISKIT_PARALLEL": "FALSE",
    # Qiskit's allocator else takes 1 GiB of address space at once, which no limit could tell from use. In KiB.
    "MIMALLOC_ARENA_RESERVE": "32768",
}
_START_S: Final = 120.0
_GRACE_S: Final = 5.0           # beyond the child's own time, for the keeper to end it and tell
_LEAST_WAIT_S: Final = 1.0
_CHUNK: Final = 1 << 18


class SandboxError(QloopError):
    """The sandbox itself does not work here; nothing is said about the source."""

    code = "sandbox"


class Outcome(NamedTuple):
    """How a child ended (`kind` and `number` as in `qloop.intake.wire`), and what it wrote; None: over its bound."""

    kind: int
    number: int
    answer: bytes | None


class Sandbox:
    """A zygote that is started when it is first needed. To be used from any thread, and closed."""

    def __init__(self, allow_root: bool = False) -> None:
        self._allow_root = allow_root
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def run(self, request: bytes, bounds: Bounds) -> Outcome:
        """Hand a request to a fresh child and hear it out. Raises `SandboxError` if there can be none."""
        channel, channel_theirs = socket.socketpair()
        report, report_theirs = socket.socketpair()
        with channel, report:
            with channel_theirs, report_theirs:
                self._order(bounds, channel_theirs, report_theirs)
            deadline = time.monotonic() + bounds.seconds + _GRACE_S
            answer = _exchange(channel, request, bounds.result_bytes + 2 * wire.ANSWER_HEAD, deadline)
            if answer is None:
                return Outcome(wire.ENDED, 0, None)     # closing the report ends the child
            return Outcome(*self._hear(report, deadline), answer)

    def close(self) -> None:
        """End the zygote. Readings that are under way go on to their end."""
        with self._lock:
            self._end()

    def _order(self, bounds: Bounds, channel: socket.socket, report: socket.socket) -> None:
        order = wire.ORDER.pack(bounds.seconds, bounds.cpu_seconds, bounds.memory_bytes, self._allow_root)
        descriptors = [channel.fileno(), report.fileno()]
        with self._lock:
            if not (self._sent(order, descriptors) or self._sent(order, descriptors)):
                raise _broken("it takes no orders")

    def _sent(self, order: bytes, descriptors: list[int]) -> bool:
        """Whether a zygote took the order; one that has died or was stopped is ended, so that the next is another."""
        control = self._living()
        try:
            socket.send_fds(control, [order], descriptors)
        except OSError:
            self._end()
            return False
        return True

    def _hear(self, report: socket.socket, deadline: float) -> tuple[int, int]:
        report.settimeout(max(deadline - time.monotonic(), _LEAST_WAIT_S))
        try:
            told = report.recv(wire.REPORT.size, socket.MSG_WAITALL)
        except OSError:
            told = b""
        if len(told) < wire.REPORT.size:
            with self._lock:
                self._end()
            raise _broken("the process that watches over the parser has gone")
        kind, number = wire.REPORT.unpack(told)
        return kind, number

    def _living(self) -> socket.socket:
        """The control socket of a zygote that is ready."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._control is None:
            self._start()
        assert self._control is not None
        return self._control

    def _start(self) -> None:
        control, theirs = socket.socketpair()
        path = [str(Path(entry).absolute()) for entry in sys.path if entry and Path(entry).exists()]
        told = json.dumps({"path": path, "control_fd": theirs.fileno()})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _BOOT, told], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, pass_fds=(theirs.fileno(),), env=_environment(), cwd="/",
                start_new_session=True)
        except OSError as error:
            control.close()
            raise _broken(f"no process can be started: {error}") from error
        finally:
            theirs.close()
        self._control = control
        control.settimeout(_START_S)
        try:
            ready = control.recv(len(wire.READY))
        except OSError:
            ready = b""
        if ready != wire.READY:
            raise _broken(f"its process does not start: {self._last_words()}")
        control.settimeout(_GRACE_S)

    def _last_words(self) -> str:
        """The end of what the zygote wrote, after ending it."""
        process = self._process
        assert process is not None
        self._kill()
        _, said = process.communicate()
        self._end()
        return said.decode(errors="replace").strip()[-400:]

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._kill()
                self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
        self._process = self._control = None

    def _kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Where the dynamic linker looks, and what is the same for everybody."""
    return {**{name: os.environ[name] for name in _PASSED_ON if name in os.environ}, **_ENVIRONMENT}


def _exchange(channel: socket.socket, request: bytes, most: int, deadline: float) -> bytes | None:
    """Write the request and read until the child closes its end, side by side; None if it writes more than `most`."""
    channel.setblocking(False)
    answer, left, open_ = bytearray(), memoryview(request), True
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while open_ and len(answer) <= most and (patience := deadline - time.monotonic()) > 0:
            ready = sum(mask for _, mask in selector.select(patience))
            if ready & selectors.EVENT_WRITE:
                left = _send(channel, left)
                selector.modify(channel, selectors.EVENT_READ | (selectors.EVENT_WRITE if left else 0))
            if ready & selectors.EVENT_READ:
                open_ = _receive(channel, answer)
    return bytes(answer) if len(answer) <= most else None


def _send(channel: socket.socket, left: memoryview) -> memoryview:
    """Send some; what is left then. A child that has gone takes nothing more."""
    try:
        left = left[channel.send(left[:_CHUNK]):]
        if not left:
            channel.shutdown(socket.SHUT_WR)
    except BlockingIOError:
        return left
    except OSError:
        return left[:0]
    return left


def _receive(channel: socket.socket, answer: bytearray) -> bool:
    """Read some; False at the end."""
    try:
        part = channel.recv(_CHUNK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    answer += part
    return bool(part)


def _broken(why: str) -> SandboxError:
    return SandboxError("The sandbox for circuits does not work", why,
                        "See whether this user may start processes, and whether Qiskit can be imported")
