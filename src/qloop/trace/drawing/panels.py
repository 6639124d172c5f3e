"""The panels of a figure: each draws one thing into axes that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qloop.trace.drawing import spans
from qloop.trace.drawing.style import FAINT, FIXED, POLICIES, colours
from qloop.trace.index import SessionRow
from qloop.trace.metrics.convergence import Point
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-4
_SHORT = {"edgecolor": "none", "linewidth": 0}


def draw_lanes(ax: Axes, trace: Trace, groups: Sequence[str], within: tuple[float, float], by: str) -> None:
    """One lane a QPU, the first on top."""
    bars = spans.qpu_bars(trace, by)
    looks = colours(groups)
    for row, groups_of in enumerate(bars.values()):
        for group, found in groups_of.items():
            shown = _cut(found, within)
            thin = len(shown) > 400
            ax.broken_barh(shown, (row - 0.4, 0.8), **({"linewidth": 0.5} | looks[group] | (_SHORT if thin else {})))
    _frame(ax, list(bars), within)


def draw_sessions(ax: Axes, trace: Trace, rows: Sequence[SessionRow], groups: Sequence[str],
                  within: tuple[float, float]) -> None:
    """One lane a loop: running in its tenant's colour, waiting pale, thinking thin and grey."""
    looks = colours(groups)
    for row, session in enumerate(rows):
        bars = spans.session_bars(trace, session)
        for state, height in ((spans.WAITING, 0.72), (spans.THINKING, 0.2), (spans.RUNNING, 0.72)):
            look = dict(looks[session.tenant] if state == spans.RUNNING else FIXED[state])
            ax.broken_barh(_cut(bars[state], within), (row - height / 2, height), **(look | _SHORT))
        _say_absence(ax, session, row, within)
    _frame(ax, [session.label or session.name for session in rows], within)
    for label, session in zip(ax.get_yticklabels(), rows, strict=True):
        label.set_color(looks[session.tenant]["facecolor"])


def _say_absence(ax: Axes, session: SessionRow, row: int, within: tuple[float, float]) -> None:
    """Say why a lane is empty: the loop is done, or has yet to come."""
    low, high = within
    if session.closed is not None and session.closed * NS <= low:
        said = f"done since {session.closed * NS:,.0f} s"
    elif session.opened * NS >= high:
        said = f"opens at {session.opened * NS:,.0f} s"
    else:
        return
    ax.text((low + high) / 2, row, said, ha="center", va="center", fontsize=6.8, color=FAINT)


def draw_errors(ax: Axes, found: Mapping[str, dict[str, tuple[list[float], list[float]]]]) -> None:
    """What is left of each loop's first error, thin, and the median of each policy, thick and named."""
    for colour, (name, curves) in zip(POLICIES, found.items(), strict=False):
        for when, left in curves.values():
            ax.step([0.0, *when], [1.0, *(max(value, FLOOR) for value in left)], where="post", color=colour,
                    alpha=0.28, linewidth=0.6)
        times = spans.step_times(list(curves.values()))
        middle = [max(value, FLOOR) for value in spans.median_curve(list(curves.values()), times)] if curves else []
        if middle:
            ax.step(times, middle, where="post", color=colour, linewidth=2.0, label=f"{name} (median)")
    ax.set_yscale("log")
    lowest = min((v for curves in found.values() for _, left in curves.values() for v in left), default=0.01)
    ax.set_ylim(max(FLOOR, min(0.01, lowest * 0.7)), 1.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("time since the loop opened (s)")
    ax.set_ylabel("energy error left,\n(E − E*) / (E₀ − E*)")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
    ax.grid(axis="y", color="#E5E5E5", linewidth=0.5)
    ax.set_axisbelow(True)


def draw_energies(ax: Axes, series: Mapping[str, Sequence[Point]], labels: Mapping[str, str],
                  optima: Mapping[str, float], looks: Mapping[str, Mapping[str, Any]]) -> None:
    """Each loop's energy against time: measured as dots, noiseless as a line, the optimum dashed."""
    for name, points in series.items():
        colour = looks[name]["facecolor"]
        measured = [(p.t * NS, p.energy) for p in points if p.energy is not None]
        exact = [(p.t * NS, p.noiseless) for p in points if p.noiseless is not None]
        if measured:
            ax.plot(*zip(*measured, strict=True), ".", color=colour, markersize=2.5, alpha=0.5 if exact else 1.0,
                    label=None if exact else labels[name])
        if exact:
            ax.plot(*zip(*exact, strict=True), "-", color=colour, linewidth=1.1, label=labels[name])
        if name in optima:
            ax.axhline(optima[name], color=colour, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.set_title("dots: measured, lines: without noise, dashed: exact ground energy", fontsize=7.5, color=FAINT)
    ax.set_ylabel("energy")


def draw_bars(ax: Axes, title: str, better: str, values: Mapping[str, float | None], unit: str) -> None:
    """One main number, a bar for each policy with its value on top."""
    known = {name: value for name, value in values.items() if value is not None}
    tall = max([abs(value) for value in known.values()] or [1.0]) or 1.0
    for n, name in enumerate(values):
        value = known.get(name)
        if value is not None:
            ax.bar(n, value, width=0.62, color=POLICIES[n])
        text = "none" if value is None else f"{value:.3g} {unit}".strip()
        ax.text(n, max(value or 0.0, 0.0) + 0.03 * tall, text, ha="center", va="bottom", fontsize=7.5)
    ax.set_title(title, fontsize=8, pad=14)
    ax.text(0.5, 1.01, better, transform=ax.transAxes, ha="center", va="bottom", fontsize=6.8, color=FAINT)
    ax.set_xticks(range(len(values)), list(values))
    ax.set_xlim(-0.6, len(values) - 0.4)
    ax.set_ylim(min([0.0, *known.values()]) * 1.1, tall * 1.16)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=0)


def _cut(bars: spans.Bars, within: tuple[float, float]) -> spans.Bars:
    """The bars that can be seen; a figure of a long run then stays small."""
    low, high = within
    return [(begin, length) for begin, length in bars if begin < high and begin + length > low]


def _frame(ax: Axes, names: Sequence[str], within: tuple[float, float]) -> None:
    """Lanes from top to bottom with their names."""
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.set_xlim(within[0], max(within[1], within[0] + 1e-9))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
