"""A process by its id and the moment of its start, so that no other process that got the id later is ever signalled."""

from __future__ import annotations

import contextlib
import os
import signal as signals
import subprocess
from pathlib import Path

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """A process; `started` is what the system says of its start ("": not known, and nothing is ever signalled)."""

    pid: int
    started: str = ""

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return self.pid > 0 and bool(self.started) and started(self.pid) == self.started

    def signal(self, number: signals.Signals) -> bool:
        """Send it a signal; False if it has ended, whoever has its id now."""
        if not hasattr(os, "pidfd_open"):
            return self._signal_by_id(number)
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if not self.alive():        # the handle is of whoever had the id before this look
                return False
            signals.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def _signal_by_id(self, number: signals.Signals) -> bool:
        if not self.alive():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


def bury(pid: int) -> None:
    """Take note of the end of a child of this process, if it is one and has ended; of others nothing happens."""
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)


def identity(pid: int = 0) -> Identity:
    """The process that has this id now (0: this one)."""
    number = pid or os.getpid()
    return Identity(number, started(number))


def started(pid: int) -> str:
    """When the process of this id began, as the system counts; "" if there is none, or only what is left of one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return "" if Path("/proc/self").exists() else _told_by_ps(pid)
    return "" if _over(pid, fields[0]) else f"{_boot()}:{fields[19]}"


def _over(pid: int, state: str) -> bool:
    """Whether a process of this state has ended; one whose first thread has may still hold files and locks."""
    if state != "Z":
        return state == "X"
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/task").iterdir())) <= 1
    return True


def in_session(leader: int) -> list[Identity]:
    """The processes of the session that this one began (`setsid`), itself included; none where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] not in "ZX":
                found.append(Identity(int(entry.name), f"{_boot()}:{fields[19]}"))
    return found


def _boot() -> str:
    """Which start of the machine this is: ids and times begin anew with each."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    return ""


def _told_by_ps(pid: int) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10,
                              check=False).stdout.strip()
    return ""
