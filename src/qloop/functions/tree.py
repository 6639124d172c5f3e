"""The stages of a workflow as text, and in layers: each stage below those that it takes results of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from qloop.functions.future import Future
from qloop.model.states import TaskState

ALIKE: Final = 4        # inputs of one function, from which on they are counted
MARKS: Final = {TaskState.DONE: "+", TaskState.RUNNING: ">", TaskState.READY: ".", TaskState.BLOCKED: " ",
                TaskState.FAILED: "x", TaskState.CANCELLED: "-"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a workflow: its own name, its function's, and its future."""

    name: str
    function: str
    future: Future[Any]


def text(name: str, stages: Sequence[Stage]) -> str:
    """The workflow, then a line for each stage in order: mark, name, state, time, and what it takes."""
    names = {id(stage.future): stage.name for stage in stages}
    depths = layers_of(stages)
    states = Counter(str(stage.future.state) for stage in stages)
    lines = [f"{name}: {len(stages)} stages" + "".join(f", {count} {state}" for state, count in sorted(states.items()))]
    width = max((2 * depth + len(stage.name) for stage, depth in zip(stages, depths, strict=True)), default=0)
    for stage, depth in zip(stages, depths, strict=True):
        future = stage.future
        takes = ", ".join(_grouped([(names.get(id(one), one.name), one.name)
                                    for one in dict.fromkeys(future.call.upstream)]))
        line = f"{MARKS[future.state]} {'  ' * depth + stage.name:<{width}}  {future.state:<9}  "
        line += f"{duration_text(future):>9}"
        lines.append((line + (f"  <- {takes}" if takes else "") + _told(future)).rstrip())
    return "\n".join(lines)


def _grouped(inputs: Sequence[tuple[str, str]]) -> list[str]:
    """Names of inputs (own, function's); many of one function are counted."""
    counts = Counter(function for _, function in inputs)
    found = [name if counts[function] < ALIKE else f"{counts[function]} x {function}" for name, function in inputs]
    return list(dict.fromkeys(found))


def layers_of(stages: Sequence[Stage]) -> list[int]:
    """The layer of each stage: 0 if it takes no result, else one below the lowest of those that it takes."""
    found: dict[int, int] = {}
    for stage in stages:        # an input is older than what takes it
        above = [found[id(one)] for one in stage.future.call.upstream if id(one) in found]
        found[id(stage.future)] = max(above, default=-1) + 1
    return [found[id(stage.future)] for stage in stages]


def duration_text(future: Future[Any]) -> str:
    """How long it ran, or has run: on its worker, in seconds of the run's clock."""
    times = future.times
    if future.known is not None:
        return "journal"
    if times.began_s < 0.0:
        return ""
    until = times.ended_s if times.ended_s >= 0.0 else future.client.now_s()
    return f"{max(0.0, until - times.began_s):.3g} s"


def _told(future: Future[Any]) -> str:
    """What a running stage says, or why one failed."""
    if future.state is TaskState.RUNNING and future.progress.fraction > 0.0:
        return f"  {future.progress.fraction:.0%} {future.progress.text}"
    if future.error is not None:
        why = getattr(future.error, "why", "") if not getattr(future.error, "traceback_text", "") else ""
        return f"  {getattr(future.error, 'what', future.error)}{f': {why}' if why else ''}"
    return ""
