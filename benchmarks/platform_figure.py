"""The figure of `platform_speed.py`: what an event costs by the number of tasks that wait."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platform_page import fit

from qloop.trace.drawing.style import FAINT, GROUPS, new_figure, save, styled

MARKERS = ("o", "s", "^", "v", "D")


def draw(found: Mapping[str, Any], stem: Path) -> None:
    """Points and, thin, the least squares a + b log2 n of each curve; in grey one random read; PNG and PDF."""
    import numpy as np

    rows = found["rows"]
    with styled():
        figure = new_figure(5.4, 3.4)
        ax = figure.subplots()
        for n, curve in enumerate(dict.fromkeys(row["curve"] for row in rows)):
            points = [(row["waiting"], row["ns"]) for row in rows if row["curve"] == curve]
            waiting = np.array([x for x, _ in points])
            a, b, _ = fit(rows, curve)
            ax.plot(waiting, [y for _, y in points], color=GROUPS[n], marker=MARKERS[n], markersize=3.5, linewidth=1.3,
                    label=curve)
            ax.plot(waiting, a + b * np.log2(waiting), color=GROUPS[n], linewidth=0.6, linestyle=":")
        reads = found["random read"]
        ax.plot([row["waiting"] for row in reads], [row["ns"] for row in reads], color=FAINT, linestyle="--",
                linewidth=1.0, label="one random read")
        ax.set_xscale("log")
        ax.set_ylim(0.0, None)
        ax.set_xlabel("tasks that wait for a QPU (three QPUs)")
        ax.set_ylabel("CPU time of one event, ns")
        ax.legend(loc="upper left", frameon=False)
        ax.grid(color=FAINT, alpha=0.2)
        ax.set_title("dotted: least squares a + b log n", size=8)
    save(figure, stem)
