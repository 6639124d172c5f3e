"""The zygote: one warm process with a single thread that forks the local pilot's workers and buries them.

The user's program may have any number of threads, and forking such a program is unsafe; this process has one. It
knows its workers by serial number and is the only one that signals them, and only before it has reaped them, so no
signal can reach a stranger that was given the same process id. It ends, and ends them all, when the pilot closes the
control socket or dies.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from qloop.pilots import wire, worker_process

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_TICK_S: Final = 1.0            # how soon a parent is missed whose end of the socket somebody inherited


def main(control_fd: int, modules: Sequence[str], warm: Sequence[str], memory_bytes: int, most_bytes: int,
         mpi: str) -> None:
    """Import `modules`, then serve orders until the pilot is gone."""
    pilot = os.getppid()
    control = socket.socket(fileno=control_fd)
    for module in modules:
        importlib.import_module(module)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()     # objects that no collection touches stay shared with the workers
    zygote = Zygote(control, pilot, frozenset(warm), memory_bytes, most_bytes, mpi)
    zygote.report(wire.FORKED, 0, os.getpid())
    try:
        zygote.serve()
    finally:
        zygote.end_all()


class Zygote:
    """The workers alive, by serial number."""

    def __init__(self, control: socket.socket, pilot: int, warm: frozenset[str], memory_bytes: int,
                 most_bytes: int, mpi: str) -> None:
        self._control, self._pilot, self._warm = control, pilot, warm
        self._memory, self._most, self._mpi = memory_bytes, most_bytes, mpi
        self._workers: dict[int, int] = {}
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def report(self, kind: int, serial: int, pid: int, status: int = 0) -> None:
        """Tell the pilot, unless it is gone."""
        with contextlib.suppress(OSError):
            self._control.sendall(wire.REPORT.pack(kind, serial, pid, status))

    def serve(self) -> None:
        """Until the pilot is gone: obey orders, bury the dead."""
        while os.getppid() == self._pilot:
            ready, _, _ = select.select([self._control.fileno(), self._wake], [], [], _TICK_S)
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
            if self._control.fileno() in ready and not self._obey():
                return
            self._bury()

    def _obey(self) -> bool:
        """One order; False if there will be none any more."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, wire.ORDER.size, 3)
            while data and len(data) < wire.ORDER.size:
                more = self._control.recv(wire.ORDER.size - len(data))
                data = data + more if more else b""
        except ConnectionError:
            return False
        if not data:
            return False
        kind, serial = wire.ORDER.unpack(data)
        if kind == wire.FORK:
            self._fork(serial, descriptors)
        elif serial in self._workers:
            _signal_group(self._workers[serial])
        return True

    def _fork(self, serial: int, descriptors: list[int]) -> None:
        home = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self.report(wire.REFUSED, serial, 0, error.errno or 0)
            pid = -1
        if pid == 0:
            self._become_worker(home, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        if pid < 0:
            return
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)    # the child does so too; whoever is first
        self._workers[serial] = pid
        self.report(wire.FORKED, serial, pid)

    def _become_worker(self, home: int, descriptors: list[int]) -> NoReturn:
        """The child's whole life: it never returns into the zygote's."""
        status = 1
        try:
            os.setpgid(0, 0)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != home:    # it died before the wish was in force
                os._exit(1)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for unwanted in (self._wake, self._waker, self._control.detach()):
                os.close(unwanted)
            channel = socket.socket(fileno=descriptors[0])
            for number, descriptor in enumerate(descriptors[1:], 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            _limit(self._memory)
            worker_process.serve(channel, self._warm, self._most, self._mpi)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def _bury(self) -> None:
        """Reap the dead workers, and tell."""
        for serial, pid in list(self._workers.items()):
            status = _reap(pid)
            if status is not None:
                del self._workers[serial]
                self.report(wire.EXITED, serial, pid, status)
        for pid in _children() - set(self._workers.values()):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)     # orphans come to the zygote to be reaped

    def end_all(self) -> None:
        """Nothing that descends from the workers is left, process groups of their own included (Linux)."""
        for pid in self._workers.values():
            _signal_group(pid)
        for pid in self._workers.values():
            os.waitpid(pid, 0)
        while orphans := _children():
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


def _reap(pid: int) -> int | None:
    """The exit status of a worker that has ended, None if it has not; what is left in its group ends with it."""
    if not hasattr(os, "waitid"):       # macOS before Python 3.13: reap first, and trust that the id is not yet reused
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            _signal_group(pid)
        return status if ended else None
    if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return None
    _signal_group(pid)      # it is still a zombie, so its group is its own
    return os.waitpid(pid, 0)[1]


def _signal_group(pid: int) -> None:
    """Kill the process group that a worker leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _children() -> set[int]:
    """All children of this process, adopted ones included; empty where the system does not tell."""
    try:
        return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    except OSError:
        return set()


def _limit(memory_bytes: int) -> None:
    """No core files; an address space of `memory_bytes` at most (0: no limit)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the zygote alone sees to it that nobody outlives the pilot."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
