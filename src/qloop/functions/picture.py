"""A picture of a workflow: its stages in layers, with their states and times; many alike are one box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qloop.errors import MissingExtra
from qloop.functions.tree import Stage, duration_text, layers_of
from qloop.model.states import TaskState

COLOURS: Final = {TaskState.DONE: "#009E73", TaskState.RUNNING: "#0072B2", TaskState.READY: "#56B4E9",
                  TaskState.BLOCKED: "#999999", TaskState.FAILED: "#D55E00", TaskState.CANCELLED: "#CC79A7"}
ALIKE: Final = 3        # stages of one function in one layer, with the same inputs, from which on they are one box
_WIDTH, _HEIGHT, _GAP = 2.2, 0.72, 0.6


@dataclass(slots=True)
class Box:
    """A stage, or several alike."""

    stages: list[Stage]
    layer: int
    above: frozenset[int]
    x: float = 0.0

    @property
    def state(self) -> TaskState:
        """The state that matters most of all its stages'."""
        states = {stage.future.state for stage in self.stages}
        order = (TaskState.FAILED, TaskState.RUNNING, TaskState.READY, TaskState.BLOCKED, TaskState.CANCELLED)
        return next((state for state in order if state in states), TaskState.DONE)

    @property
    def title(self) -> str:
        """Its name, or how many there are."""
        return self.stages[0].name if len(self.stages) == 1 else f"{len(self.stages)} x {self.stages[0].function}"

    @property
    def subtitle(self) -> str:
        """State and time, or how many are done."""
        if len(self.stages) == 1:
            return f"{self.state}  {duration_text(self.stages[0].future)}".rstrip()
        counts = Counter(str(stage.future.state) for stage in self.stages)
        return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def draw(name: str, stages: Sequence[Stage], path: str | Path | None, axes: Any) -> Any:
    """Draw the workflow; see `Workflow.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("A picture of a workflow", "plot") from error
    boxes = boxes_of(stages)
    rows = max((box.layer for box in boxes), default=0) + 1
    widest = max(Counter(box.layer for box in boxes).values(), default=1)
    width, height = widest * (_WIDTH + _GAP) + _GAP, rows * (_HEIGHT + _GAP)
    if axes is None:
        axes = Figure(figsize=(max(4.0, width), height + 0.4), layout="constrained").add_subplot()
    _place(boxes, width)
    for index, box in enumerate(boxes):
        _draw_box(axes, box, height)
        for other in box.above:
            _draw_arrow(axes, boxes[other], boxes[index], height)
    axes.set(xlim=(0.0, width), ylim=(0.0, height), title=name)
    axes.set_aspect("equal")
    axes.axis("off")
    if path is not None:
        axes.figure.savefig(path, dpi=150)
    return axes


def boxes_of(stages: Sequence[Stage]) -> list[Box]:
    """The stages as boxes, from the top: `ALIKE` and more of one function with inputs from the same boxes are one."""
    boxes: list[Box] = []
    home: dict[int, int] = {}
    layers = layers_of(stages)
    for layer in range(max(layers, default=-1) + 1):
        here = [stage for stage, at in zip(stages, layers, strict=True) if at == layer]
        groups: dict[tuple[str, frozenset[int]], list[Stage]] = {}
        for stage in here:
            above = frozenset(home[id(one)] for one in stage.future.call.upstream if id(one) in home)
            groups.setdefault((stage.function, above), []).append(stage)
        for (_, above), alike in groups.items():
            for part in [alike] if len(alike) >= ALIKE else [[stage] for stage in alike]:
                home.update((id(stage.future), len(boxes)) for stage in part)
                boxes.append(Box(part, layer, above))
    return boxes


def _place(boxes: Sequence[Box], width: float) -> None:
    """Spread each layer evenly, in the order of where its inputs lie."""
    for layer in range(max((box.layer for box in boxes), default=-1) + 1):
        here = [box for box in boxes if box.layer == layer]
        here.sort(key=lambda box: sum(boxes[other].x for other in box.above) / max(1, len(box.above)))
        for number, box in enumerate(here):
            box.x = width * (number + 0.5) / len(here)


def _top(box: Box, height: float) -> float:
    return height - _GAP / 2 - box.layer * (_HEIGHT + _GAP)


def _draw_box(axes: Any, box: Box, height: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    top, colour = _top(box, height), COLOURS[box.state]
    many = len(box.stages) > 1
    for shift in (0.06, 0.0) if many else (0.0,):
        axes.add_patch(FancyBboxPatch((box.x - _WIDTH / 2 + shift, top - _HEIGHT - shift), _WIDTH, _HEIGHT,
                                      boxstyle="round,pad=0,rounding_size=0.08", facecolor="white", edgecolor=colour,
                                      linewidth=1.6, zorder=2))
    axes.add_patch(FancyBboxPatch((box.x - _WIDTH / 2, top - _HEIGHT), 0.10, _HEIGHT, facecolor=colour, linewidth=0,
                                  boxstyle="round,pad=0,rounding_size=0.05", zorder=3))
    axes.text(box.x, top - 0.36 * _HEIGHT, _short(box.title), ha="center", va="center", fontsize=9, zorder=4)
    axes.text(box.x, top - 0.74 * _HEIGHT, _short(box.subtitle, 34), ha="center", va="center", fontsize=7.5,
              color=colour, zorder=4)


def _draw_arrow(axes: Any, above: Box, below: Box, height: float) -> None:
    axes.annotate("", xy=(below.x, _top(below, height)), xytext=(above.x, _top(above, height) - _HEIGHT),
                  arrowprops={"arrowstyle": "-|>", "color": "#666666", "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0},
                  zorder=1)


def _short(text: str, most: int = 26) -> str:
    return text if len(text) <= most else f"{text[:most - 3]}..."
