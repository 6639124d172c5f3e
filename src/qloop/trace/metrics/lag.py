"""Lag: how far two tenants that both wait can drift apart in service per weight.

For tenants f and g that are both backlogged over an interval, |W_f/w_f - W_g/w_g| is bounded by
(m+1)(l_f/w_f + l_g/w_g) under start-time fair queuing on m QPUs, l being the longest task (Goyal et al., 1996).
A policy with classes before tags may exceed it; the report then says by how much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.trace.intervals import Span, intersection, union
from qloop.trace.metrics.distribution import NS
from qloop.trace.metrics.usage import qpu_usage
from qloop.trace.reader import Trace

MOST_TENANTS = 24
"""Pairs are compared among the tenants with the most QPU time only, so that the cost stays bounded."""


class Lag(msgspec.Struct, frozen=True):
    """The pair of tenants with the worst lag relative to its bound; QPU-seconds per weight."""

    tenants: tuple[str, str]
    seconds: float
    bound_s: float
    over_bound: float


class Service:
    """The QPU time given to one tenant, as a piecewise linear function of time."""

    def __init__(self, spans: list[Span]) -> None:
        edges = np.array(spans, dtype=np.int64)
        times = np.concatenate([edges[:, 0], edges[:, 1]])
        slopes = np.concatenate([np.ones(len(spans)), -np.ones(len(spans))])
        order = np.argsort(times, kind="stable")
        self.times = times[order]
        rate = np.cumsum(slopes[order])
        self._given = np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(self.times))])
        self.longest = int((edges[:, 1] - edges[:, 0]).max())

    def until(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Nanoseconds of service before each of the times."""
        return np.asarray(np.interp(times, self.times, self._given), dtype=np.float64)

    @property
    def total(self) -> float:
        """Nanoseconds of all service."""
        return float(self._given[-1])


def lag(trace: Trace) -> Lag | None:
    """The worst pair; None if no two tenants were ever backlogged at the same time."""
    index = trace.index
    owner = {name: row.tenant for name, row in index.sessions.items()}
    weights = {row.tenant: row.tenant_weight for row in index.sessions.values()}
    services = _services(trace, owner)
    waiting = _backlog(trace, owner)
    worst: Lag | None = None
    for f, g in combinations(sorted(services), 2):
        both = intersection(waiting.get(f, []), waiting.get(g, []))
        if not both:
            continue
        bound = (len(trace.qpus) + 1) * (services[f].longest / weights[f] + services[g].longest / weights[g])
        seen = _apart(services[f], services[g], weights[f], weights[g], both)
        if worst is None or seen / bound > worst.over_bound:
            worst = Lag((f, g), seen * NS, bound * NS, seen / bound)
    return worst


def _services(trace: Trace, owner: dict[str, str]) -> dict[str, Service]:
    """The service of the tenants with the most QPU time."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for session, begin, end in qpu_usage(trace):
        if session in owner:
            spans[owner[session]].append((begin, end))
    services = {tenant: Service(rows) for tenant, rows in spans.items()}
    largest = sorted(services, key=lambda tenant: (-services[tenant].total, tenant))[:MOST_TENANTS]
    return {tenant: services[tenant] for tenant in largest}


def _backlog(trace: Trace, owner: dict[str, str]) -> dict[str, list[Span]]:
    """When each tenant had at least one task that waited for a QPU."""
    begins: dict[str, int] = {}
    for attempt in trace.index.attempts:
        begins.setdefault(attempt.task.name, attempt.begin)
    spans: dict[str, list[Span]] = defaultdict(list)
    for task in trace.index.tasks.values():
        since = task.enqueued if task.enqueued is not None else task.submitted
        never = since if task.name in trace.index.cancelled else trace.horizon_ns
        until = begins.get(task.name, never)
        if since is not None and until is not None and task.session in owner and since < until:
            spans[owner[task.session]].append((since, until))
    return {tenant: union(rows, 0, trace.horizon_ns) for tenant, rows in spans.items()}


def _apart(f: Service, g: Service, w_f: float, w_g: float, both: Iterable[Span]) -> float:
    """The largest | W_f/w_f - W_g/w_g | over any interval in which both wait, in ns per weight."""
    worst = 0.0
    corners = np.union1d(f.times, g.times)
    for begin, end in both:
        low, high = np.searchsorted(corners, [begin, end])
        times = np.concatenate([[begin], corners[low:high], [end]])
        ahead = f.until(times) / w_f - g.until(times) / w_g
        worst = max(worst, float(ahead.max() - ahead.min()))
    return worst
