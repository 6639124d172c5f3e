"""A process that starts daemons for tests and ends them, with all that they started, when its parent has gone.

One thread, one line of JSON in, one out. It is the subreaper of everything below it, so that what a daemon leaves
behind becomes its own child. It signals its own children alone, which keep their process ids until it has waited for
them: a signal never reaches a process that is not its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_SUBREAPER: Final = 36      # PR_SET_CHILD_SUBREAPER, linux/prctl.h
_DEAF: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


class Keeper:
    """The daemons by their names."""

    def __init__(self) -> None:
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """`start` (name, argv, log), `signal` (name, number), `alive`; what it yields, or `error`."""
        match order:
            case {"do": "start", "name": str(name), "argv": list(argv), "log": str(log)}:
                with Path(log).open("ab") as end:
                    self._daemons[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=end, stderr=end,
                                                           start_new_session=True, preexec_fn=_forget)
                return {"pid": self._daemons[name].pid}
            case {"do": "signal", "name": str(name), "number": int(number)}:
                daemon = self._daemons[name]
                daemon.send_signal(number)      # nothing happens to one that has ended
                if number == signal.SIGKILL:
                    daemon.wait()
                return {}
            case {"do": "alive"}:
                return {"alive": [name for name, daemon in self._daemons.items() if daemon.poll() is None]}
            case _:
                return {"error": f"what is {order}?"}

    def reap(self) -> None:
        """Bury what has ended: first the daemons, whose statuses are wanted, then orphans that came to us."""
        for daemon in self._daemons.values():
            daemon.poll()
        known = {daemon.pid for daemon in self._daemons.values() if daemon.returncode is None}
        for pid in set(children()) - known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def end(self) -> None:
        """Kill every child; what they leave becomes ours, and is killed in its turn, until none is left."""
        while below := list(children()):
            for pid in below:
                os.kill(pid, signal.SIGKILL)
            for pid in below:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def children() -> Iterator[int]:
    """The child processes of this one, zombies included."""
    me = os.getpid()
    return (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit() and _parent(folder) == me)


def _parent(folder: Path) -> int:
    """The process id of a process's parent; 0 if it has gone meanwhile."""
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _forget() -> None:
    """A daemon hears the signals to which its keeper is deaf."""
    for number in _DEAF:
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    """Obey until the end of the orders; then end all, and remove the folders named on the command line."""
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    for number in _DEAF:
        signal.signal(number, signal.SIG_IGN)       # Ctrl-C is for the parent, whose end is heard as end of file
    keeper, waiting = Keeper(), b""
    try:
        while True:
            if not select.select([0], [], [], 0.2)[0]:
                keeper.reap()
                continue
            data = os.read(0, 65_536)
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                _answer(keeper, line)
    finally:
        keeper.end()
        for folder in sys.argv[1:]:
            shutil.rmtree(folder, ignore_errors=True)


def _answer(keeper: Keeper, line: bytes) -> None:
    try:
        answer = keeper.obey(json.loads(line))
    except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
