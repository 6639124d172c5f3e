"""The main numbers of a recorded run and its replays, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from qloop.trace.metrics.summary import Report


class Numbers(NamedTuple):
    """One number of every run; the first is the recorded one."""

    name: str
    unit: str
    values: tuple[float | None, ...]

    def difference(self, n: int, base: int = 0) -> float | None:
        """How much more run n has than run `base`; None where one of them has none."""
        a, b = self.values[base], self.values[n]
        return None if a is None or b is None else b - a


def numbers(reports: Sequence[Report]) -> list[Numbers]:
    """Gap, its waiting part, QDC, makespan, fairness and slowdown of each run."""
    rows: list[Numbers] = []

    def add(name: str, unit: str, values: Sequence[float | None]) -> None:
        if any(value is not None for value in values):
            rows.append(Numbers(name, unit, tuple(values)))

    for title, part in (("gap", "gap"), ("waiting part of the gap", "waiting")):
        for which in ("mean", "p50", "p95", "p99"):
            add(f"{title}, {which}", "s", [getattr(getattr(report.ttns, part), which) for report in reports])
    add("QDC, useful", "%", [report.qdc.useful * 100 for report in reports])
    add("QDC, calibration", "%", [report.qdc.calibration * 100 for report in reports])
    add("makespan", "s", [report.horizon_s for report in reports])
    add("background wait for a QPU, mean", "s", [report.ttns_background.first_start.mean for report in reports])
    add("slowdown of loops, mean", "x", [report.fairness.slowdown_loops.mean for report in reports])
    add("slowdown of loops, p95", "x", [report.fairness.slowdown_loops.p95 for report in reports])
    add("slowdown of background, bounded, mean", "x",
        [report.fairness.bounded_background.mean for report in reports])
    add("fairness between tenants (Jain)", "", [report.fairness.jain for report in reports])
    for tenant in dict.fromkeys(share.tenant for report in reports for share in report.fairness.shares):
        found = [{share.tenant: share for share in report.fairness.shares}.get(tenant) for report in reports]
        add(f"dominant share per weight, {tenant}", "%",
            [None if share is None else share.per_weight * 100 for share in found])
    return rows
