"""The user's own folder of state, which no other user can read: kept pilots and submitted programs lie in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput, QloopError

ENVIRONMENT: Final = "QLOOP_STATE"
LONGEST_SOCKET: Final = 100     # bytes of a socket's path that every system takes
_DYING_S: Final = 2.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")


def state_folder() -> Path:
    """$QLOOP_STATE, or `qloop` under $XDG_STATE_HOME, or under `.local/state` at home."""
    told = os.environ.get(ENVIRONMENT)
    if told:
        return Path(told).absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "qloop"


def private(path: Path) -> Path:
    """This folder, made if it is not there; `QloopError` if it is not this user's alone, and cannot be made so."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = path.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
            raise QloopError(f"The folder {path} is not this user's own", "Who can write there could pose as a pilot",
                             f"Remove it, or name another one in ${ENVIRONMENT}")
        if stat.S_IMODE(about.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise QloopError(f"The folder {path} cannot be used", error.strerror or str(error),
                         f"Name another one in ${ENVIRONMENT}") from error
    return path


def socket_path(folder: Path, name: str) -> Path:
    """Where a socket of this name can lie: in the folder, or, where its path is too long, in a fresh private one."""
    path = folder / f"{name}.socket"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    return Path(tempfile.mkdtemp(prefix="qloop-")) / "socket"


def remove_socket(path: Path) -> None:
    """Remove it, and the folder that was made for it alone."""
    with contextlib.suppress(OSError):
        path.unlink()
    if path.name == "socket" and path.parent.name.startswith("qloop-"):
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def write_private(path: Path, content: bytes) -> None:
    """A file of mode 0600 that appears whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    fresh.replace(path)


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the lock of this file for the block; False if another process does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Lock this file; a process that is dying may hold it for a moment longer than it seems to be there."""
    until = time.monotonic() + _DYING_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        else:
            return True


def check_name(noun: str, name: str) -> str:
    """A name that can be that of a file."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"A {noun} cannot be named {name!r:.80}", "It becomes the name of a file",
                           "Use letters, digits, '-' and '_', at most 48, and begin with a letter or a digit")
    return name
