"""How far a campaign is: a bar with the time left where a person watches, else a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from qloop.cli import console

EVERY_S = 15.0
SETTLED_S = 5.0     # a speed that was measured for less time is none


class Bar:
    """A progress bar with the time left on the terminal's error stream."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
                             TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True),
                             speed_estimate_period=20.0)
        self._task: Any = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._bar.stop()

    def at(self, done: float, total: float, text: str) -> None:
        """So much of the work is done, and this was worked on last."""
        if self._task is None:
            self._task = self._bar.add_task(text, total=total)
        self._bar.update(self._task, completed=done, description=text)

    def stage(self, text: str) -> None:
        """Another part begins, whose length is not known."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = None
        self._bar.add_task(text, total=None)

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(text, highlight=False, markup=False, style="dim")


class Lines:
    """A line every quarter of a minute; none but notes if `quiet`.

    A report that adds nothing (a kernel was compiled) starts the measurement of the speed again: work that has no
    weight must not count as slow work.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._since = self._told = time.monotonic()
        self._before = self._done = 0.0

    def at(self, done: float, total: float, text: str) -> None:
        """Tell how much is done and about how long the rest will take."""
        now = time.monotonic()
        if done <= self._done:
            self._since, self._before = now, done
        self._done = done
        if self._quiet or now - self._told < EVERY_S:
            return
        self._told = now
        console.note(f"{100.0 * done / total:3.0f} % done{self._left(now, total)} ({text})")

    def _left(self, now: float, total: float) -> str:
        """The time left at the speed since the last compilation, once that is known."""
        took, gained = now - self._since, self._done - self._before
        if took < SETTLED_S or gained <= 0.0:
            return ""
        return f", about {took * (total - self._done) / gained:.0f} s left"

    def stage(self, text: str) -> None:
        """Another part begins."""
        if not self._quiet:
            console.note(text)

    def note(self, text: str) -> None:
        """A line."""
        console.note(text)
