"""Figure 10, and the tails behind it: execution times of the small scenario under each policy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.paper import reference, tails
from qloop.simulator.paper.figures import boxes
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import POLICIES, small_name
from qloop.trace.drawing.style import FAINT, GROUPS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = MappingProxyType({"fifo_swap": "FIFO as coded", "fifo": "FIFO", "lifo": "LIFO", "random": "Random",
                          "weighted": "Weighted"})
COLOURS = MappingProxyType(dict(zip(POLICIES, (GROUPS[4], GROUPS[0], GROUPS[1], GROUPS[2], GROUPS[3]), strict=True)))
OVER = ("lifo", "random")       # whose curves lie on those of another policy, and are dashed
HOUR = 3600.0
WIDTH = 0.15


def figure_10(samples: Mapping[str, Sample]) -> Figure:
    """Execution times by policy: all sessions beside the reference, by size, and by priority."""
    with styled():
        figure = new_figure(7.4, 4.9)
        whole, by_size, by_priority = figure.subplot_mosaic([["all", "all"], ["size", "priority"]],
                                                            width_ratios=[4, 3]).values()
        _all(whole, samples)
        _grouped(by_size, samples, "size")
        _grouped(by_priority, samples, "priority")
        medians = reference.RANDOM_MEDIANS_BY_SIZE.values()
        by_size.plot([k + _shift("random") for k in range(4)], [one / HOUR for one in medians], **boxes.REFERENCE)
        medians = reference.WEIGHTED_MEDIANS_BY_PRIORITY.values()
        by_priority.plot([k + _shift("weighted") for k in range(3)], [one / HOUR for one in medians], **boxes.REFERENCE)
        _legend(figure)
    return figure


def figure_tails(samples: Mapping[str, Sample]) -> Figure:
    """The part of the sessions that take longer than a time: of all of them, and of those that ended."""
    with styled():
        figure = new_figure(7.2, 3.0)
        left, right = figure.subplots(1, 2, sharey=True)
        for policy in POLICIES:
            sample = samples[small_name(policy)]
            times, part = tails.surviving(sample, np.ones(len(sample.replication), np.bool_))
            _curve(left, times, part, policy)
            ended = np.sort(sample.outcome.times_s)
            _curve(right, ended, 1.0 - np.arange(1, len(ended) + 1) / len(ended), policy)
        left.set_title("with the unfinished sessions (Kaplan–Meier)")
        right.set_title("finished sessions only, as in the paper")
        left.set_ylabel("part that takes longer")
        for ax in (left, right):
            for level, label in ((0.05, "p95"), (0.01, "p99")):
                ax.axhline(level, color=FAINT, linewidth=0.6, linestyle=":")
                ax.annotate(label, (0.0, level), xycoords=("axes fraction", "data"), xytext=(2, 2),
                            textcoords="offset points", fontsize=6.5, color=FAINT)
            ax.set(xscale="log", yscale="log", ylim=(1e-3, 1.1), xlim=(0.2, 200), xlabel="execution time (h)")
        right.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.06))
    return figure


def _curve(ax: Axes, times: NDArray[np.float64], part: NDArray[np.float64], policy: str) -> None:
    """A step curve, drawn at no more points than can be seen."""
    if not len(times):
        return
    shown = np.unique(np.concatenate([np.searchsorted(-part, -np.logspace(0, -4, 600)), [len(times) - 1]]))
    shown = shown[shown < len(times)]
    ax.step(times[shown] / HOUR, part[shown], where="post", color=COLOURS[policy], label=NAMES[policy],
            linewidth=1.3 if policy in OVER else 1.8, linestyle=(0, (3, 2)) if policy in OVER else "-")


def _all(ax: Axes, samples: Mapping[str, Sample]) -> None:
    """Each policy's box with the reference's beside it."""
    for k, policy in enumerate(POLICIES):
        times = samples[small_name(policy)].outcome.times_s / HOUR
        boxes.draw(ax, [k - 0.19], [times], COLOURS[policy], 0.34, log=True)
        quartiles = [one / HOUR for one in reference.SMALL[policy][4:7]]
        boxes.reference_box(ax, k + 0.19, quartiles, reference.SMALL[policy][7] / HOUR, 0.28)
    ax.set_xticks(range(len(POLICIES)), [NAMES[policy] for policy in POLICIES])
    ax.set_title("all sessions")
    _hours(ax)


def _grouped(ax: Axes, samples: Mapping[str, Sample], by: str) -> None:
    """A group of boxes for each size or priority, a box for each policy."""
    values = getattr(samples[small_name("random")].model, {"size": "sizes", "priority": "priorities"}[by])
    for policy in POLICIES:
        found = samples[small_name(policy)].outcome
        groups = [found.times_s[getattr(found, by) == value] / HOUR for value in values]
        boxes.draw(ax, [k + _shift(policy) for k in range(len(values))], groups, COLOURS[policy], WIDTH * 0.9, log=True)
    ax.set_xticks(range(len(values)), [str(value) for value in values])
    ax.set_xlabel({"size": "number of qubits", "priority": "priority"}[by])
    _hours(ax)


def _shift(policy: str) -> float:
    """Where a policy's box stands in its group."""
    return (POLICIES.index(policy) - 2) * WIDTH


def _hours(ax: Axes) -> None:
    ax.set(yscale="log", ylabel="execution time (h)", ylim=(0.1, 200))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.grid(axis="y", color="#E5E5E5", linewidth=0.5)
    ax.set_axisbelow(True)


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: dict[str, Any] = {key: value for key, value in boxes.REFERENCE.items() if key != "zorder"}
    shown = [*(Patch(facecolor=COLOURS[policy], edgecolor="black", linewidth=0.5, label=NAMES[policy])
               for policy in POLICIES),
             Patch(facecolor="white", edgecolor="black", linewidth=0.8, label="reference: quartiles, p95"),
             Line2D([], [], label="reference: median", **marks)]
    figure.legend(handles=shown, loc="outside upper center", ncols=4, frameon=False)
