"""Figures of what efaas trades: the frontier over phi and T_s beside all baselines, its parts, its constants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qloop.simulator.evaluation import contenders, plan
from qloop.simulator.evaluation.cells import Cell
from qloop.simulator.evaluation.contenders import EFAAS, MAIN, REST, VARIANTS, Contender
from qloop.simulator.evaluation.looks import GRID, colour, mark, plain_log
from qloop.simulator.evaluation.results import Results
from qloop.simulator.evaluation.targets import place
from qloop.trace.drawing.style import FAINT, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

X, Y = "gap_wait", "normal_slowdown"
SHADES = ("#9ECAE1", "#4292C6", "#084594")


def frontier(results: Results) -> Figure:
    """Waiting part of the gap against NORMAL slowdown: efaas over phi for each T_s, and every baseline's point.

    Dashed: efaas without chunks.
    """
    cells = [cell for cell in results.cells() if any(True for _ in _edge(results, cell))]
    columns = min(2, len(cells))
    rows = -(-len(cells) // max(columns, 1))
    with styled():
        figure = new_figure(4.0 * columns + 0.2, 3.0 * rows + 1.3)
        axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for ax, cell in zip(axes, cells, strict=False):
            _lines(ax, results, cell)
            _points(ax, results, cell)
            ax.set_title(place(cell))
            ax.set(xlabel="waiting part of the mean gap (s)", ylabel="NORMAL slowdown")
            plain_log(ax, "x")
            plain_log(ax, "y")
            ax.grid(**GRID)
            ax.set_axisbelow(True)
        for ax in axes[len(cells):]:
            ax.set_axis_off()
        found = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=2 * max(columns, 1),
                      frameon=False, fontsize=7)
        return figure


def _edge(results: Results, cell: Cell) -> Iterator[tuple[tuple[float, float], Contender]]:
    """The settings of the frontier that ran in a cell, with their T_s and chunks."""
    for one in contenders.frontier():
        if results.has(cell, one.name):
            yield (one.aging, one.settings["chunk_s"]), one


def _lines(ax: Axes, results: Results, cell: Cell) -> None:
    """efaas over phi, a line for each T_s with chunks, and a dashed one without."""
    every = list(_edge(results, cell))
    shades = dict(zip(sorted({t_s for (t_s, _), _ in every}), SHADES, strict=False))
    for t_s, chunk in sorted({key for key, _ in every}):
        points = [(results.mean(cell, one.name, X).mean, results.mean(cell, one.name, Y).mean)
                  for key, one in every if key == (t_s, chunk)]
        ax.plot(*zip(*points, strict=True), color=shades[t_s], linewidth=1.1, marker=".", markersize=4, zorder=2,
                linestyle="-" if chunk > 0.0 else "--",
                label=f"efaas over phi, T_s {t_s:g} s" + ("" if chunk > 0.0 else ", no chunks"))


def _points(ax: Axes, results: Results, cell: Cell) -> None:
    """Every policy's point."""
    for name in (*MAIN, *REST, *VARIANTS):
        if results.has(cell, name):
            _point(ax, results, cell, name)


def _point(ax: Axes, results: Results, cell: Cell, name: str) -> None:
    """A policy's point with both intervals."""
    x, y = results.mean(cell, name, X), results.mean(cell, name, Y)
    ax.errorbar([x.mean], [y.mean], xerr=[[max(0.0, x.mean - x.low)], [max(0.0, x.high - x.mean)]],
                yerr=[[max(0.0, y.mean - y.low)], [max(0.0, y.high - y.mean)]], fmt=mark(name), color=colour(name),
                markersize=6 if name == EFAAS else 4.5, elinewidth=0.7, capsize=1.6, label=name, zorder=4)


def ablations(results: Results) -> Figure:
    """What is more or less without each part of efaas, paired, in the waiting part, NORMAL slowdown and epochs."""
    cells = results.cells(plan.ABLATIONS)
    names = [name for name in results.contenders(cells[0]) if name.startswith(contenders.ABLATED)]
    wanted = ((X, "waiting part of the gap (s)"), (Y, "NORMAL slowdown"), ("epochs", "epochs seen"))
    with styled():
        figure = new_figure(9.0, 1.6 + 0.34 * len(names))
        axes = figure.subplots(1, 3, sharey=True)
        for ax, (quantity, label) in zip(axes, wanted, strict=True):
            for n, cell in enumerate(cells):
                _without(ax, results, cell, names, quantity, n, 0.24 * (n - 0.5 * (len(cells) - 1)))
            ax.axvline(0.0, color="black", linewidth=0.7)
            ax.set_xlabel(f"more {label} without it")
            ax.set_xscale("symlog", linthresh=0.1)
            ax.margins(y=0.3 / max(len(names), 1))
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
            ax.grid(axis="x", **GRID)
            ax.tick_params(axis="y", length=0)
        axes[0].set_yticks(range(len(names)), [name.removeprefix(contenders.ABLATED) for name in names])
        axes[0].invert_yaxis()
        axes[0].set_ylabel("efaas without ...")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=1, frameon=False,
                      title="grey: not told apart from 0", title_fontsize=7.5)
        return figure


def _without(ax: Axes, results: Results, cell: Cell, names: list[str], quantity: str, n: int, shift: float) -> None:
    """One cell's differences to efaas: a dot with its interval for each part that is left out."""
    for row, name in enumerate(names):
        one = results.difference(cell, EFAAS, name, quantity)
        sure = one.low > 0.0 or one.high < 0.0
        ax.errorbar([one.mean], [row + shift], xerr=[[one.mean - one.low], [one.high - one.mean]], fmt="osD"[n % 3],
                    markersize=3.6, color=SHADES[-1 - n % 3] if sure else FAINT, capsize=2, linewidth=0.9,
                    label=place(cell) if row == 0 else None)


def sensitivity(results: Results) -> Figure:
    """The waiting part and NORMAL slowdown over each of our constants, on tuning seeds; dashed: the default."""
    cell = results.cells(plan.SENSITIVITY)[-1]
    rows = [row for row in contenders.sensitivity() if results.has(cell, row[2].name, tuning=True)]
    constants = list(dict.fromkeys(constant for constant, _, _ in rows))
    with styled():
        figure = new_figure(1.5 + 2.5 * max(2, min(3, len(constants))), 1.0 + 2.1 * -(-len(constants) // 3))
        axes = np.atleast_1d(figure.subplots(-(-len(constants) // 3), min(3, len(constants)))).ravel()
        for ax, constant in zip(axes, constants, strict=False):
            other = ax.twinx()
            tried = [(value, one) for name, value, one in rows if name == constant]
            for side, quantity, shade, sign in ((ax, X, colour(EFAAS), "o"), (other, Y, "#D55E00", "s")):
                found = [results.mean(cell, one.name, quantity, tuning=True) for _, one in tried]
                side.errorbar(range(len(tried)), [one.mean for one in found],
                              yerr=[[one.mean - one.low for one in found], [one.high - one.mean for one in found]],
                              color=shade, marker=sign, markersize=3.5, linewidth=1.1, capsize=1.6, elinewidth=0.7)
                side.set_ylim(bottom=0.0)
                side.tick_params(axis="y", labelcolor=shade)
            values = [value for value, _ in tried]
            if contenders.default(constant) in values:
                ax.axvline(values.index(contenders.default(constant)), color=FAINT, linewidth=0.8, linestyle="--")
            ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
            ax.set_title(constant)
        for ax in axes[len(constants):]:
            ax.set_axis_off()
        figure.suptitle(f"{place(cell)}, tuning seeds; dashed: the default\nblue: waiting part of the gap (s), orange: "
                        "NORMAL slowdown", fontsize=8)
        return figure
