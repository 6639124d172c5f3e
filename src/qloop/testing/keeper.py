"""Daemons for tests: started by a keeper process, which ends all of them when the test run ends, however it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from qloop.errors import QloopError

_PATIENCE_S: Final = 20.0


class Daemons:
    """Processes by name, below one keeper. `close` ends them and all that they started; so does the end of this
    process, even by SIGKILL. Then it removes `folder`, where they keep their files (None: nothing).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "qloop.testing.keeper_process", *([str(folder)] if folder is not None else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._keeper.pid

    def start(self, name: str, argv: Sequence[str], log: Path) -> int:
        """Start a daemon that stays in the foreground; what it writes is appended to `log`. Its process id."""
        return int(self._ask(do="start", name=name, argv=list(argv), log=str(log))["pid"])

    def signal(self, name: str, number: int) -> None:
        """Send a signal to this daemon alone; after SIGKILL it has ended when this returns."""
        self._ask(do="signal", name=name, number=int(number))

    def alive(self) -> list[str]:
        """The names of those that run."""
        return list(self._ask(do="alive")["alive"])

    def close(self) -> None:
        """End them all. May be repeated."""
        if self._keeper.stdin is None or self._keeper.stdout is None or self._keeper.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()
        try:
            self._keeper.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._keeper.send_signal(signal.SIGKILL)
            self._keeper.wait()
        self._keeper.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        try:
            self._keeper.stdin.write(json.dumps(order) + "\n")
            self._keeper.stdin.flush()
            line = self._keeper.stdout.readline()
        except OSError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it has ended"}
        if "error" in answer:
            raise QloopError(f"The keeper of daemons could not {order['do']}", str(answer["error"]))
        return answer
