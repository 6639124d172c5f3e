"""Figures of the evaluation against load: eight quantities of the main policies, and where efaas wins."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from qloop.simulator.evaluation import plan
from qloop.simulator.evaluation.cells import MIDDLE, Cell
from qloop.simulator.evaluation.contenders import EFAAS, FIFO, MAIN
from qloop.simulator.evaluation.looks import GRID, colour, line, plain_log
from qloop.simulator.evaluation.results import Results
from qloop.simulator.evaluation.targets import ordinary, percent
from qloop.trace.drawing.style import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# quantity: label, factor, logarithmic
PANELS: Mapping[str, tuple[str, float, bool]] = MappingProxyType({
    "gap_wait": ("waiting part of the gap (s)", 1.0, True), "ttns_loop": ("TTNS, step to step (s)", 1.0, True),
    "makespan": ("arrival to completion (min)", 1 / 60, True), "normal_slowdown": ("NORMAL slowdown", 1.0, True),
    "qdc": ("useful QDC (%)", 100.0, False), "epochs": ("epochs seen - 1", 1.0, False),
    "cost": ("QPU s per finished loop", 1.0, False), "fair_slowdown": ("Jain, loops' slowdown", 1.0, False)})
PARTS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "qdc_loops": ("loops", "#0072B2"), "qdc_background": ("background", "#56B4E9"),
    "qdc_cold": ("compile, load", "#E69F00"), "qdc_calibration": ("calibration", "#999933"),
    "qdc_held": ("held idle", "#CC79A7"), "qdc_idle": ("idle", "#E3E3E3")})


def against_load(results: Results, qpus: int = 3, share: float = MIDDLE) -> Figure:
    """Eight quantities of the main policies against load."""
    cells = sorted((cell for cell in ordinary(results) if cell.qpus == qpus and cell.share == share),
                   key=lambda cell: cell.load)
    with styled():
        figure = new_figure(9.6, 4.7)
        axes = figure.subplots(2, 4, sharex=True).ravel()
        for ax, (quantity, (label, factor, log)) in zip(axes, PANELS.items(), strict=True):
            _policies(ax, results, cells, quantity, factor)
            if log:
                plain_log(ax, "y")
            ax.set_title(label)
            ax.grid(**GRID)
            ax.set_axisbelow(True)
        for ax in axes[4:]:
            ax.set_xlabel("load")
        axes[-1].set_ylim(top=1.005)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False,
                      title=f"{qpus} QPUs, loops {percent(share)} of the load; 95 % intervals", title_fontsize=8)
        return figure


def _policies(ax: Axes, results: Results, cells: list[Cell], quantity: str, factor: float) -> None:
    """A line for each main policy that ran."""
    for name in MAIN:
        there = [cell for cell in cells if results.has(cell, name)]
        if there:
            line(ax, name, [cell.load for cell in there], [results.mean(cell, name, quantity) for cell in there],
                 factor)


def where(results: Results) -> Figure:
    """How much lower the waiting part is under efaas than under fifo, in every cell of the sweep."""
    cells = [cell for cell in results.cells(plan.SWEEP) if cell in ordinary(results) and results.has(cell, FIFO)]
    counts = sorted({cell.qpus for cell in cells})
    with styled():
        figure = new_figure(2.0 + 2.5 * len(counts), 2.4)
        axes = np.atleast_1d(figure.subplots(1, len(counts), sharey=True))
        for ax, qpus in zip(axes, counts, strict=True):
            _heat(ax, results, [cell for cell in cells if cell.qpus == qpus],
                  sorted({cell.share for cell in cells}, reverse=True))
            ax.set_title(f"{qpus} QPU{'s' if qpus > 1 else ''}")
            ax.set_xlabel("load")
        axes[0].set_ylabel("loops' part of the load")
        figure.suptitle("Waiting part of the mean gap:\nefaas against fifo in %, and s under fifo", fontsize=8.5)
        return figure


def _heat(ax: Axes, results: Results, cells: list[Cell], shares: list[float]) -> None:
    """One heat map: load against share, the reduction written in each cell, fifo's seconds below it."""
    loads = sorted({cell.load for cell in cells})
    values = np.full((len(shares), len(loads)), np.nan)
    for cell in cells:
        row, column = shares.index(cell.share), loads.index(cell.load)
        found = results.reduction(cell, FIFO, EFAAS, "gap_wait")
        values[row, column] = -100.0 * found.mean
        shade = "white" if abs(values[row, column]) > 60 else "black"
        sure = found.low > 0.0 or found.high < 0.0
        ax.text(column, row - 0.14, f"{values[row, column]:+.0f}" if sure else "±", ha="center", va="center",
                fontsize=7.5, color=shade)
        ax.text(column, row + 0.24, f"{results.mean(cell, FIFO, 'gap_wait').mean:.2g} s", ha="center", va="center",
                fontsize=5.8, color=shade)
    ax.imshow(np.clip(values, -100, 100), cmap="RdBu_r", vmin=-100, vmax=100, aspect="auto")
    ax.set_xticks(range(len(loads)), [f"{load:g}" for load in loads])
    ax.set_yticks(range(len(shares)), [percent(share) for share in shares])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def saturated(results: Results) -> Figure:
    """What QPUs do where more is asked for than there is, and what tenants get."""
    cells = [cell for cell in results.cells() if cell.saturated and results.has(cell, EFAAS)]
    cell = next((one for one in cells if one.skewed), cells[0])
    names = [name for name in MAIN if results.has(cell, name)]
    with styled():
        figure = new_figure(8.2, 1.2 + 0.26 * len(names))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.7, 1])
        begin = np.zeros(len(names))
        for part, (label, shade) in PARTS.items():
            width = np.array([100.0 * results.mean(cell, name, part).mean for name in names])
            left.barh(range(len(names)), width, left=begin, height=0.66, color=shade, edgecolor="white", linewidth=0.4,
                      label=label)
            begin = begin + width
        left.set_yticks(range(len(names)), names)
        left.invert_yaxis()
        left.set(xlim=(0, 100), xlabel="QPUs' time (%)")
        for row, name in enumerate(names):
            one = results.mean(cell, name, "fair_share")
            right.errorbar([one.mean], [row], xerr=[[one.mean - one.low], [one.high - one.mean]], fmt="o", markersize=4,
                           color=colour(name), capsize=2)
        right.axvline(0.95, color="black", linewidth=0.7, linestyle="--")
        right.set_xlabel("Jain's index over tenants (dashed: target)")
        right.grid(axis="x", **GRID)
        for ax in (left, right):
            ax.tick_params(axis="y", length=0)
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=6, frameon=False)
        return figure
