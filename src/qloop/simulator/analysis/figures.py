"""Figures for papers: execution times, their parts, QPUs' time, a quantity against a parameter, paired differences.

Each returns a matplotlib `Figure`; `qloop.trace.plots.save` writes it as PNG and PDF. They need the extra `plot`.
`runs` are the replications of each policy, or of each point of a study, by their label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.columns import Runs
from qloop.simulator.analysis.comparison import Comparison, compare_all
from qloop.simulator.analysis.measures import NS, measure_named, measures
from qloop.simulator.analysis.shown import possible, scale
from qloop.simulator.analysis.statistics import Floats, Interval
from qloop.simulator.analysis.warmup import transient
from qloop.trace.drawing.style import FAINT, GROUPS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS: Mapping[str, str] = MappingProxyType({"wait": "waiting for QPUs", "service": "on QPUs", "classical": "classical",
                                             "transfer": "transfer, cold starts"})
USES: Mapping[str, tuple[str, dict[str, Any]]] = MappingProxyType({
    "qpu_executed": ("executed", {"facecolor": GROUPS[0]}), "qpu_cold": ("compile and load", {"facecolor": GROUPS[4]}),
    "qpu_lost": ("lost attempts", {"facecolor": "white", "edgecolor": "#B2182B", "hatch": "xxxx"}),
    "qpu_calibrating": ("calibration", {"facecolor": "white", "edgecolor": "#555555", "hatch": "//////"}),
    "qpu_down": ("outage", {"facecolor": "#4D4D4D"}), "qpu_idle": ("idle", {"facecolor": "#E3E3E3"})})
PART_COLOURS = ("#F0A58F", GROUPS[0], GROUPS[2], "#9A9A9A")
GRID: Mapping[str, Any] = MappingProxyType({"color": "#E5E5E5", "linewidth": 0.5})
LINES = ("-", "--", "-.", ":")         # curves may lie on each other
WIDE = 7.0


def draw(kind: str, runs: Runs, **settings: Any) -> Figure:
    """The figure of this kind, one of KINDS; UnknownName for another."""
    if kind not in KINDS:
        raise UnknownName("figure", kind, KINDS)
    if not any(runs.values()):
        raise InvalidInput("There are no replications to draw", "", "Simulate at least one")
    with styled():
        return KINDS[kind](runs, **settings)


def times(runs: Runs, *, label: str = "") -> Figure:
    """Execution times: quartiles, whiskers at 1.5 times their distance, outliers as dots, pooled over replications."""
    figure, ax = _page(0.9 + 0.32 * len(runs))
    pooled = [_pooled(group) for group in runs.values()]
    factor, unit = _unit(pooled)
    drawn = ax.boxplot([values / factor for values in pooled], orientation="horizontal", widths=0.6, patch_artist=True,
                       flierprops={"marker": ".", "markersize": 3, "markeredgecolor": "none",
                                   "markerfacecolor": FAINT, "alpha": 0.5},
                       medianprops={"color": "black", "linewidth": 1.2}, boxprops={"linewidth": 0.7},
                       whiskerprops={"linewidth": 0.7}, capprops={"linewidth": 0.7})
    for n, box in enumerate(drawn["boxes"]):
        box.set_facecolor(GROUPS[n % len(GROUPS)])
        box.set_alpha(0.55)
    _rows(ax, list(runs), first=1)
    ax.set_xlabel(f"execution time ({unit})")
    ax.set_ylabel(label)
    ax.set_xlim(left=0)
    ax.grid(axis="x", **GRID)
    return figure


def cdf(runs: Runs, *, log: bool = True) -> Figure:
    """The part of the measured sessions that took at most so long; thin: each replication."""
    figure, ax = _page(2.7)
    factor, unit = _unit([_pooled(group) for group in runs.values()])
    for n, (name, group) in enumerate(runs.items()):
        colour = GROUPS[n % len(GROUPS)]
        for one in group[:20]:
            _steps(ax, _pooled([one]) / factor, color=colour, linewidth=0.4, alpha=0.25)
        _steps(ax, _pooled(group) / factor, color=colour, linewidth=1.6, linestyle=LINES[n % len(LINES)], label=name)
    ax.set_xlabel(f"execution time ({unit})")
    ax.set_ylabel("part of the sessions")
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_ylim(0, 1.01)
    ax.grid(**GRID)
    ax.legend(frameon=False, loc="upper left")
    return figure


def split(runs: Runs) -> Figure:
    """Of what the mean execution time consists: waiting, QPUs, classical tasks, transfer."""
    figure, ax = _page(1.0 + 0.32 * len(runs))
    means = {name: _means(group, [f"{part}_mean" for part in PARTS]) for name, group in runs.items()}
    factor, unit = scale(max((float(np.nansum(values)) for values in means.values()), default=0.0), "s")
    left = np.zeros(len(runs))
    for n, part in enumerate(PARTS.values()):
        width = np.array([np.nan_to_num(values[n]) / factor for values in means.values()])
        ax.barh(range(len(runs)), width, left=left, height=0.62, label=part, facecolor=PART_COLOURS[n],
                edgecolor="white", linewidth=0.4)
        left = left + width
    _rows(ax, list(runs))
    ax.set_xlabel(f"mean execution time ({unit})")
    _legend_above(figure, ax)
    return figure


def qpus(runs: Runs) -> Figure:
    """What the QPUs did with their time after the warm-up; the bars add up to all of it."""
    figure, ax = _page(1.0 + 0.32 * len(runs))
    shares = {name: _means(group, list(USES)) for name, group in runs.items()}
    left = np.zeros(len(runs))
    for n, (text, look) in enumerate(USES.values()):
        width = np.array([values[n] for values in shares.values()])
        if width.any():
            shape: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.4} | look
            ax.barh(range(len(runs)), 100 * width, left=100 * left, height=0.62, label=text, **shape)
        left = left + width
    _rows(ax, list(runs))
    ax.set_xlim(0, 100)
    ax.set_xlabel("QPUs' time (%)")
    _legend_above(figure, ax)
    return figure


def differences(runs: Runs, *, quantity: str = "time_mean", baseline: str | None = None) -> Figure:
    """Paired differences to the baseline (by default the first), with intervals that hold for all at once."""
    measure_named(quantity)
    columns = {name: [measures(one)[quantity] for one in group] for name, group in runs.items()}
    return of_comparisons(compare_all(columns, baseline or next(iter(runs))), quantity)


def start(runs: Runs) -> Figure:
    """Open sessions over time, mean over replications, with the warm-up (grey) and where MSER-5 cuts (dashed)."""
    figure, ax = _page(2.4)
    warm = next(iter(runs.values()))[0].scenario.warmup_s
    for n, (name, group) in enumerate(runs.items()):
        found, colour = transient(group), GROUPS[n % len(GROUPS)]
        ax.plot(found.times_s / 3600, found.open_sessions, color=colour, linewidth=1.0, label=name)
        if found.found:
            ax.axvline(found.seconds / 3600, color=colour, linewidth=0.9, linestyle="--")
    if warm:
        ax.axvspan(0, warm / 3600, color="#EEEEEE", zorder=0)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("time (h)")
    ax.set_ylabel("open sessions")
    ax.legend(frameon=False)
    return figure


def of_comparisons(found: Sequence[Comparison], quantity: str) -> Figure:
    """Differences b - a as dots with intervals; grey where they are not told apart from 0."""
    with styled():
        figure, ax = _page(0.9 + 0.3 * len(found))
        unit = measure_named(quantity).unit
        factor, name = scale(max((abs(one.difference.mean) for one in found), default=0.0), unit)
        for row, one in enumerate(found):
            change = one.difference
            colour = GROUPS[0] if one.decided else FAINT
            ax.errorbar([change.mean / factor], [row], xerr=[[(change.mean - change.low) / factor],
                                                             [(change.high - change.mean) / factor]],
                        fmt="o", markersize=3.5, color=colour, capsize=2.5, linewidth=1.1)
        ax.axvline(0.0, color="black", linewidth=0.7)
        _rows(ax, [f"{one.b} − {one.a}" for one in found])
        ax.margins(y=0.3 if len(found) == 1 else 0.12)
        ax.grid(axis="x", **GRID)
        ax.set_xlabel(f"difference in {quantity}" + (f" ({name})" if name else "")
                      + f", {found[0].difference.n} pairs" if found else "")
        return figure


def curve(series: Mapping[str, Mapping[float, Interval]], quantity: str, parameter: str) -> Figure:
    """A quantity against a parameter, with intervals: lines by name, points by the parameter's value."""
    if not any(series.values()):
        raise InvalidInput("There are no points to draw", "", "Give at least one")
    with styled():
        figure, ax = _page(2.7)
        means = [abs(one.mean) for line in series.values() for one in line.values()]
        factor, unit = scale(max(means), measure_named(quantity).unit)
        for n, (name, line) in enumerate(series.items()):
            at, rows = np.array(sorted(line)), [possible(line[key], quantity) for key in sorted(line)]
            low, mean, high = (np.array([getattr(row, part) for row in rows]) / factor
                               for part in ("low", "mean", "high"))
            colour = GROUPS[n % len(GROUPS)]
            ax.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
            ax.plot(at, mean, marker="o", markersize=3, color=colour, linewidth=1.2, label=name)
        ax.set_xlabel(parameter)
        ax.set_ylabel(f"{quantity}" + (f" ({unit})" if unit else ""))
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.grid(**GRID)
        if len(series) > 1:
            ax.legend(frameon=False)
        return figure


KINDS: Mapping[str, Callable[..., Figure]] = MappingProxyType({
    "times": times, "cdf": cdf, "split": split, "qpus": qpus, "differences": differences, "start": start})


def _page(height: float) -> tuple[Figure, Axes]:
    figure = new_figure(WIDE, height)
    return figure, figure.add_subplot()


def _rows(ax: Axes, names: Sequence[str], first: int = 0) -> None:
    """Labels of rows, the first on top."""
    ax.set_yticks(range(first, first + len(names)), names)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)


def _legend_above(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=6, frameon=False, handlelength=1.2)


def _pooled(group: Sequence[Any]) -> Floats:
    """Execution times of the measured sessions, s, in order of size."""
    found = [(one.left_ns - one.arrival_ns)[one.measured()] / NS for one in group]
    return np.sort(np.concatenate(found)) if found else np.zeros(0)


def _unit(pooled: Sequence[Floats]) -> tuple[float, str]:
    """The unit that suits the medians."""
    return scale(max((float(np.median(values)) for values in pooled if len(values)), default=1.0), "s")


def _means(group: Sequence[Any], names: Sequence[str]) -> Floats:
    """Means of measures over replications."""
    rows = [measures(one) for one in group]
    return np.array([np.mean([row[name] for row in rows if not np.isnan(row[name])] or [np.nan]) for name in names])


def _steps(ax: Axes, values: Floats, **look: Any) -> None:
    if len(values):
        ax.step(values, np.linspace(1 / len(values), 1.0, len(values)), where="post", **look)
