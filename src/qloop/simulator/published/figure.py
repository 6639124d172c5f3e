"""The published table as a figure: ours and its spread over seeds on the published mean and two standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qloop.simulator.published.run import WITHIN, Floats, Reproduction
from qloop.trace.drawing.style import GROUPS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from qloop.simulator.published.model import Value

BAND, OURS = "#D3D3D3", GROUPS[0]
TICKS = (3, 4, 5, 10, 20, 50)


def draw_published(found: Reproduction) -> Figure:
    """TTNS (logarithmic) and QDC of the five modes; MissingExtra without matplotlib."""
    names = [line.mode for line in found.lines]
    with styled():
        figure = new_figure(6.4, 2.6)
        left, right = figure.subplots(1, 2)
        panel(left, names, [line.ttns for line in found.lines], [line.published[0] for line in found.lines])
        left.set_yscale("log")
        left.set_ylim(3.0, 80.0)
        left.set_yticks(TICKS, [f"{tick}" for tick in TICKS])
        left.set_yticks([], minor=True)
        left.set_ylabel("mean TTNS (s)")
        panel(right, names, [line.qdc for line in found.lines], [line.published[1] for line in found.lines])
        right.set_ylabel("QDC (%)")
        right.set_ylim(0.0, 30.0)
        right.legend(frameon=False, loc="upper left")
    return figure


def panel(ax: Axes, names: list[str], ours: list[Floats], published: list[Value]) -> None:
    """One quantity of all modes."""
    at = np.arange(len(names))
    low = [one.mean - WITHIN * one.sd for one in published]
    height = [2.0 * WITHIN * one.sd for one in published]
    ax.bar(at, height, 0.7, low, color=BAND, label="published, 2 sd")
    ax.hlines([one.mean for one in published], at - 0.35, at + 0.35, colors="#555555", linewidth=1.0)
    ax.errorbar(at, [one.mean() for one in ours], [one.std(ddof=1) for one in ours], fmt="o", color=OURS,
                markersize=4, capsize=2, linewidth=1.0, label="here, 1 sd over seeds")
    ax.set_xticks(at, names)
