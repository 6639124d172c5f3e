"""Children forked from the warm test process: they write to a journal, tell what was acknowledged, and die."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn

Say = Callable[[str], None]


class Child:
    """A forked process and the lines that it said."""

    def __init__(self, work: Callable[[Say], None]) -> None:
        receive, send = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(receive)
            _live(work, send)
        os.close(send)
        self._lines = os.fdopen(receive, "r")

    def line(self) -> str:
        """The next line; empty if the child has ended."""
        return self._lines.readline().strip()

    def kill(self) -> list[str]:
        """Kill -9, and all that it had said but was not read."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return self.end()[0]

    def end(self) -> tuple[list[str], int]:
        """Wait for its end: the complete lines that it had said, and its exit status (negative: a signal)."""
        with self._lines:
            said = self._lines.read()
        _, status = os.waitpid(self.pid, 0)
        complete = said[:said.rfind("\n") + 1]
        return complete.split("\n")[:-1], os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def child(work: Callable[[Say], None]) -> Iterator[Child]:
    """A child that is gone at the end, whatever the test does."""
    one = Child(work)
    try:
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.pid, 0)


def _live(work: Callable[[Say], None], send: int) -> NoReturn:
    """The child's life: never returns into the test runner."""
    code = 1
    try:
        work(lambda text: os.write(send, f"{text}\n".encode()) and None)
        code = 0
    except BaseException as error:
        os.write(send, f"failed: {error!r}\n".encode())
    finally:
        os._exit(code)
