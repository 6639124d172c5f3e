"""Figures of the live subset: what loops have still to go against time, and what speculation gains."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.miniapps.compared.found import Found
from qloop.miniapps.compared.numbers import GRID_S
from qloop.miniapps.compared.unit import REFERENCE
from qloop.trace.drawing.style import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID: Mapping[str, Any] = MappingProxyType({"color": "#E5E5E5", "linewidth": 0.5})
SHOWN_MIN = 12      # then all loops but a few are at their ends
SHADES = ("#9ECAE1", "#6BAED6", "#3182BD", "#08519C")
Colours = Mapping[str, str]


def energy(found: Found, colours: Colours) -> Figure:
    """Energies against time since the loops opened: means over seeds, and the range of the seeds."""
    loads = found.wish.loads
    with styled():
        figure = new_figure(1.4 + 3.0 * len(loads), 4.8)
        axes = figure.subplots(2, len(loads), sharex=True, sharey="row", squeeze=False)
        for row, (kind, label) in enumerate((("noiseless", "without noise"), ("measured", "as measured"))):
            for ax, load in zip(axes[row], loads, strict=True):
                _energies(ax, found, load, kind, colours)
                ax.set_title(f"load {load:g}" if row == 0 else "")
            axes[row][0].set_ylabel(f"way to the optimum that is left,\nenergy {label} (%)")
        for ax in axes[1]:
            ax.set_xlabel("time since the loop opened (min)")
            ax.set_xlim(0, SHOWN_MIN)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        return figure


def _energies(ax: Axes, found: Found, load: float, kind: str, colours: Colours) -> None:
    """One panel: every policy, and the reference."""
    for name in found.policies():
        _band(ax, found, name, load, kind, colours.get(name, "#999999"))
    _band(ax, found, REFERENCE, 0.0, kind, "black", "alone, frozen QPU")
    ax.grid(**GRID)
    ax.set_axisbelow(True)


def _band(ax: Axes, found: Found, policy: str, load: float, kind: str, colour: str, label: str = "") -> None:
    """The mean over seeds as a line, the least and greatest seed as a band."""
    rows = [getattr(run, kind) for run in found.of(policy, load)]
    rows = [row for row in rows if row]
    if rows:
        at, values = np.asarray(GRID_S) / 60, 100 * np.asarray(rows)
        strong = policy == "efaas"
        ax.plot(at, values.mean(axis=0), color=colour, linewidth=1.9 if strong else 1.2, label=label or policy,
                linestyle="--" if label else "-", zorder=4 if strong else 3)
        if not label:
            ax.fill_between(at, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.1, linewidth=0)


def speculation(found: Found) -> Figure:
    """How much faster a loop is with guesses, and how many seconds of QPUs they waste, by load and budget."""
    optimizers = tuple(dict.fromkeys(row.optimizer for row in found.guesses))
    budgets, loads = found.wish.budgets, found.wish.idle_loads
    with styled():
        figure = new_figure(1.2 + 2.9 * len(optimizers), 4.2)
        axes = figure.subplots(2, len(optimizers), sharex=True, sharey="row", squeeze=False)
        for column, name in enumerate(optimizers):
            top, below = axes[0][column], axes[1][column]
            for nth, budget in enumerate(budgets):
                _bars(top, found, name, budget, nth, "faster")
                _bars(below, found, name, budget, nth, "waste")
            top.set_title(name)
            below.set_xticks(range(len(loads)), [f"{load:g}" for load in loads])
            below.set_xlabel("load of others on the QPU")
            for ax in (top, below):
                ax.grid(axis="y", **GRID)
                ax.set_axisbelow(True)
        axes[0][0].set_ylabel("faster than without (%)")
        axes[1][0].set_ylabel("squashed, % of useful\nQPU seconds")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        return figure


def _bars(ax: Axes, found: Found, optimizer: str, budget: float, nth: int, what: str) -> None:
    """One budget's bars over the loads, with each seed as a dot."""
    budgets = found.wish.budgets
    width = 0.8 / len(budgets)
    for at, load in enumerate(found.wish.idle_loads):
        rows = [row for row in found.guesses
                if (row.optimizer, row.load, row.budget) == (optimizer, load, budget)]
        values = [100 * (row.faster - 1 if what == "faster" else row.wasted_s / max(row.useful_s, 1e-9))
                  for row in rows]
        if values:
            place = at + (nth - (len(budgets) - 1) / 2) * width
            ax.bar(place, float(np.mean(values)), width * 0.92, color=SHADES[nth % len(SHADES)],
                   label=f"budget {budget:g}" if at == 0 else None)
            ax.plot([place] * len(values), values, ".", color="#222222", markersize=2.5)
