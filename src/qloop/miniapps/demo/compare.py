"""The policies side by side: every number of the demo in one list of rows, what it proves, and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from qloop.miniapps.demo.workload import Mix, Workload
from qloop.trace.metrics.convergence import Convergence
from qloop.trace.metrics.distribution import Distribution
from qloop.trace.metrics.summary import Report
from qloop.trace.reader import Trace

EXPECTED = 0.60
"""At least this share of the waiting between shots should go."""
NOTICEABLE = 0.02
"""A smaller relative change (or fewer points of a percentage) is called the same."""

Better = Literal["less", "more", ""]
Value = float | None


class Row(msgspec.Struct, frozen=True):
    """One number of every policy; `changes` against the first policy: relative, or points where the unit is %."""

    group: str
    label: str
    unit: str
    better: Better
    values: tuple[Value, ...]
    changes: tuple[Value, ...]

    def gain(self, n: int) -> str:
        """Whether policy n is `better`, `worse` or the `same`; empty where nobody says what would be better."""
        change = self.changes[n]
        if change is None or not self.better:
            return ""
        scale = 100.0 if self.unit == "%" else 1.0
        if abs(change) < NOTICEABLE * scale:
            return "same"
        return "better" if (change < 0.0) == (self.better == "less") else "worse"


class Verdict(msgspec.Struct, frozen=True):
    """The promise of the demo: how much less `policy` lets loops wait between shots than `against` does."""

    policy: str
    against: str
    saved: Value
    expected: float
    met: bool

    def text(self) -> str:
        """The verdict in a sentence."""
        if self.saved is None:
            return "Waiting between shots cannot be compared: a run has no loop with two iterations."
        how = f"{abs(self.saved):.1%} {'less' if self.saved >= 0 else 'more'} waiting between shots"
        short = "" if self.met else f", {self.expected - self.saved:.1%} short of it"
        return f"{self.policy} against {self.against}: {how} (expected: at least {self.expected:.0%} less{short})."


class Outcome(msgspec.Struct, frozen=True):
    """All that a run of the demo found."""

    seed: int
    clock: str
    policies: tuple[str, ...]
    mix: Mix
    horizon_s: float
    qpus: tuple[dict[str, Any], ...]
    rows: tuple[Row, ...]
    verdict: Verdict | None
    not_gained: tuple[str, ...]
    files: dict[str, str]
    seconds: dict[str, float]

    def to_json(self) -> bytes:
        """The outcome as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def outcome(workload: Workload, traces: Mapping[str, Trace], reports: Mapping[str, Report],
            files: Mapping[str, Path], seconds: Mapping[str, float]) -> Outcome:
    """What the runs of one workload say together."""
    names, found = tuple(reports), rows(reports)
    head = next(iter(traces.values())).header
    qpus = tuple({"name": qpu.name, "device": qpu.device, "qubits": qpu.n_qubits, "calibrated_at": qpu.calibrated_at}
                 for qpu in head.qpus)
    return Outcome(workload.seed, head.clock, names, workload.mix, workload.horizon_s, qpus, found, verdict(reports),
                   not_gained(found, names), {name: str(path) for name, path in files.items()}, dict(seconds))


def rows(reports: Mapping[str, Report]) -> tuple[Row, ...]:
    """Every number, in the order in which it is shown."""
    all_reports = list(reports.values())
    found = []
    for group, label, unit, better, read in _numbers(all_reports):
        values = tuple(read(report) for report in all_reports)
        found.append(Row(group, label, unit, better, values, tuple(_change(values[0], v, unit) for v in values)))
    return tuple(found)


def verdict(reports: Mapping[str, Report]) -> Verdict | None:
    """The last policy against the first; None for a single one."""
    if len(reports) < 2:
        return None
    (against, before), (policy, after) = next(iter(reports.items())), list(reports.items())[-1]
    a, b = before.ttns.waiting.mean, after.ttns.waiting.mean
    saved = None if a is None or b is None or a <= 0.0 else 1.0 - b / a
    return Verdict(policy, against, saved, EXPECTED, saved is not None and saved >= EXPECTED)


def not_gained(found: tuple[Row, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Where the last policy is no better than the first, in words."""
    if len(names) < 2:
        return ()
    return tuple(f"{row.group}, {row.label}: {row.gain(-1)}{_by(row)}" for row in found
                 if row.gain(-1) in ("same", "worse"))


def change_text(change: Value, unit: str) -> str:
    """A change as it is printed: per cent, or points of a percentage."""
    if change is None:
        return "–"
    return f"{change:+.1f} points" if unit == "%" else f"{change:+.1%}"


Read = Callable[[Report], Value]
Number = tuple[str, str, str, Better, Read]


def _numbers(reports: Sequence[Report]) -> Iterator[Number]:
    yield from _spread("TTNS", "gap between shots", lambda r: r.ttns.gap)
    yield from _spread("TTNS", "waiting part", lambda r: r.ttns.waiting)
    yield from _duty()
    yield from _convergence(reports)
    yield "slowdown", "loops, mean", "x", "less", lambda r: r.fairness.slowdown_loops.mean
    yield "slowdown", "loops, p95", "x", "less", lambda r: r.fairness.slowdown_loops.p95
    yield "slowdown", "background, bounded, mean", "x", "less", lambda r: r.fairness.bounded_background.mean
    yield "slowdown", "background, bounded, p95", "x", "less", lambda r: r.fairness.bounded_background.p95
    yield "slowdown", "background, wait for a QPU, mean", "s", "less", lambda r: r.ttns_background.first_start.mean
    yield "fairness", "between tenants (Jain; 1 is equal)", "", "more", lambda r: r.fairness.jain
    yield "run", "until the last result", "s", "less", lambda r: r.horizon_s


def _spread(group: str, label: str, read: Callable[[Report], Distribution]) -> Iterator[Number]:
    """Mean, median and 95th percentile."""
    yield group, f"{label}, mean", "s", "less", lambda r: read(r).mean
    yield group, f"{label}, p50", "s", "less", lambda r: read(r).p50
    yield group, f"{label}, p95", "s", "less", lambda r: read(r).p95


def _duty() -> Iterator[Number]:
    """The useful share, and where the rest goes."""
    yield "QDC", "useful", "%", "more", lambda r: r.qdc.useful * 100
    yield "QDC", "  of it for loops", "%", "", lambda r: r.qdc.useful_loops * 100
    yield "QDC", "loading circuits", "%", "less", lambda r: r.qdc.overhead * 100
    yield "QDC", "calibration", "%", "", lambda r: r.qdc.calibration * 100
    yield "QDC", "idle", "%", "", lambda r: r.qdc.idle * 100


def _convergence(reports: Sequence[Report]) -> Iterator[Number]:
    """How many loops converged, and when (Kaplan-Meier medians, loops that never did are censored).

    The loops that did under every policy are also compared by themselves: a loop that noise kept from converging in one
    run says nothing about waiting.
    """
    for rule in reports[0].convergence:
        if not rule.loops or rule.rule not in ("q=0.90", "q=0.95"):
            continue
        group = f"convergence, {rule.rule}"
        yield group, f"loops of {rule.loops}", "", "more", _of(rule.rule, lambda c: float(c.converged))
        yield group, "median time", "s", "less", _of(rule.rule, lambda c: c.median_s)
        yield group, "mean up to the horizon", "s", "less", _of(rule.rule, lambda c: c.restricted_mean_s)
        if len(reports) > 1:
            both = set.intersection(*(_converged(report, rule.rule) for report in reports))
            yield group, f"mean of the {len(both)} in all runs", "s", "less", _of(rule.rule, _mean_of(both))


def _converged(report: Report, rule: str) -> set[str]:
    """The loops that converged under this rule."""
    return {one.session for found in report.convergence if found.rule == rule
            for one in found.each if one.seconds is not None}


def _mean_of(sessions: set[str]) -> Callable[[Convergence], Value]:
    """The mean time to converge of these sessions, all of which did."""
    def read(found: Convergence) -> Value:
        times = [one.seconds for one in found.each if one.session in sessions and one.seconds is not None]
        return sum(times) / len(times) if times else None

    return read


def _of(rule: str, read: Callable[[Convergence], Value]) -> Read:
    """A number of one rule of convergence."""
    return lambda report: next((read(found) for found in report.convergence if found.rule == rule), None)


def _change(before: Value, after: Value, unit: str) -> Value:
    if before is None or after is None:
        return None
    if unit == "%":
        return after - before
    return (after - before) / abs(before) if before else None


def _by(row: Row) -> str:
    return "" if row.gain(-1) == "same" else f" ({change_text(row.changes[-1], row.unit)})"
