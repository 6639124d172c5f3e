"""The local pilot's handle on its zygote: start it, give it orders, hear its reports, see it off."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from qloop.pilots import wire
from qloop.pilots.protocol import MOST_PAYLOAD_BYTES, PilotError
from qloop.pilots.tail import Tail

# The search path comes first, so that the zygote imports what the user's program would.
_BOOT: Final = ("import json, sys; told = json.loads(sys.argv.pop()); sys.path[:] = told.pop('path'); "
                "from qloop.pilots.zygote_process import main; main(**told)")
# A worker is one core. A BLAS with a thread for every core would fight the other workers, and make forking unsafe.
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                      "VECLIB_MAXIMUM_THREADS")
_PATIENCE_S: Final = 10.0


class Report(NamedTuple):
    """What the zygote says: FORKED, EXITED or REFUSED, of which worker; `status` as in `qloop.pilots.wire`."""

    kind: int
    serial: int
    pid: int
    status: int


class Zygote:
    """A zygote process in a session of its own, so that Ctrl-C in the terminal reaches the user's program alone."""

    def __init__(self, environments: Mapping[str, Sequence[str]], memory_bytes: int, mpi: str) -> None:
        self.control, theirs = socket.socketpair()
        self.log, log_theirs = os.pipe()
        os.set_blocking(self.log, False)
        self.said = Tail()
        self._reports = b""
        modules = list(dict.fromkeys(module for names in environments.values() for module in names))
        told = {"path": [str(entry) for entry in sys.path], "control_fd": theirs.fileno(), "modules": modules,
                "warm": list(environments), "memory_bytes": memory_bytes, "most_bytes": MOST_PAYLOAD_BYTES,
                "mpi": mpi}
        env = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps(told)], stdin=subprocess.DEVNULL, stdout=log_theirs,
                stderr=log_theirs, pass_fds=(theirs.fileno(),), env=env, start_new_session=True)
        except OSError as error:
            self._close()
            raise PilotError("The local pilot cannot start a process", str(error),
                              "See whether sys.executable names a Python, and the limit on processes") from error
        finally:
            theirs.close()
            os.close(log_theirs)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def fork(self, serial: int, descriptors: Sequence[int]) -> None:
        """Order a worker that gets these descriptors as its channel, stdout and stderr."""
        with contextlib.suppress(OSError):      # a dead zygote is heard of through `reports`
            socket.send_fds(self.control, [wire.ORDER.pack(wire.FORK, serial)], list(descriptors))

    def kill(self, serial: int) -> None:
        """Order the end of a worker and of its process group; it may have ended already."""
        with contextlib.suppress(OSError):
            self.control.sendall(wire.ORDER.pack(wire.KILL, serial))

    def reports(self) -> list[Report]:
        """What it has to say now; to be called when `control` is readable. Raises `EOFError` if it has died."""
        try:
            data = self.control.recv(4096)
        except ConnectionError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        self._reports += data
        whole = len(self._reports) // wire.REPORT.size * wire.REPORT.size
        reports = [Report(*fields) for fields in wire.REPORT.iter_unpack(self._reports[:whole])]
        self._reports = self._reports[whole:]
        return reports

    def listen(self) -> bool:
        """Keep the end of what it writes, mostly the traceback of an import; False at the end of that."""
        try:
            data = os.read(self.log, 65_536)
        except BlockingIOError:
            return True
        self.said.add(data)
        return bool(data)

    def end(self, workers: Sequence[int]) -> None:
        """End it and everything below it. `workers` are their process ids, for the case that it cannot do so."""
        self.control.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:       # it is stopped, or stuck
            self._process.kill()
            self._process.wait()
        if self._process.returncode != 0:
            for pid in workers:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
        self.listen()
        self._close()

    def _close(self) -> None:
        self.control.close()
        os.close(self.log)


def last_words(report: Report) -> str:
    """Why a worker's process is no more."""
    if report.kind == wire.REFUSED:
        return f"the system refused another process ({os.strerror(report.status)})"
    code = os.waitstatus_to_exitcode(report.status)
    if code >= 0:
        return f"its process ended with exit status {code}"
    with contextlib.suppress(ValueError):
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process was killed by signal {-code}"
