"""The reader's zygote: a process with one thread that has imported Qiskit's parsers, and forks a child for each source.

It never reads a source. Between it and each child stands a keeper, a fork as well, which ends the child's process group
when its time is over or the reader has gone, and reports how it ended. So readings run side by side, and each is one
straight piece of code.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import time
from typing import Final, NoReturn

from qloop.intake import child, confine, wire

_LEAST_WAIT_S: Final = 0.001


def main(control_fd: int) -> None:
    """Warm up, then start a keeper for each order until the reader closes the control socket."""
    control = socket.socket(fileno=control_fd)
    child.warm()
    gc.collect()
    gc.freeze()     # what no collection touches stays shared with the children
    confine.leave_network()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)       # keepers leave no zombies
    control.sendall(wire.READY)
    with contextlib.suppress(ConnectionError):
        while _obey(control):
            pass


def _obey(control: socket.socket) -> bool:
    """One order; False when there will be none any more."""
    data, descriptors, _, _ = socket.recv_fds(control, wire.ORDER.size, 2)
    while data and len(data) < wire.ORDER.size:
        more = control.recv(wire.ORDER.size - len(data))
        data = data + more if more else b""
    if data and len(descriptors) == 2:
        _start(control, data, descriptors[0], descriptors[1])
    for descriptor in descriptors:
        os.close(descriptor)
    return bool(data)


def _start(control: socket.socket, order: bytes, channel: int, report: int) -> None:
    try:
        pid = os.fork()
    except OSError as error:
        _report(report, wire.NOT_STARTED, error.errno or 0)
        return
    if pid == 0:
        try:
            control.close()
            _keep(order, channel, report)
        finally:
            os._exit(1)


def _keep(order: bytes, channel: int, report: int) -> NoReturn:
    """The keeper's whole life."""
    seconds, cpu_seconds, memory_bytes, may_stay_root = wire.ORDER.unpack(order)
    keeper = os.getpid()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    try:
        pid = os.fork()
    except OSError as error:
        _report(report, wire.NOT_STARTED, error.errno or 0)
        os._exit(0)
    if pid == 0:
        _become_child(channel, cpu_seconds, memory_bytes, may_stay_root, keeper)
    os.close(channel)
    in_time = _ended(pid, wake, report, time.monotonic() + seconds)
    for end in (os.killpg, os.kill):        # it is not reaped yet, so its id is its own; its group may not exist yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    _report(report, wire.ENDED if in_time else wire.TIMED_OUT, status)
    os._exit(0)


def _become_child(channel: int, cpu_seconds: int, memory_bytes: int, may_stay_root: bool, keeper: int) -> NoReturn:
    """The child's whole life: it never returns into the keeper's."""
    status = wire.NO_LIMITS
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        confine.keep_only(channel)
        confine.confine(cpu_seconds, memory_bytes, may_stay_root, keeper)
        status = child.serve()
    finally:
        os._exit(status)


def _ended(pid: int, wake: int, report: int, deadline: float) -> bool:
    """Wait until the child has ended; False if its time was over first, or the reader had gone."""
    while not _has_ended(pid):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        ready, _, _ = select.select([wake, report], [], [], max(left, _LEAST_WAIT_S))
        if report in ready:         # the reader never writes there: this is its end
            return False
        if wake in ready:
            os.read(wake, 64)
    return True


def _has_ended(pid: int) -> bool:
    """Whether it is a zombie. It is not reaped here, so that its id stays its own."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return _is_zombie_elsewhere(pid)


def _is_zombie_elsewhere(pid: int) -> bool:
    """The same for macOS before Python 3.13, where only `ps` tells."""
    import subprocess

    told = subprocess.run(["/bin/ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()[:1] in ("", "Z")


def _report(report: int, kind: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.write(report, wire.REPORT.pack(kind, number))
