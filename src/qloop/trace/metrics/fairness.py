"""Fairness: between tenants by dominant shares and lag, between sessions by slowdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from qloop.trace.metrics.distribution import NS, Distribution, describe
from qloop.trace.metrics.lag import Lag, lag
from qloop.trace.metrics.usage import by_tenant
from qloop.trace.reader import Trace
from qloop.trace.steps import Step, gaps, start_wait

SHORT_RUN_S = 10.0


class Share(msgspec.Struct, frozen=True):
    """One tenant's use: shares of all classical slots and QPUs over the horizon, and the larger, per weight."""

    tenant: str
    weight: float
    cpu_seconds: float
    qpu_seconds: float
    dominant: float
    per_weight: float


class Slowdown(msgspec.Struct, frozen=True):
    """One finished session: its makespan, the waiting in it, makespan / makespan alone, and the bounded form."""

    session: str
    session_kind: str
    tenant: str
    makespan_s: float
    waiting_s: float
    slowdown: float
    bounded: float


class Fairness(msgspec.Struct, frozen=True):
    """Jain's index and min/max of the dominant shares per weight (1: equal), the worst lag, and slowdowns.

    `unfinished` sessions had no closing event within the horizon, or no shots, and are in no slowdown.
    """

    shares: tuple[Share, ...]
    jain: float | None
    min_over_max: float | None
    lag: Lag | None
    slowdown_loops: Distribution
    slowdown_background: Distribution
    bounded_loops: Distribution
    bounded_background: Distribution
    unfinished: int


def fairness(trace: Trace, alone: Mapping[str, float] | None = None) -> Fairness:
    """Fairness over the horizon; `alone` gives sessions' makespans alone in seconds, where they were measured."""
    rows = shares(trace)
    values = [row.per_weight for row in rows]
    slow = slowdowns(trace, alone)
    loops = [row for row in slow if row.session_kind == "loop"]
    others = [row for row in slow if row.session_kind != "loop"]
    return Fairness(
        rows, jain(values), min(values) / max(values) if values and max(values) > 0 else None, lag(trace),
        describe(r.slowdown for r in loops), describe(r.slowdown for r in others),
        describe(r.bounded for r in loops), describe(r.bounded for r in others),
        len(trace.index.sessions) - len(slow))


def jain(values: Sequence[float]) -> float | None:
    """(sum x)^2 / (n sum x^2): 1 if all are equal, 1/n if one has all; None of nothing (Jain et al., 1984)."""
    squares = sum(x * x for x in values)
    return sum(values) ** 2 / (len(values) * squares) if squares > 0 else None


def shares(trace: Trace) -> tuple[Share, ...]:
    """max(CPU / (N_c T), QPU / (N_q T)) of each tenant, and the same per weight; the classical side may be absent."""
    weights = {row.tenant: row.tenant_weight for row in trace.index.sessions.values()}
    slots = trace.header.workers * trace.horizon_ns
    room = len(trace.qpus) * trace.horizon_ns
    rows = []
    for tenant, (cpu, qpu) in by_tenant(trace).items():
        dominant = max(cpu / slots if slots else 0.0, qpu / room if room else 0.0)
        rows.append(Share(tenant, weights[tenant], cpu * NS, qpu * NS, dominant, dominant / weights[tenant]))
    return tuple(rows)


def slowdowns(trace: Trace, alone: Mapping[str, float] | None = None) -> list[Slowdown]:
    """The slowdown of each session that was closed within the horizon and had a result.

    The makespan runs from the opening to the last result. Alone, a session would not wait: its makespan less the
    wait of its first step and the waiting parts of all its gaps, unless `alone` knows it. Bounded slowdown is
    max(1, makespan / max(alone, 10 s)) (Feitelson et al., 1997).
    """
    waiting = {name: _first_wait(rows) for name, rows in trace.steps.items()}
    for gap in gaps(trace.steps):
        waiting[gap.session.name] += gap.waiting
    found = []
    for name, row in trace.index.sessions.items():
        if row.closed is None or row.closed > trace.horizon_ns or row.last <= row.opened:
            continue
        makespan = (row.last - row.opened) * NS
        run = (alone or {}).get(name, makespan - waiting[name] * NS)
        if run > 0:
            found.append(Slowdown(name, row.kind, row.tenant, makespan, waiting[name] * NS, makespan / run,
                                  max(1.0, makespan / max(run, SHORT_RUN_S))))
    return found


def _first_wait(rows: Sequence[Step]) -> int:
    """The wait of a session's first step, in ns; 0 if it never began."""
    return (start_wait(rows[0]) or 0) if rows else 0
