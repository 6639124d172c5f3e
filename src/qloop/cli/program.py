"""Running a user's program in this process, as Python itself would run it."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, TracebackType

from qloop.cli import console
from qloop.cli.exits import Exit, exit_of
from qloop.errors import InvalidInput, QloopError, UserCodeError


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: its exit code, and what it raised, if it did."""

    exit_code: int
    error: BaseException | None = None

    @property
    def fine(self) -> bool:
        """Whether nothing is left to do."""
        return self.error is None

    @property
    def word(self) -> str:
        """One word for it."""
        if self.fine:
            return "done"
        return "interrupted" if isinstance(self.error, KeyboardInterrupt) else "failed"


def find(text: str) -> Path:
    """The absolute path of a program; InvalidInput if it is none that Python can read."""
    path = Path(text)
    if path.is_dir():
        raise InvalidInput(f"{text} is a directory", "qloop runs Python files", "Name a file in it")
    if not path.exists():
        raise InvalidInput(f"There is no file {text}", f"The working directory is {Path.cwd()}", "Check the name")
    try:
        compile(path.read_bytes(), str(path), "exec")
    except OSError as error:
        raise InvalidInput(f"{text} cannot be read", error.strerror or str(error), "Check its permissions") from error
    except SyntaxError as error:
        where = f"Line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
        raise InvalidInput(f"{text} is not a Python program", where, "Correct it; nothing was run") from error
    except ValueError as error:
        raise InvalidInput(f"{text} is not a Python program", str(error), "Name a Python file") from error
    return path.resolve()


def execute(path: Path, arguments: Sequence[str]) -> Ending:
    """Run the program as `__main__`, with its folder first in `sys.path`; what it raises is returned."""
    import runpy

    with _world(path, arguments):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as error:
            return _exited(error)
        except KeyboardInterrupt as error:
            return Ending(Exit.INTERRUPTED, error)
        except QloopError as error:
            return Ending(exit_of(error), error)
        except BaseException as error:
            return Ending(Exit.FAILED, error)
    return Ending(Exit.OK)


def report(path: Path, ending: Ending) -> None:
    """Print what the program raised: its own traceback; of qloop's errors what, why, what to do and where."""
    error = ending.error
    if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
        if isinstance(error, SystemExit) and not isinstance(error.code, int):
            console.say(str(error.code))
    elif isinstance(error, QloopError):
        console.complain(error, at=place(path, error))
    else:
        traceback.print_exception(type(error), error, _from_program(path, error.__traceback__))
        sys.stderr.flush()


def place(path: Path, error: BaseException) -> str:
    """The program's deepest line in what led to an error: `file, line n: source`; empty where a worker's is told."""
    if isinstance(error, UserCodeError) and error.traceback_text:
        return ""
    lines = [line for code, line in _frames(error.__traceback__) if code.co_filename == str(path)]
    return f"{os.path.relpath(path)}, line {lines[-1]}: {linecache.getline(str(path), lines[-1]).strip()}" \
        if lines else ""


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """What the program and its children print goes to stderr, because stdout is for one JSON document."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def _world(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """`sys.argv` and `sys.path` as the program expects them; what it does to them or to the folder is undone."""
    argv, paths, folder = sys.argv, list(sys.path), Path.cwd()
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, paths
        os.chdir(folder)


def _exited(error: SystemExit) -> Ending:
    """What `sys.exit(...)` means: nothing and 0 are fine, a number is the code, a text is a failure."""
    if error.code in (None, 0):
        return Ending(Exit.OK)
    return Ending(error.code if isinstance(error.code, int) else Exit.FAILED, error)


def _from_program(path: Path, trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first line on; all of it if the program is not in it."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != str(path):
        found = found.tb_next
    return found or trace


def _frames(trace: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next
