"""Building environments: once for each content, into a cache, by uv if it is there, else by venv and pip."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from qloop.errors import QloopError
from qloop.functions.environments.environment import Environment
from qloop.functions.environments.lock import has_hashes

CACHE: Final = "QLOOP_CACHE_DIR"
READY: Final = "qloop-ready"        # written last: without it an environment is half built
_FOREIGN: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
_LAST_LINES: Final = 25             # of what an installer said, in an error
Say = Callable[[str], None]


def cache_folder() -> Path:
    """Where environments are kept: $QLOOP_CACHE_DIR, or the user's cache folder."""
    home = os.environ.get(CACHE)
    if home:
        return Path(home) / "environments"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qloop" / "environments"


def python_of(environment: Environment, say: Say = print) -> Path:
    """The interpreter of an environment, which is built now if it was not yet; QloopError with the installer's words.

    Whoever comes while another process builds it waits for that. `say` takes lines of what is done.
    """
    folder = cache_folder() / environment.key[:32]
    python = folder / "bin" / "python"
    if (folder / READY).is_file():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock"), say, environment.name):
        if not (folder / READY).is_file():
            _build(environment, folder, python, say)
    return python


def _build(environment: Environment, folder: Path, python: Path, say: Say) -> None:
    begin = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)       # what an earlier builder left that was killed
    say(f"[the environment {environment.name} is built: {len(environment.lines)} packages]")
    try:
        for command in _commands(environment, folder, python):
            _run(command, environment, say)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / READY).write_text("\n".join(environment.lines))
    say(f"[the environment {environment.name} is ready after {time.monotonic() - begin:.1f} s]")


def _commands(environment: Environment, folder: Path, python: Path) -> Iterator[list[str]]:
    """What builds it. Nothing but the lock is installed: then it is checked that nothing is missing."""
    wanted = folder / "lock.txt"
    hashed = ["--require-hashes"] if has_hashes(environment.lines) else []
    shared = ["--system-site-packages"] if environment.shares else []
    uv = shutil.which("uv")
    if uv is None:
        own = find_spec("pip") is not None      # this interpreter's pip serves others, too; else each needs its own
        yield [sys.executable, "-m", "venv", *shared, *(["--without-pip"] if own else []), str(folder)]
        wanted.write_text("\n".join(environment.lines) + "\n")
        pip = [sys.executable, "-m", "pip", "--python", str(python)] if own else [str(python), "-m", "pip"]
        pip += ["--disable-pip-version-check", "--no-input"]
        yield [*pip, "install", "--no-deps", *hashed, "-r", str(wanted)]
        if not environment.shares:      # others' packages may lack what they like
            yield [*pip, "check"]
        return
    yield [uv, "venv", "--python", sys.executable, *shared, str(folder)]
    wanted.write_text("\n".join(environment.lines) + "\n")
    yield [uv, "pip", "install", "--python", str(python), "--no-deps", *hashed, "-r", str(wanted)]
    if not environment.shares:
        yield [uv, "pip", "check", "--python", str(python)]


def _run(command: Sequence[str], environment: Environment, say: Say) -> None:
    """One command; its lines are told as they come."""
    kept: deque[str] = deque(maxlen=_LAST_LINES)
    bare = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    try:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", env=bare) as running:
            assert running.stdout is not None
            for line in running.stdout:
                kept.append(line.rstrip())
                say(line.rstrip())
    except OSError as error:
        raise QloopError(f"The environment {environment.name} cannot be built", f"{command[0]}: {error}") from error
    if running.returncode:
        said = "\n".join(kept)
        raise QloopError(f"The environment {environment.name} cannot be built",
                         f"{Path(command[0]).name} ended with exit status {running.returncode} and said:\n{said}\n",
                         "Correct the lock file, or what keeps its packages from being installed here")


@contextlib.contextmanager
def _alone(path: Path, say: Say, name: str) -> Iterator[None]:
    """One process at a time; the lock is gone with the process that holds it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"[another process builds the environment {name}]")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
