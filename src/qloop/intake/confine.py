"""How a child gives up what it could do: descriptors, processes, files, memory, time, user, network.

Each limit is set before the first byte of the source is read. What the system cannot limit is told in
docs/how-to/take-circuits-from-others.md.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

NOBODY: Final = 65534
FILES: Final = 32               # open at once: modules that Qiskit imports late
_MOST_DESCRIPTORS: Final = 1 << 20
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000


class Unconfined(Exception):
    """A limit that must hold could not be set."""


def keep_only(channel: int) -> None:
    """The channel as stdin and stdout, nothing as stderr, and no other descriptor."""
    os.dup2(channel, 0)
    os.dup2(channel, 1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, most if most > 0 else _MOST_DESCRIPTORS)


def confine(cpu_seconds: int, memory_bytes: int, may_stay_root: bool, keeper: int) -> None:
    """All limits on this process, for good. Raises `Unconfined` where one that must hold does not."""
    os.umask(0o077)
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, FILES),
                       (resource.RLIMIT_NPROC, 0)):
        _limit(what, most)
    _limit(resource.RLIMIT_CPU, cpu_seconds, beyond=1)      # the soft limit's signal tells why it ended
    with contextlib.suppress(ValueError, OSError):      # macOS knows no limit of address space
        _limit(resource.RLIMIT_AS, memory_bytes + _own_size())
    _become_nobody(may_stay_root)
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    _control(_PR_SET_DUMPABLE, 0)       # nobody else's process may look into it
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        raise Unconfined("its keeper has gone")


def leave_network() -> bool:
    """A network without interfaces, where the system gives one (Linux, as root or with user namespaces)."""
    own = _CLONE_NEWNET | _CLONE_NEWIPC
    if not sys.platform.startswith("linux"):
        return False
    return int(_libc().unshare(own if os.geteuid() == 0 else own | _CLONE_NEWUSER)) == 0


def _own_size() -> int:
    """Bytes of address space that this process, warm and idle, has; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limit(what: int, most: int, beyond: int = 0) -> None:
    """A limit for good; the hard one lies `beyond` the soft one."""
    _, hard = resource.getrlimit(what)
    last = most + beyond if hard == resource.RLIM_INFINITY else min(most + beyond, hard)
    try:
        resource.setrlimit(what, (min(most, last), last))
    except (ValueError, OSError) as error:
        raise Unconfined(f"limit {what}: {error}") from error


def _become_nobody(may_stay_root: bool) -> None:
    """Root becomes a user that owns nothing."""
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    except OSError as error:
        if not may_stay_root:
            raise Unconfined(f"root cannot become another user: {error}") from error


def _control(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        _libc().prctl(option, value, 0, 0, 0)


def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
