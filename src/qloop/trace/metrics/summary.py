"""All metrics of one run in one record, and two runs side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from qloop.trace.errors import TraceError
from qloop.trace.metrics.convergence import Convergence, convergence
from qloop.trace.metrics.cost import Cost, cost
from qloop.trace.metrics.distribution import NS
from qloop.trace.metrics.drift import Drift, drift
from qloop.trace.metrics.fairness import Fairness, fairness, slowdowns
from qloop.trace.metrics.qdc import Qdc, qdc
from qloop.trace.metrics.speculation import Caches, Speculation, caches, speculation
from qloop.trace.metrics.statistics import Interval, pair, paired_bootstrap
from qloop.trace.metrics.ttns import Ttns, ttns
from qloop.trace.provenance import Header
from qloop.trace.reader import Trace
from qloop.trace.steps import gaps


class Counts(msgspec.Struct, frozen=True):
    """How much happened."""

    events: int
    loops: int
    background: int
    tenants: int
    quantum_tasks: int
    results: int
    shots: int
    failed_attempts: int
    cancelled_tasks: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric of a run, with its provenance; the clock says what the times mean."""

    header: Header
    horizon_s: float
    truncated: str
    counts: Counts
    ttns: Ttns
    ttns_background: Ttns
    qdc: Qdc
    convergence: tuple[Convergence, ...]
    drift: Drift
    speculation: Speculation
    caches: Caches
    fairness: Fairness
    cost: Cost

    def to_json(self) -> bytes:
        """The report as JSON, indented."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


class Comparison(msgspec.Struct, frozen=True):
    """Two runs on the same random numbers: b against a.

    `waiting` pairs the sessions' mean waiting part of the gap (s), `slowdown_*` their slowdowns; None where no
    session is in both. The others are differences of whole runs, to be paired over many seeds by the caller.
    """

    policy_a: str
    policy_b: str
    clock: str
    waiting: Interval | None
    slowdown_loops: Interval | None
    slowdown_background: Interval | None
    qdc_a: float
    qdc_b: float
    jain_a: float | None
    jain_b: float | None
    converged_a: int
    converged_b: int
    notes: tuple[str, ...]


def summary(trace: Trace, optima: Mapping[str, float] | None = None, *, price_per_second: float = 0.0,
            alone: Mapping[str, float] | None = None) -> Report:
    """The report of a trace; `optima` (energies) and `alone` (seconds) as in `convergence` and `fairness`."""
    return Report(
        header=trace.header, horizon_s=trace.horizon_ns * NS, truncated=trace.truncated, counts=counts(trace),
        ttns=ttns(trace), ttns_background=ttns(trace, "background"), qdc=qdc(trace),
        convergence=convergence(trace, optima), drift=drift(trace), speculation=speculation(trace),
        caches=caches(trace), fairness=fairness(trace, alone),
        cost=cost(trace, optima, price_per_second=price_per_second))


def counts(trace: Trace) -> Counts:
    """How much happened in a trace."""
    index = trace.index
    kinds = [row.kind for row in index.sessions.values()]
    return Counts(
        len(trace.events), kinds.count("loop"), kinds.count("background"),
        len({row.tenant for row in index.sessions.values()}), len(index.tasks),
        sum(len(task.results) for task in index.tasks.values()),
        sum(a.ended.shots for a in index.attempts if a.ended is not None), len(index.failures), len(index.cancelled))


def compare(trace_a: Trace, trace_b: Trace, optima: Mapping[str, float] | None = None, *,
            seed: int = 0) -> Comparison:
    """Run b against run a, paired by session; `TraceError` if they were not run with the same seeds and clock."""
    if trace_a.header.seeds != trace_b.header.seeds:
        raise TraceError("The two runs cannot be compared", f"Their seeds differ: {trace_a.header.seeds} and "
                         f"{trace_b.header.seeds}", "Run both policies with the same seeds")
    if trace_a.header.clock != trace_b.header.clock:
        raise TraceError("The two runs cannot be compared", f"Their clocks differ: {trace_a.header.clock} and "
                         f"{trace_b.header.clock}", "Run both policies with the same clock")
    slow_a, slow_b = _slowdowns(trace_a), _slowdowns(trace_b)
    found_a, found_b = _converged(trace_a, optima), _converged(trace_b, optima)
    return Comparison(
        trace_a.header.policy, trace_b.header.policy, trace_a.header.clock,
        _interval(_waiting(trace_a), _waiting(trace_b), seed), _interval(slow_a["loop"], slow_b["loop"], seed),
        _interval(slow_a["background"], slow_b["background"], seed), qdc(trace_a).useful, qdc(trace_b).useful,
        fairness(trace_a).jain, fairness(trace_b).jain, found_a, found_b, _notes(trace_a, trace_b))


def _interval(a: Mapping[str, float], b: Mapping[str, float], seed: int) -> Interval | None:
    """The paired interval; None where nothing can be paired."""
    return paired_bootstrap(*pair(a, b), seed=seed) if a.keys() & b.keys() else None


def _waiting(trace: Trace) -> dict[str, float]:
    """The mean waiting part of each loop's gaps, in seconds."""
    found: dict[str, list[int]] = defaultdict(list)
    for gap in gaps(trace.steps):
        if gap.session.kind == "loop":
            found[gap.session.name].append(gap.waiting)
    return {name: sum(values) * NS / len(values) for name, values in found.items()}


def _slowdowns(trace: Trace) -> dict[str, dict[str, float]]:
    """The slowdown of each session, by kind."""
    found: dict[str, dict[str, float]] = {"loop": {}, "background": {}}
    for row in slowdowns(trace):
        found[row.session_kind][row.session] = row.slowdown
    return found


def _converged(trace: Trace, optima: Mapping[str, float] | None) -> int:
    """How many loops converged under q = 0.95."""
    return next(row.converged for row in convergence(trace, optima) if row.rule == "q=0.95")


def _notes(a: Trace, b: Trace) -> tuple[str, ...]:
    """What a reader of the comparison must know."""
    notes = []
    if a.header.configuration_hash != b.header.configuration_hash:
        notes.append("the configurations differ in more than the policy, or hold its name")
    if a.horizon_ns != b.horizon_ns:
        notes.append(f"the horizons differ: {a.horizon_ns * NS:.1f} s and {b.horizon_ns * NS:.1f} s")
    notes.extend(f"{t.header.policy}: {t.truncated}" for t in (a, b) if t.truncated)
    return tuple(notes)
