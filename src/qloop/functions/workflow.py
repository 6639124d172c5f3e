"""Workflow: stages whose results are journaled, so that a program that is started again goes on where it was."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from qloop.errors import InvalidInput
from qloop.functions import tree
from qloop.functions.desk import SESSION, desk_of
from qloop.functions.function import Function, function
from qloop.functions.future import Future
from qloop.functions.gathered import gather
from qloop.functions.handle import Handle
from qloop.functions.keys import stage_key
from qloop.functions.tree import Stage
from qloop.runtime.client import Client

T = TypeVar("T")


class Workflow:
    """A graph of stages in a session of its own, by its `name`; a stage is a call of a function.

    The result of each is journaled under what it was asked before it is told. A program that is started again in the
    same run (`Runtime(journal=..., run=..., resume=True)`, or `qloop run --resume`) gets those from the journal and
    runs the others. A stage that was changed runs anew, and so do those that take its result.
    Leaving the `with` block waits for all stages and raises the first error.
    """

    def __init__(self, name: str, *, runtime: Client | None = None) -> None:
        if not isinstance(name, str) or name == SESSION:
            raise InvalidInput(f"The workflow's name is {name!r:.80}", "",
                               "Give a text of letters, digits, '-' and '_'")
        self.name, self._runtime, self._desk = name, runtime, desk_of(runtime)
        self.session = self._desk.session(name)
        self._stages: list[Stage] = []
        self._occurrences: Counter[str] = Counter()
        self._names: Counter[str] = Counter()
        self._lock = threading.Lock()

    def stage(self, called: Function[..., T] | Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Add a stage: this function with these arguments, among which may be futures of earlier stages.

        Equal stages are told apart by their order. InvalidInput for what cannot be called or cannot travel.
        """
        made: Function[..., T] = called if isinstance(called, Function) else function(called)
        call = self._desk.call(made, args, kwargs, session=self.name, keyed=lambda given, inputs: self._key(
            made, given, inputs))
        future: Future[T] = self._desk.begin(call)
        with self._lock:
            self._names[made.name] += 1
            count = self._names[made.name]
            self._stages.append(Stage(made.name if count == 1 else f"{made.name} {count}", made.name, future))
        return future

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order in which they were added, each with its name and its future."""
        with self._lock:
            return tuple(self._stages)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all stages are done; raises the first error in their order, TimeoutError after `timeout` s."""
        errors = gather([stage.future for stage in self.stages], timeout=timeout, return_exceptions=True)
        for stage in self.stages[:len(errors)]:
            error = stage.future.error
            if error is not None:
                raise error

    def cancel(self) -> None:
        """Drop all stages that are not done."""
        for stage in self.stages:
            stage.future.cancel()

    def tree(self) -> str:
        """The stages as text: their states, times, and what they take."""
        return tree.text(self.name, self.stages)

    def plot(self, path: str | Path | None = None, *, axes: Any = None) -> Any:
        """A picture of the stages with states and times, saved to `path` (PNG, SVG, PDF); returns the axes.

        Raises MissingExtra without matplotlib.
        """
        from qloop.functions.picture import draw

        return draw(self.name, self.stages, path, axes)

    def _key(self, made: Function[..., Any], given: Any, inputs: Sequence[Handle]) -> str:
        for one in inputs:
            if not one.call.key:
                raise InvalidInput(f"The stage {made.name} takes the result of {one.name}, which is no stage",
                                   "What is not journaled cannot be found again", "Add it with workflow.stage, too")
        keys = [one.call.key for one in inputs]
        bare = stage_key(made, given, keys, 0)
        with self._lock:
            self._occurrences[bare] += 1
            occurrence = self._occurrences[bare]
        return bare if occurrence == 1 else stage_key(made, given, keys, occurrence)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        failed = kind is not None
        try:
            if not failed:
                failed = True
                self.wait()
                failed = False
        finally:
            self._desk.end_session(self.name, keep=failed)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.tree())}</pre>"

    def __repr__(self) -> str:
        done = sum(stage.future.done() for stage in self.stages)
        return f"<Workflow {self.name}: {done} of {len(self.stages)} stages done>"
