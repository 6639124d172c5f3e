"""A line that says how a loop is doing, while it runs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Protocol, Self

from qloop.loops.result import Iteration
from qloop.model.cost import Cost


class Progress(Protocol):
    """Told of each iteration."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None: ...

    def update(self, entry: Iteration) -> None:
        """One more iteration is complete."""


class Silent:
    """No display."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def update(self, entry: Iteration) -> None:
        """Nothing is shown."""


class Bar:
    """A progress bar on the terminal's error stream: iterations, energy, time left."""

    def __init__(self, title: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                             TextColumn("energy {task.fields[energy]}{task.fields[paid]}"), TimeRemainingColumn(),
                             console=Console(stderr=True), transient=False)
        self._task = self._bar.add_task(title, total=total, energy="...", paid="")
        self._cost = Cost()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def update(self, entry: Iteration) -> None:
        """Show the iteration, and what all have cost so far."""
        self._cost += entry.cost
        paid = f", {self._cost.text}" if self._cost.amount else ""
        self._bar.update(self._task, completed=entry.number, energy=f"{entry.energy:.6f}", paid=paid)


def display(wish: bool | None, title: str, total: int) -> Any:
    """A bar if wished, or, for None, if somebody watches; it does not appear in files and pipes."""
    watched = sys.stderr.isatty() if wish is None else wish
    return Bar(title, total) if watched else Silent()
