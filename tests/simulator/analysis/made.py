"""Replications made by hand, and of a queue with c servers that is simulated in a few lines of plain Python."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.platform import result as r
from qloop.simulator.platform.parts import Classical, QpuKind, Tenant

S = 1_000_000_000


@dataclass(frozen=True)
class Known:
    """What a replication knows of its scenario."""

    duration_s: float
    warmup_s: float
    qpus: tuple[QpuKind, ...]
    classical: Classical
    tenants: tuple[Tenant, ...]
    counting: str
    policy: str = "fifo"

    @property
    def n_qpus(self) -> int:
        return sum(kind.count for kind in self.qpus)


def scenario(*, duration_s: float = 100.0, warmup_s: float = 0.0, qpus: int = 1, workers: int = 1,
             tenants: tuple[Tenant, ...] = (Tenant(),), counting: str = "corrected", policy: str = "fifo") -> Any:
    """A platform of equal QPUs."""
    return Known(duration_s, warmup_s, (QpuKind(count=qpus),), Classical(workers=workers), tenants, counting, policy)


def replication(number: int = 0, of: Any = None, **columns: Any) -> r.Replication:
    """A replication of these columns; others are zero, and each session is done at once."""
    of = of or scenario()
    n = max((len(column) for name, column in columns.items() if name not in ("qpus", "areas", "log")), default=0)
    whole = {name: np.zeros(n, np.int64) for name in (
        "arrival_ns", "left_ns", "tenant", "size", "priority", "waited_ns", "served_ns", "cold_ns", "lost_ns",
        "classical_ns", "delayed_ns", "gap_ns", "colds", "epochs")}
    whole |= {"outcome": np.full(n, r.DONE), "iterations": np.ones(n, np.int64), "steps": np.ones(n, np.int64)}
    rest = {"loss": np.zeros(n), "qpus": np.zeros((of.n_qpus, 8), np.int64), "areas": np.zeros((2, 6), np.int64),
            "waits": np.zeros((2, 1), np.int64), "events": 0, "widest": 0, "log": np.zeros((0, 4), np.int64)}
    given = {name: np.asarray(column) for name, column in columns.items()}
    return r.Replication(scenario=of, number=number, **{**whole, **rest, **given})


def queue(of: Any, number: int, *, rate: float, mean_s: float, room: int = 10**9,
          last_in: bool = False) -> r.Replication:
    """Poisson arrivals, exponential service, as many servers as there are QPUs, at most `room` that wait.

    The same number meets the same arrivals and services, whatever the servers and the order.
    """
    first, second = (np.random.Generator(np.random.Philox(key=[stream, number])) for stream in (77, 78))
    n = int(rate * of.duration_s * 1.3 + 8 * np.sqrt(rate * of.duration_s) + 20)
    came = np.cumsum(first.exponential(1.0 / rate, n))
    service = second.exponential(mean_s, n)
    came, service = came[came < of.duration_s], service[:int((came < of.duration_s).sum())]
    began = _begins(came, service, of.n_qpus, room, last_in)
    ended = began + service
    done = ended < of.duration_s
    outcome = np.where(np.isnan(began), r.REFUSED, np.where(done, r.DONE, r.OPEN))
    waited = np.where(np.isnan(began), 0.0, np.minimum(began, of.duration_s) - came)
    served = np.where(np.isnan(began), 0.0, np.clip(of.duration_s - began, 0.0, service))
    qpus = np.zeros((of.n_qpus, 8), np.int64)
    inside = np.clip(np.minimum(ended, of.duration_s) - np.maximum(began, of.warmup_s), 0.0, None)
    qpus[0, r.EXECUTED] = round(float(np.nansum(inside)) * S)
    left = np.where(outcome == r.REFUSED, came, np.where(outcome == r.OPEN, -1e-9, ended))
    return replication(number, of, arrival_ns=_ns(came), left_ns=_ns(left), outcome=outcome, waited_ns=_ns(waited),
                       served_ns=_ns(served), qpus=qpus)


def _ns(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(seconds * S).astype(np.int64)


def _begins(came: Any, service: Any, servers: int, room: int, last_in: bool) -> NDArray[np.float64]:
    """When each begins service; nan if it was refused, later than the run if it was still waiting."""
    began = np.full(len(came), np.nan)
    ends: list[float] = []
    line: list[int] = []
    for i, now in enumerate(came):
        _serve(now, began, service, ends, line, servers, last_in)
        if len(ends) < servers:
            began[i] = now
            heapq.heappush(ends, now + service[i])
        elif len(line) < room:
            line.append(i)
    _serve(np.inf, began, service, ends, line, servers, last_in)
    return began


def _serve(until: float, began: Any, service: Any, ends: list[float], line: list[int], servers: int,
           last_in: bool) -> None:
    """Let servers that become free before `until` take whoever waits."""
    while ends and ends[0] <= until:
        now = heapq.heappop(ends)
        if line:
            i = line.pop() if last_in else line.pop(0)
            began[i] = now
            heapq.heappush(ends, now + service[i])
