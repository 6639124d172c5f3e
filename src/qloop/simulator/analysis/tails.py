"""What a mean hides: sessions that did not finish, and the few that took far longer than the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.analysis.measures import NS
from qloop.simulator.analysis.statistics import Floats
from qloop.simulator.platform import result as r

AT = (0.5, 0.75, 0.95, 0.99)
PARTS = ("waiting for QPUs", "on QPUs with a result", "lost attempts", "classical", "transfer and cold starts")


@dataclass(frozen=True, slots=True)
class Censoring:
    """Admitted sessions that were open at the end of their run, and what that does to quantiles.

    `finished` has the quantiles AT of the sessions that finished, in s; `corrected` those of all sessions by Kaplan
    and Meier (1958), nan where too few finished to tell. `oldest_s` is the age of the oldest open one.
    """

    admitted: int
    censored: int
    oldest_s: float
    finished: tuple[float, ...]
    corrected: tuple[float, ...]

    @property
    def share(self) -> float:
        """The part of the admitted sessions that was open."""
        return self.censored / self.admitted if self.admitted else float("nan")

    def verdict(self) -> str:
        """Whether quantiles of the finished sessions may be quoted."""
        if not self.censored:
            return "All admitted sessions finished: no quantile is censored"
        told = f"{self.share:.1%} of the admitted sessions had not finished, the oldest after {self.oldest_s:,.0f} s"
        wrong = [f"p{100 * at:g}" for at, naive, true in zip(AT, self.finished, self.corrected, strict=True)
                 if not true <= 1.02 * naive]
        if not wrong:
            return f"{told}; quantiles change by less than 2 % for it"
        return f"{told}; {', '.join(wrong)} of those that finished {'is' if len(wrong) == 1 else 'are'} too low"


@dataclass(frozen=True, slots=True)
class Outlier:
    """A session beyond the whisker: where it is, what it was, and where its time went (seconds by PARTS)."""

    replication: int
    session: int
    tenant: str
    size: int
    arrival_s: float
    time_s: float
    parts_s: tuple[float, ...]

    @property
    def cause(self) -> str:
        """The largest part of its time."""
        return PARTS[int(np.argmax(self.parts_s))]


@dataclass(frozen=True, slots=True)
class Outliers:
    """Sessions above the upper whisker p75 + 1.5 (p75 - p25) of all: how many of how many, and the worst of them."""

    whisker_s: float
    count: int
    finished: int
    worst: tuple[Outlier, ...]


def censoring(replications: Sequence[r.Replication]) -> Censoring:
    """The sessions that count, of all replications together; failed and expired ones are neither."""
    time, done = _lifetimes(replications)
    naive = tuple(float(np.quantile(time[done], at)) if done.any() else float("nan") for at in AT)
    return Censoring(len(time), int((~done).sum()), float(time[~done].max(initial=0.0)), naive,
                     tuple(float(value) for value in kaplan_meier(time, done, np.array(AT))))


def kaplan_meier(time: Floats, ended: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], at: Floats) -> Floats:
    """Quantiles of times of which some were only seen to exceed a value; nan beyond what is known.

    The product-limit estimate: the first time by which the part that survives is at most 1 - at.
    """
    order = np.lexsort((~ended, time))                      # at equal times ends come before censorings
    ordered, ends = time[order], ended[order]
    at_risk = np.arange(len(ordered), 0, -1)
    survive = np.cumprod(1.0 - ends / np.maximum(at_risk, 1))
    place = np.searchsorted(-survive, -(1.0 - at) - 1e-12)
    padded = np.append(ordered, np.nan)
    return np.asarray(padded[place], np.float64)


def outliers(replications: Sequence[r.Replication], most: int = 10) -> Outliers:
    """The slowest sessions of all replications, up to `most` of them, the worst first."""
    if most < 0:
        raise InvalidInput(f"{most} outliers are asked for", "", "Give a number of at least 0")
    chosen = [np.flatnonzero(one.measured()) for one in replications]
    run = np.repeat(np.arange(len(replications)), [len(rows) for rows in chosen])
    row = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    times = [(one.left_ns - one.arrival_ns)[rows] / NS for one, rows in zip(replications, chosen, strict=True)]
    time = np.concatenate(times) if times else np.zeros(0)
    if not len(time):
        return Outliers(float("nan"), 0, 0, ())
    low, high = np.quantile(time, (0.25, 0.75))
    whisker = float(high + 1.5 * (high - low))
    beyond = np.flatnonzero(time > whisker)
    worst = beyond[np.argsort(-time[beyond], kind="stable")[:most]]
    return Outliers(whisker, len(beyond), len(time), tuple(_outlier(replications[run[n]], int(row[n])) for n in worst))


def _outlier(run: r.Replication, n: int) -> Outlier:
    parts = (run.waited_ns, run.served_ns - run.lost_ns, run.lost_ns, run.classical_ns, run.delayed_ns)
    return Outlier(run.number, n, run.scenario.tenants[int(run.tenant[n])].name, int(run.size[n]),
                   float(run.arrival_ns[n] / NS), float((run.left_ns[n] - run.arrival_ns[n]) / NS),
                   tuple(float(part[n] / NS) for part in parts))


def _lifetimes(replications: Sequence[r.Replication]) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """How long each session took or has been open, and whether it finished."""
    times, ends = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for one in replications:
        kept = one.counted() & ((one.outcome == r.DONE) | (one.outcome == r.OPEN))
        done = one.outcome[kept] == r.DONE
        until = np.where(done, one.left_ns[kept], one.horizon_ns)
        times.append((until - one.arrival_ns[kept]) / NS)
        ends.append(done)
    return np.concatenate(times), np.concatenate(ends)
