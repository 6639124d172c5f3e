"""Figures of traces: QPU lanes, session lanes, energies, and policies side by side on one page.

Each function returns a matplotlib `Figure`; `save` writes it as PNG and PDF. They need the extra `plot`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput
from qloop.trace.drawing import panels, spans
from qloop.trace.drawing.style import FAINT, FIXED, POLICIES, colours, new_figure, save, styled
from qloop.trace.index import SessionRow
from qloop.trace.metrics.convergence import energies as energy_series
from qloop.trace.metrics.distribution import NS
from qloop.trace.metrics.fairness import slowdowns
from qloop.trace.metrics.qdc import qdc
from qloop.trace.metrics.ttns import ttns
from qloop.trace.reader import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison", "energies", "lanes", "save", "sessions"]

MOST_LANES = 12


def lanes(trace: Trace, *, within: tuple[float, float] | None = None, by: str = "tenant") -> Figure:
    """What each QPU did over time; `within` in seconds (default: all), coloured `by` tenant, session or class."""
    with styled():
        span = within or (0.0, trace.horizon_ns * NS)
        groups = _groups([trace], by)
        figure = new_figure(9, 1.3 + 0.34 * len(trace.qpus))
        ax = figure.add_subplot()
        panels.draw_lanes(ax, trace, groups, span, by)
        ax.set_xlabel(f"time (s), clock: {trace.header.clock}")
        _legend(figure, colours(groups))
        return figure


def sessions(trace: Trace, *, within: tuple[float, float] | None = None, most: int = MOST_LANES) -> Figure:
    """What each of the first `most` loops did over time: running, waiting for a QPU, thinking."""
    with styled():
        span = within or (0.0, trace.horizon_ns * NS)
        rows = _some(spans.loop_rows(trace), most)
        tenants = sorted({row.tenant for row in rows})
        figure = new_figure(9, 1.3 + 0.24 * max(len(rows), 1))
        ax = figure.add_subplot()
        panels.draw_sessions(ax, trace, rows, tenants, span)
        ax.set_xlabel(f"time (s), clock: {trace.header.clock}")
        _legend(figure, _state_looks(tenants))
        return figure


def energies(trace: Trace, optima: Mapping[str, float] | None = None, *, most: int = 8) -> Figure:
    """The energies of the first `most` loops against time; known optima are dashed."""
    with styled():
        chosen = [row.name for row in _some(spans.loop_rows(trace), most)]
        found = {name: points for name, points in energy_series(trace).items() if name in chosen}
        rows = trace.index.sessions
        known = {name: row.optimum for name, row in rows.items() if row.optimum is not None} | dict(optima or {})
        figure = new_figure(7, 3.6)
        ax = figure.add_subplot()
        panels.draw_energies(ax, found, {name: rows[name].label or name for name in found}, known,
                             colours(list(found)))
        ax.set_xlabel(f"time (s), clock: {trace.header.clock}")
        if found:
            figure.legend(loc="outside right upper", frameon=False)
        return figure


def comparison(traces: Mapping[str, Trace], optima: Mapping[str, float] | None = None, *,
               within: tuple[float, float] | None = None) -> Figure:
    """Policies side by side: QPU lanes and loop lanes over the same stretch of time, errors, and main numbers.

    `traces` maps names to 1 to 4 runs of one workload; `within` is the stretch in seconds (default: one in which many
    loops are open and single tasks can be seen); loops that are not open in it are left out. `InvalidInput` for none or
    more than 4.
    """
    if not 1 <= len(traces) <= len(POLICIES):
        raise InvalidInput(f"{len(traces)} traces do not fit side by side", "", f"Give 1 to {len(POLICIES)}")
    with styled():
        runs = list(traces.values())
        span = within or spans.window(runs)
        rows = _some(spans.open_rows(runs, span), MOST_LANES)
        qpus = max(len(run.qpus) for run in runs)
        # The height follows the number of lanes, so that a lane is as thick in a small run as in a large one; below
        # three lanes there would be no place for the axes.
        heights = [0.26 * max(qpus, 3) + 0.15, 0.2 * max(len(rows), 3) + 0.15, 1.9]
        figure = new_figure(5.2 * max(len(runs), 2), sum(heights) + 1.75)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.05)  # type: ignore[union-attr, call-arg]
        grid = figure.add_gridspec(2, 1, height_ratios=[heights[0] + heights[1], heights[2]])
        _timelines(figure, grid[0].subgridspec(2, len(runs), height_ratios=heights[:2]), traces, rows, span)
        _numbers(figure, grid[1], traces, optima)
        groups = _groups(runs, "tenant")
        looks = colours(groups) | _state_looks([])
        _legend(figure, looks)
        figure.supxlabel(_footnote(runs), fontsize=6.5, color=FAINT)
        return figure


def _timelines(figure: Figure, grid: Any, traces: Mapping[str, Trace], rows: Sequence[SessionRow],
               span: tuple[float, float]) -> None:
    """The two upper rows: QPU lanes and loop lanes, a column for each policy, in one grid so that times align."""
    runs = list(traces.values())
    groups = _groups(runs, "tenant")
    tenants = sorted({row.tenant for run in runs for row in spans.loop_rows(run)})
    for n, (name, run) in enumerate(traces.items()):
        upper = figure.add_subplot(grid[0, n])
        panels.draw_lanes(upper, run, groups, span, "tenant")
        upper.set_title(name, fontweight="bold", fontsize=10.5, color=POLICIES[n], pad=6)
        upper.tick_params(labelbottom=False)
        lower = figure.add_subplot(grid[1, n], sharex=upper)
        here = [run.index.sessions[row.name] for row in rows if row.name in run.index.sessions]
        panels.draw_sessions(lower, run, here, tenants, span)
        lower.set_xlabel(f"time (s): a stretch of {span[1] - span[0]:.0f} s of a run of {run.horizon_ns * NS:.0f} s")
        if n == 0:
            upper.set_ylabel("QPUs")
            lower.set_ylabel("loops")
        else:
            upper.set_yticklabels([])
            lower.set_yticklabels([])


def _numbers(figure: Figure, place: Any, traces: Mapping[str, Trace], optima: Mapping[str, float] | None) -> None:
    """The bottom row: errors against time, and bars of the main numbers."""
    inner = place.subgridspec(1, 4, width_ratios=[2.9, 1, 1, 1])
    ax = figure.add_subplot(inner[0])
    panels.draw_errors(ax, spans.errors(traces, optima))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    waiting: dict[str, float | None] = {name: ttns(run).waiting.mean for name, run in traces.items()}
    useful: dict[str, float | None] = {name: qdc(run).useful * 100 for name, run in traces.items()}
    slower = {name: _background_slowdown(run) for name, run in traces.items()}
    numbers = (("waiting between shots", "mean, less is better", "s", waiting),
               ("QPU duty cycle", "useful share, more is better", "%", useful),
               ("slowdown, background", "bounded mean, less is better", "x", slower))
    for n, (title, better, unit, values) in enumerate(numbers, start=1):
        panels.draw_bars(figure.add_subplot(inner[n]), title, better, values, unit)


def _background_slowdown(trace: Trace) -> float | None:
    """The mean bounded slowdown of background sessions; None if there is none."""
    found = [row.bounded for row in slowdowns(trace) if row.session_kind == "background"]
    return sum(found) / len(found) if found else None


def _groups(traces: Sequence[Trace], by: str) -> list[str]:
    """The groups that the lanes show, those with a fixed meaning last, in the same order in every figure."""
    seen = {group for trace in traces for bars in spans.qpu_bars(trace, by).values() for group in bars}
    if by == "tenant":
        # A tenant keeps its colour even where none of its loops ran.
        seen |= {row.tenant for trace in traces for row in spans.loop_rows(trace)}
    return sorted(seen - FIXED.keys()) + [group for group in FIXED if group in seen]


def _state_looks(tenants: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The legend of loop lanes: running in the tenants' colours, and the two other states."""
    running = {f"running ({tenant})": look for tenant, look in colours(tenants).items()}
    return running | {state: dict(FIXED[state]) for state in (spans.WAITING, spans.THINKING)}


def _some(rows: list[SessionRow], most: int) -> list[SessionRow]:
    """At most so many loops, spread over the tenants' order, so that no tenant is cut off."""
    if len(rows) <= most:
        return rows
    return [rows[n * len(rows) // most] for n in range(most)]


def _legend(figure: Figure, looks: Mapping[str, Mapping[str, Any]]) -> None:
    """One legend above everything."""
    from matplotlib.patches import Patch

    handles = [Patch(label=name, **{**look, "linewidth": 0.5}) for name, look in looks.items()]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 8), frameon=False,
                      handlelength=1.4, columnspacing=1.4)


def _footnote(runs: Sequence[Trace]) -> str:
    """Provenance in one line; the clock first, as it says what the times mean."""
    head = runs[0].header
    seeds = ", ".join(f"{name} {seed}" for name, seed in head.seeds.items())
    clocks = " / ".join(dict.fromkeys(run.header.clock for run in runs))
    source = f"qloop {head.qloop}" + (f" at {head.commit[:10]}" if head.commit else "")
    parts = [f"clock: {clocks}", f"seeds: {seeds}" if seeds else "", source]
    return "    ".join(part for part in parts if part)
