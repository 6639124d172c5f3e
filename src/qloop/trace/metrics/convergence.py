"""Convergence: when a loop's noiseless energy had covered a share q of its way to the optimum, and stayed there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from qloop.trace.index import SessionRow
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace
from qloop.trace.steps import Step

IN_A_ROW = 5
SHARES = (0.90, 0.95, 0.99)
PAPER_CHANGE = 0.05


class Point(msgspec.Struct, frozen=True):
    """One iteration's energy: time in ns, k, as measured, and without noise (None if unknown)."""

    t: int
    k: int
    energy: float | None
    noiseless: float | None


class Reached(msgspec.Struct, frozen=True):
    """When one loop met one rule.

    `seconds` since the session opened and the iteration `k`; both None if it never did, and then the observation
    ends at `observed_s` (right-censored at the horizon).
    """

    session: str
    rule: str
    seconds: float | None
    k: int | None
    observed_s: float


class Convergence(msgspec.Struct, frozen=True):
    """One rule over all loops.

    `median_s` is the Kaplan-Meier median (None while fewer than half have converged), `restricted_mean_s` the area
    under the same curve up to the longest observation.
    """

    rule: str
    loops: int
    converged: int
    median_s: float | None
    restricted_mean_s: float | None
    each: tuple[Reached, ...]


def energies(trace: Trace) -> dict[str, list[Point]]:
    """The energy of each iteration of each loop, in order of k.

    What `iteration_end` says; else the lowest of the values that the iteration's results brought.
    """
    index = trace.index
    return {name: _series(index.sessions[name], rows) for name, rows in trace.steps.items()
            if index.sessions[name].kind == "loop"}


def convergence(trace: Trace, optima: Mapping[str, float] | None = None) -> tuple[Convergence, ...]:
    """Each rule over the loops whose optimum is known: `q=0.90`, `q=0.95`, `q=0.99`, and `paper`.

    `optima` maps sessions to exact ground energies and goes before the optimum in the trace. Rule q: the first of
    the first five iterations in a row with E <= E0 - q (E0 - E*), E0 the energy of the loop's first iteration, so
    an optimum that was met at once counts at once. Rule `paper`: the first |E(k) - E(k-1)| < 0.05.
    """
    series = energies(trace)
    wanted = {name: _optimum(trace.index.sessions[name], optima) for name in series}
    rows: dict[str, list[Reached]] = {rule: [] for rule in (*map(_rule, SHARES), "paper")}
    for name, points in series.items():
        session, best = trace.index.sessions[name], wanted[name]
        for q in SHARES:
            if best is not None:
                rows[_rule(q)].append(_reached(trace, session, _rule(q), first_stay(points, best, q)))
        rows["paper"].append(_reached(trace, session, "paper", first_still(points)))
    return tuple(_summary(rule, tuple(found)) for rule, found in rows.items())


def first_stay(points: Sequence[Point], optimum: float, q: float) -> Point | None:
    """The first of five points in a row at or below E0 - q (E0 - E*); None if there is no such run."""
    known = [point for point in points if point.noiseless is not None]
    if not known or known[0].noiseless is None:
        return None
    target = known[0].noiseless - q * (known[0].noiseless - optimum)
    run = 0
    for at, point in enumerate(known):
        run = run + 1 if point.noiseless is not None and point.noiseless <= target else 0
        if run == IN_A_ROW:
            return known[at - IN_A_ROW + 1]
    return None


def first_still(points: Sequence[Point]) -> Point | None:
    """The first point whose energy differs from the one before by less than 0.05 (the paper's rule)."""
    known = [(point, point.noiseless if point.noiseless is not None else point.energy) for point in points]
    for (_, before), (point, value) in pairwise(known):
        if before is not None and value is not None and abs(value - before) < PAPER_CHANGE:
            return point
    return None


def survival(times: Sequence[float], converged: Sequence[bool]) -> list[tuple[float, float]]:
    """The Kaplan-Meier curve: (time, share of loops not yet converged just after it) at each convergence."""
    curve: list[tuple[float, float]] = []
    alive = 1.0
    for time in sorted({t for t, hit in zip(times, converged, strict=True) if hit}):
        at_risk = sum(t >= time for t in times)
        events = sum(hit and t == time for t, hit in zip(times, converged, strict=True))
        alive *= 1 - events / at_risk
        curve.append((time, alive))
    return curve


def _series(session: SessionRow, rows: Sequence[Step]) -> list[Point]:
    """The points of one loop."""
    points = []
    for step in rows:
        told = session.energies.get(step.k)
        if told is not None:
            points.append(Point(told.t, step.k, _lowest([told.energy]), _lowest([told.noiseless])))
        elif step.result is not None:
            results = [result for task in step.tasks for result in task.results]
            points.append(Point(step.result, step.k, _lowest(v for r in results for v in r.values),
                                _lowest(v for r in results for v in r.noiseless)))
    return points


def _lowest(values: Iterable[float | None]) -> float | None:
    """The lowest finite number among the values; None if there is none."""
    return min((v for v in values if v is not None and math.isfinite(v)), default=None)


def _optimum(session: SessionRow, optima: Mapping[str, float] | None) -> float | None:
    """The loop's exact ground energy, if known."""
    return (optima or {}).get(session.name, session.optimum)


def _rule(q: float) -> str:
    return f"q={q:.2f}"


def _reached(trace: Trace, session: SessionRow, rule: str, point: Point | None) -> Reached:
    """The record of one loop under one rule; what lies after the horizon is not seen."""
    observed = max(0, trace.horizon_ns - session.opened) * NS
    if point is None or point.t > trace.horizon_ns:
        return Reached(session.name, rule, None, None, observed)
    return Reached(session.name, rule, (point.t - session.opened) * NS, point.k, observed)


def _summary(rule: str, each: tuple[Reached, ...]) -> Convergence:
    """One rule over its loops."""
    hits = [reached.seconds is not None for reached in each]
    times = [r.observed_s if r.seconds is None else r.seconds for r in each]
    curve = survival(times, hits)
    median = next((time for time, alive in curve if alive <= 0.5), None)
    area, before, level = 0.0, 0.0, 1.0
    for time, alive in curve:
        area, before, level = area + level * (time - before), time, alive
    area += level * (max(times, default=0.0) - before)
    return Convergence(rule, len(each), sum(hits), median, area if each else None, each)
