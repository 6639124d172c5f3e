"""The figure of live runs beside the simulator: gaps between shots, QPU lanes, and how far each number is off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qloop.simulator.replay.agreement import WITHIN, Agreement, gaps, label
from qloop.trace.drawing.spans import CALIBRATION
from qloop.trace.drawing.style import FAINT, FIXED, GROUPS, INK, POLICIES, new_figure, styled
from qloop.trace.index import QpuRow
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BACKGROUND = "#C9C9C9"
SHOWN = 4           # numbers of each run whose deviation is drawn


class Run(NamedTuple):
    """A live run, what was predicted of it, and how well they agree."""

    live: Trace
    predicted: Trace
    found: Agreement


def draw(runs: Sequence[Run]) -> Figure:
    """One row for each clock; lanes are those of the last policy. Save it with `qloop.trace.plots.save`."""
    clocks = list(dict.fromkeys(run.found.clock for run in runs))
    with styled():
        figure = new_figure(11, 2.55 * len(clocks) + 0.35)
        grid = figure.add_gridspec(len(clocks), 3, width_ratios=[1.0, 1.75, 1.15])
        for row, clock in enumerate(clocks):
            here = [run for run in runs if run.found.clock == clock]
            place = [figure.add_subplot(grid[row, column]) for column in range(3)]
            _draw_gaps(place[0], here)
            _draw_lanes(place[1], here[-1])
            _draw_deviations(place[2], here)
            place[0].set_title(f"{clock} clock", loc="left", fontweight="bold", fontsize=10)
        return figure


def _draw_gaps(ax: Axes, runs: Sequence[Run]) -> None:
    """The distribution of the gaps: live pale and wide, predicted dark and dashed on top of it."""
    for colour, run in zip(POLICIES[1:], runs, strict=False):
        for trace, look in ((run.live, {"linewidth": 4.0, "alpha": 0.35, "label": f"{run.found.policy}, live"}),
                            (run.predicted, {"linewidth": 1.1, "linestyle": (0, (4, 1.6)), "label": "predicted"})):
            values = gaps(trace)
            share = [(n + 1) / len(values) for n in range(len(values))]
            ax.step([values[0] if values else 0.0, *values], [0.0, *share], where="post", color=colour,
                    **_look(look))
    ax.set_xlabel("gap between shots, TTNS (s)")
    ax.set_ylabel("share of gaps")
    ax.set_ylim(0.0, 1.02)
    ax.legend(loc="lower right", frameon=False, fontsize=6.8)


def _draw_lanes(ax: Axes, run: Run) -> None:
    """Each QPU twice: as it ran, and as predicted."""
    loops = sorted({label(a) for a in run.live.index.attempts
                    if run.live.index.sessions[a.task.session].kind == "loop"})
    colour = {name: GROUPS[n % len(GROUPS)] for n, name in enumerate(loops)}
    names, ticks = list(run.predicted.qpus), list[float]()
    for row, qpu in enumerate(names):
        for part, trace in ((0.0, run.live), (0.4, run.predicted)):
            here = [a for a in trace.index.attempts if a.begun.qpu == qpu and a.ended is not None]
            bars = [(a.begin * NS, (a.end - a.begin) * NS) for a in here]
            ax.broken_barh(bars, (row + part - 0.36, 0.33), linewidth=0.3, edgecolor="white",
                           facecolor=[colour.get(label(a), BACKGROUND) for a in here])
            windows = [(b * NS, (min(e, trace.horizon_ns) - b) * NS)
                       for b, e in trace.index.qpus.get(qpu, QpuRow()).calibrations]
            ax.broken_barh(windows, (row + part - 0.36, 0.33), **FIXED[CALIBRATION])
            ticks.append(row + part - 0.2)
    ax.set_yticks(ticks, [text for name in names for text in (f"{name}   live", "predicted")])
    for tick in ax.get_yticklabels()[1::2]:
        tick.set_color(FAINT)
    ax.tick_params(axis="y", length=0, labelsize=6.8)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(names) - 0.45, -0.5)
    ax.set_xlim(0.0, run.live.horizon_ns * NS)
    ax.set_xlabel("time of the run (s)")
    hatched = ", calibrations hatched" if any(row.calibrations for row in run.live.index.qpus.values()) else ""
    ax.set_title(f"QPUs under {run.found.policy}: loops in colour, background grey{hatched}", loc="left", fontsize=8)


def _draw_deviations(ax: Axes, runs: Sequence[Run]) -> None:
    """How far each predicted number is off, in a band of what is allowed."""
    names = [number.name for number in runs[0].found.numbers[:SHOWN]]
    ax.axvspan(-WITHIN * 100, WITHIN * 100, color="#EAF3EA", linewidth=0)
    ax.axvline(0.0, color=FAINT, linewidth=0.6)
    for n, (colour, run) in enumerate(zip(POLICIES[1:], runs, strict=False)):
        for row, number in enumerate(run.found.numbers[:SHOWN]):
            at = row + (n - (len(runs) - 1) / 2) * 0.34
            text = _told(number.off)
            if number.off is not None:
                ax.plot(max(-7.0, min(7.0, number.off * 100)), at, "o", color=colour, markersize=4.5)
            ax.text(7.6, at, text, ha="left", va="center", fontsize=6.8, color=colour)
    ax.set_yticks(range(len(names)), [name.replace(" of ", "\nof ") for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(-7.5, 7.5)
    ax.set_xticks([-5, 0, 5], ["−5 %", "0", "+5 %"])
    ax.set_xlabel("predicted against live")
    ax.set_title("how far it is off; green: allowed", loc="left", fontsize=8, color=INK)


def _told(off: float | None) -> str:
    if off is None:
        return "none"
    return "equal" if off == 0.0 else f"{off * 100:+.2f} %"


def _look(look: Any) -> dict[str, Any]:
    return dict(look)
