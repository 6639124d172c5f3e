"""What a figure shows, as intervals in seconds: pure functions of a trace, without a drawing library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from qloop.errors import InvalidInput
from qloop.trace.index import OPEN, AttemptRow, SessionRow
from qloop.trace.intervals import Span, difference, intersection, union
from qloop.trace.metrics.convergence import Point, energies
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace

Bars = list[tuple[float, float]]
"""(begin, length) in seconds."""

BACKGROUND = "background task"
WASTE = "squashed or failed"
CALIBRATION = "calibration"
OFFLINE = "offline"
RUNNING, WAITING, THINKING = "running", "waiting", "thinking"
GROUPINGS = ("tenant", "session", "class")


def qpu_bars(trace: Trace, by: str = "tenant") -> dict[str, dict[str, Bars]]:
    """QPU -> group -> bars.

    The groups are those of loops' attempts (tenant, session or class), and `background task`, `squashed or failed`,
    `calibration`, `offline`. `InvalidInput` for another grouping.
    """
    if by not in GROUPINGS:
        raise InvalidInput(f"Lanes cannot be coloured by {by!r}", "", f"Choose one of: {', '.join(GROUPINGS)}")
    found: dict[str, dict[str, Bars]] = {name: defaultdict(list) for name in trace.qpus}
    for attempt in trace.index.attempts:
        span = (attempt.begin, min(attempt.end, trace.horizon_ns))
        found[attempt.begun.qpu][_group(trace, attempt, by)] += _bars([span])
    for name, row in trace.index.qpus.items():
        for group, spans in ((CALIBRATION, row.calibrations), (OFFLINE, row.offline)):
            bars = _bars(union(spans, 0, trace.horizon_ns))
            if bars:
                found[name][group] += bars
    return {name: dict(groups) for name, groups in found.items()}


def loop_rows(trace: Trace) -> list[SessionRow]:
    """The loops in the order in which lanes show them: by tenant, then by opening."""
    loops = [row for row in trace.index.sessions.values() if row.kind == "loop"]
    return sorted(loops, key=lambda row: (row.tenant, row.opened, row.name))


def session_bars(trace: Trace, session: SessionRow) -> dict[str, Bars]:
    """State -> bars of one loop; what is left over (network, inactivity) is in no state."""
    rows = trace.steps.get(session.name, [])
    ran = union((a.begin, min(a.end, trace.horizon_ns)) for step in rows for a in step.attempts)
    thinking, waiting = [], []
    since = session.opened
    for step in rows:
        if step.ready is not None:
            thinking.append((since, step.ready))
            begin = step.begin if step.begin is not None else trace.horizon_ns
            waiting.append((step.ready + step.network_up, begin))
        since = step.result if step.result is not None else since
    between = difference(union(thinking, 0, trace.horizon_ns), ran)
    thought = intersection(between, union(session.cpu, 0, OPEN)) if session.cpu else between
    waited = difference(union([*waiting, *difference(between, thought)], 0, trace.horizon_ns), ran)
    return {RUNNING: _bars(ran), WAITING: _bars(waited), THINKING: _bars(thought)}


def errors(traces: Mapping[str, Trace], optima: Mapping[str, float] | None = None,
           ) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """Trace -> loop -> (seconds since the loop opened, share of the first error that is left).

    (E - E*) / (E0 - E*), E0 the loop's first energy and E* its optimum; where that is unknown, the lowest energy
    that any of the traces saw. Without noise where that energy is known.
    """
    series = {name: energies(trace) for name, trace in traces.items()}
    best: dict[str, float] = {}
    for rows in series.values():
        for loop, points in rows.items():
            seen = [value for _, value in _values(points)]
            best[loop] = min([*seen, best.get(loop, float("inf"))])
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for name, trace in traces.items():
        known = {n: row.optimum for n, row in trace.index.sessions.items() if row.optimum is not None}
        targets = best | known | dict(optima or {})
        found[name] = {loop: _residual(points, trace.index.sessions[loop].opened, targets[loop])
                       for loop, points in series[name].items() if len(points) > 1}
    return found


def median_curve(curves: Sequence[tuple[list[float], list[float]]], times: Sequence[float]) -> list[float]:
    """The median over loops at each time, each loop holding its last value and starting at 1."""
    found = []
    places = [0] * len(curves)
    for time in times:
        for n, (when, _) in enumerate(curves):
            while places[n] < len(when) and when[places[n]] <= time:
                places[n] += 1
        found.append(median(curve[1][at - 1] if at else 1.0 for curve, at in zip(curves, places, strict=True)))
    return found


def window(traces: Sequence[Trace], tasks: int = 14) -> tuple[float, float]:
    """A stretch of time in seconds in which single tasks can be seen; `tasks` is its width in mean task lengths.

    It begins when a loop has had its first shots, and as many loops as possible are open in it, in every trace.
    """
    runs = [(a.end - a.begin) * NS for t in traces for a in t.index.attempts if a.done]
    last = min((t.horizon_ns * NS for t in traces), default=0.0)
    width = min(last, tasks * (sum(runs) / len(runs) if runs else last))
    under_way = [_under_way(trace) for trace in traces]

    def fewest(begin: float) -> int:
        return min((sum(low <= begin and begin + width <= high for low, high in rows) for rows in under_way), default=0)

    begins = sorted(low for rows in under_way for low, _ in rows)
    best = max([begin for begin in begins if begin + width <= last] or [0.0], key=fewest)
    return best, best + width


def open_rows(traces: Sequence[Trace], within: tuple[float, float]) -> list[SessionRow]:
    """The loops of the first trace that are open within this stretch (s) in any trace; all if none is."""
    low, high = within
    seen = {row.name for trace in traces for row in loop_rows(trace)
            if row.opened * NS < high and (row.closed is None or row.closed * NS > low)}
    rows = loop_rows(traces[0])
    return [row for row in rows if row.name in seen] or rows


def _under_way(trace: Trace) -> list[tuple[float, float]]:
    """From its first shots to its close, each loop in seconds."""
    found = []
    for row in loop_rows(trace):
        steps = trace.steps.get(row.name)
        begin = steps[0].end if steps and steps[0].end is not None else row.opened
        found.append((begin * NS, (trace.horizon_ns if row.closed is None else row.closed) * NS))
    return found


def _group(trace: Trace, attempt: AttemptRow, by: str) -> str:
    """The group of an attempt."""
    if (attempt.ended is not None and not attempt.done) or not attempt.wanted:
        return WASTE
    session = trace.index.sessions.get(attempt.task.session)
    if by == "class":
        return attempt.begun.class_
    if session is None or session.kind != "loop":
        return BACKGROUND
    return session.tenant if by == "tenant" else session.name


def _bars(spans: Sequence[Span]) -> Bars:
    """Intervals of ns as (begin, length) in seconds."""
    return [(begin * NS, (end - begin) * NS) for begin, end in spans if end > begin]


def _values(points: Sequence[Point]) -> list[tuple[int, float]]:
    """(t, energy), without noise if that is known."""
    chosen = [(p.t, p.energy if p.noiseless is None else p.noiseless) for p in points]
    return [(t, value) for t, value in chosen if value is not None]


def _residual(points: Sequence[Point], opened: int, optimum: float) -> tuple[list[float], list[float]]:
    """(seconds, share of the first error left) of one loop; an error of 0 at the start stays 0."""
    values = _values(points)
    first = (values[0][1] - optimum) if values else 0.0
    scale = first if first > 0 else 1.0
    return [(t - opened) * NS for t, _ in values], [(value - optimum) / scale for _, value in values]


def step_times(curves: Sequence[tuple[list[float], list[float]]], points: int = 400) -> list[float]:
    """Evenly spaced times from 0 to the last of the curves."""
    last = max((when[-1] for when, _ in curves if when), default=0.0)
    return [last * n / (points - 1) for n in range(points)]
