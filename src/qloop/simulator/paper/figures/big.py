"""Figures 11 to 14, and the start-up transient behind 12 and 14: the big scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.paper import reference
from qloop.simulator.paper.figures import boxes
from qloop.simulator.paper.run import Estimate, estimate
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import ARRIVALS_S, COUNTS, REPRESENTATIVE_S, c_name, q_name, week_name
from qloop.trace.drawing.style import FAINT, GROUPS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Samples = Mapping[str, Sample]
HOUR = 3600.0
DAY, WEEK = GROUPS[0], GROUPS[1]
BLOCK_H = 6         # refusals are averaged over so many hours of arrival


def figure_11(samples: Samples) -> Figure:
    """Drop probability against QPUs and load, with the reference."""
    with styled():
        figure = new_figure(7.4, 3.0)
        left, right = figure.subplots(1, 2, width_ratios=[1.05, 1])
        heat(figure, left, lambda q, s: 100 * samples[q_name(q, s)].drops().mean(), "Q", "drop probability (%)", 100.0,
             {(k + 1, s): one for s, row in reference.Q_STUDY.items() for k, one in enumerate(row)})
        for colour, (seconds, known) in zip((GROUPS[0], GROUPS[5], GROUPS[2]), reference.Q_STUDY.items(), strict=True):
            line(right, [_drop(samples[q_name(q, seconds)]) for q in COUNTS], colour, f"{HOUR / seconds:g} sessions/h")
            right.plot(COUNTS, known, **boxes.REFERENCE)
        _axis(right, "Q", "drop probability (%)")
        _legend(right)
    return figure


def figure_12(samples: Samples) -> Figure:
    """Drop probability against workers and load in 24 h, with the reference; and in 7 days, where that was run."""
    weeks = all(week_name(c, s) in samples for c in COUNTS for s in ARRIVALS_S)
    with styled():
        figure = new_figure(10.4 if weeks else 7.4, 3.0)
        first, *more, last = figure.subplots(1, 3 if weeks else 2)
        known = {(k + 1, REPRESENTATIVE_S): one for k, one in enumerate(reference.C_STUDY["drop %"])}
        heat(figure, first, lambda c, s: 100 * samples[c_name(c, s)].drops().mean(), "C",
             "drop probability (%), 24 h", 100.0, known)
        for ax in more:
            heat(figure, ax, lambda c, s: 100 * samples[week_name(c, s)].drops().mean(), "C",
                 "drop probability (%), 7 days", 100.0,
                 {(c, REPRESENTATIVE_S): one for c, one in reference.C_STUDY_WEEK.items()})
        line(last, [_drop(samples[c_name(c)]) for c in COUNTS], DAY, "24 h")
        last.plot(COUNTS, reference.C_STUDY["drop %"], **boxes.REFERENCE)
        if all(week_name(c) in samples for c in COUNTS):
            line(last, [_drop(samples[week_name(c)]) for c in COUNTS], WEEK, "7 days")
            week = reference.C_STUDY_WEEK
            last.plot(list(week), list(week.values()), **boxes.REFERENCE)
        last.set_title("8 sessions/h")
        _axis(last, "C", "drop probability (%)")
        _legend(last)
    return figure


def figure_13(samples: Samples) -> Figure:
    """Active classical and quantum tasks against workers and load."""
    known = {(k + 1, REPRESENTATIVE_S): one for k, one in enumerate(reference.C_STUDY["classical tasks"])}
    with styled():
        figure = new_figure(7.4, 3.0)
        left, right = figure.subplots(1, 2)
        heat(figure, left, lambda c, s: samples[c_name(c, s)].outcome.classical_tasks().mean, "C",
             "average classical tasks", 60.0, known)
        heat(figure, right, lambda c, s: samples[c_name(c, s)].outcome.quantum_tasks().mean, "C",
             "average quantum tasks", 60.0, {})
    return figure


def figure_14(samples: Samples) -> Figure:
    """Execution times against workers at 8 sessions/h: 24 h as in the paper, with the reference, and 7 days."""
    with styled():
        figure = new_figure(5.6, 3.1)
        ax = figure.subplots()
        week = all(week_name(c) in samples for c in COUNTS)
        shift = 0.18 if week else 0.0
        boxes.draw(ax, [c - shift for c in COUNTS], [samples[c_name(c)].outcome.times_s / HOUR for c in COUNTS], DAY,
                   0.32 if week else 0.5)
        ax.plot([c - shift for c in COUNTS], [one / HOUR for one in reference.C_STUDY["p50"]], **boxes.REFERENCE)
        if week:
            boxes.draw(ax, [c + shift for c in COUNTS], [samples[week_name(c)].outcome.times_s / HOUR for c in COUNTS],
                       WEEK, 0.32)
        _axis(ax, "C", "execution time (h)")
        _patches(ax, {"24 h": DAY} | ({"7 days": WEEK} if week else {}))
    return figure


def figure_transient(samples: Samples) -> Figure:
    """The drop probability at 8 sessions/h by the time of arrival, and against workers for longer and longer runs."""
    with styled():
        figure = new_figure(7.4, 2.9)
        left, right = figure.subplots(1, 2)
        for workers in COUNTS:
            sample = samples[week_name(workers)]
            blocks = [100 * sample.drops(h, h + BLOCK_H).mean() for h in range(0, sample.hours, BLOCK_H)]
            left.step(np.arange(len(blocks) + 1) * BLOCK_H / 24, [*blocks, blocks[-1]], where="post",
                      color=GROUPS[workers - 1], label=f"C = {workers}", linewidth=1.1)
        left.axvspan(0, 1, color="#EFEFEF", zorder=0)
        left.annotate("a run of 24 h", (0.08, 104), ha="left", fontsize=6.8, color=FAINT)
        left.set(xlabel="time of arrival (days)", ylabel="drop probability (%)", ylim=(0, 112), xlim=(0, 7))
        left.legend(frameon=False, ncols=3, loc="lower right")
        shades = ("#9ECAE1", GROUPS[4], GROUPS[0], "#08306B")
        for colour, hours in zip(shades, (24, 48, 96, 168), strict=True):
            line(right, [_share(samples[week_name(c)].drops(0, hours)) for c in COUNTS], colour,
                 f"{hours // 24} day{'s' if hours > 24 else ''}")
        line(right, [_share(samples[week_name(c)].drops(12)) for c in COUNTS], WEEK, "7 days, after 12 h")
        _axis(right, "C", "drop probability (%)")
        right.set_ylim(0, 112)
        right.legend(frameon=False, title="run length, counted from 0", title_fontsize=7.5, loc="lower right", ncols=2)
    return figure


def heat(figure: Figure, ax: Axes, value: Callable[[int, int], float], xlabel: str, label: str, most: float,
         known: Mapping[tuple[int, int], float]) -> None:
    """A heat map over a count and the load with the values written in it, the reference's in brackets."""
    cells: NDArray[np.float64] = np.array([[value(count, seconds) for count in COUNTS] for seconds in ARRIVALS_S])
    image = ax.imshow(cells, cmap="cividis", vmin=0.0, vmax=most, aspect="auto", origin="upper")
    for row, seconds in enumerate(ARRIVALS_S):
        for column, count in enumerate(COUNTS):
            dark = cells[row, column] < 0.55 * most
            look: dict[str, Any] = {"ha": "center", "va": "center", "color": "white" if dark else "black"}
            there = known.get((count, seconds))
            up = 0.18 if there is not None else 0.0
            ax.text(column, row - up, f"{cells[row, column]:.1f}", fontsize=6.8, **look)
            if there is not None:
                ax.text(column, row + 0.24, f"({there:.1f})", fontsize=5.6, **look)
    ax.set_xticks(range(len(COUNTS)), [str(count) for count in COUNTS])
    ax.set_yticks(range(len(ARRIVALS_S)), [f"{HOUR / seconds:g}" for seconds in ARRIVALS_S])
    ax.set(xlabel=f"{xlabel}   (in brackets: reference)" if known else xlabel, ylabel="load (sessions/h)")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(label)
    bar: Any = figure.colorbar(image, ax=ax, pad=0.02)
    bar.outline.set_visible(False)


def line(ax: Axes, found: list[Estimate], colour: str, label: str) -> None:
    """Means with their 95 % intervals."""
    halves = [one.half if np.isfinite(one.half) else 0.0 for one in found]
    ax.errorbar(COUNTS, [one.mean for one in found], yerr=halves, color=colour, label=label, linewidth=1.2, capsize=2,
                marker=".", markersize=3.5, elinewidth=0.8)


def _drop(sample: Sample) -> Estimate:
    return _share(sample.drops())


def _share(values: NDArray[np.float64]) -> Estimate:
    found = estimate(values)
    return Estimate(100.0 * found.mean, 100.0 * found.half)


def _axis(ax: Axes, xlabel: str, ylabel: str) -> None:
    ax.set_xticks(COUNTS)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    most = 100.0 if "%" in ylabel else float("inf")     # an interval may reach beyond; no drop probability does
    ax.set_ylim(0, min(most, ax.get_ylim()[1]))
    ax.grid(axis="y", color="#E5E5E5", linewidth=0.5)
    ax.set_axisbelow(True)


def _legend(ax: Axes) -> None:
    ax.plot([], [], label="reference", **boxes.REFERENCE)
    ax.legend(frameon=False)


def _patches(ax: Axes, named: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: dict[str, Any] = {key: value for key, value in boxes.REFERENCE.items() if key != "zorder"}
    shown: list[Any] = [Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=name)
                        for name, colour in named.items()]
    ax.legend(handles=[*shown, Line2D([], [], label="reference: median (24 h)", **marks)], frameon=False, ncols=3,
              loc="lower center", bbox_to_anchor=(0.5, 1.0))
