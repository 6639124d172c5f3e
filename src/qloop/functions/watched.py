"""What can be seen of a call while it runs and afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, overload

from qloop.functions import course
from qloop.functions.handle import Handle
from qloop.functions.story import Point
from qloop.functions.telling import Progress
from qloop.model.states import TaskState


class Watched(Handle):
    """The looks of a future."""

    @property
    def state(self) -> TaskState:
        """`blocked` (what it needs is not done, or it pauses before a retry), `ready`, `running`, or how it ended."""
        return course.state_of(self)

    @property
    def progress(self) -> Progress:
        """How far it is, as `qloop.progress` told; (1, ...) once it has a result."""
        told = self.story.progress
        return Progress(1.0, told.text) if self.last is TaskState.DONE else told

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of each metric that `qloop.log_metric` told."""
        return self.story.metrics()

    def metric(self, name: str) -> tuple[Point, ...]:
        """All values of a metric, with the time of the run's clock (s) and the step of each."""
        return self.story.history(name)

    @overload
    def logs(self, follow: Literal[False] = False) -> str: ...

    @overload
    def logs(self, follow: Literal[True]) -> Iterator[str]: ...

    def logs(self, follow: bool = False) -> str | Iterator[str]:
        """What it printed; with `follow` line by line, as it comes, to its end."""
        return course.followed(self) if follow else self.story.text()

    @property
    def stdout(self) -> str:
        """The last 64 KiB of what the last attempt wrote to its output stream, once it is done."""
        return "" if self.ticket is None else str(self.ticket.stdout_text)

    @property
    def stderr(self) -> str:
        """The last 64 KiB of what the last attempt wrote to its error stream, once it is done."""
        return "" if self.ticket is None else str(self.ticket.stderr_text)

    @property
    def traceback(self) -> str:
        """The function's own traceback, if it raised; empty otherwise."""
        return str(getattr(self.error, "traceback_text", ""))

    @property
    def attempt(self) -> int:
        """The number of the present or last attempt, from 1; repeated ones count, lost workers' too; 0: none yet."""
        return self.tries + (0 if self.ticket is None else self.ticket.attempt)

    @property
    def source(self) -> str:
        """Where its result comes from: a `worker`, or the `journal`."""
        return "worker" if self.known is None else "journal"

    @property
    def times(self) -> course.Times:
        """When it was submitted, began and ended, in seconds of the run's clock."""
        return course.times_of(self)

    def explain(self) -> str:
        """Why it does not run, or how it ended, in a sentence."""
        return course.explained(self)
