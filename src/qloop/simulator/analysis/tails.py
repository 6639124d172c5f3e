"""What a mean hides: sessions that did not finish, and the few that took far longer than the others.

A session that is open, failed or expired is known to take longer than it did: it is censored at that time (Kaplan and
Meier, 1958). For those that failed this asks what times would be if failures came to slow and fast ones alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.analysis.measures import NS, SHARES, distribution
from qloop.simulator.analysis.statistics import Floats
from qloop.simulator.platform import result as r

Mask = NDArray[np.bool_]
TOLERANCE = 1e-12   # of products that are exact fractions: 4/5 * 5/8 is to be 1/2
AT = (0.5, 0.75, 0.95, 0.99)
PARTS = ("waiting for QPUs", "on QPUs with a result", "lost attempts", "classical", "transfer and cold starts")


@dataclass(frozen=True, slots=True)
class Censoring:
    """Admitted sessions that did not finish in their run, and what that does to quantiles.

    `censored` were open at its end, the oldest of them for `oldest_s`; `stopped` failed or expired. `finished` has the
    quantiles AT of the sessions that finished, in s; `corrected` those of all admitted sessions by Kaplan and Meier
    (1958), nan where too few finished to tell.
    """

    admitted: int
    censored: int
    oldest_s: float
    finished: tuple[float, ...]
    corrected: tuple[float, ...]
    stopped: int = 0

    @property
    def share(self) -> float:
        """The part of the admitted sessions that was open."""
        return self.censored / self.admitted if self.admitted else float("nan")

    @property
    def unfinished(self) -> float:
        """The part of the admitted sessions that was open, failed or expired."""
        return (self.censored + self.stopped) / self.admitted if self.admitted else float("nan")

    def verdict(self) -> str:
        """Whether quantiles of the finished sessions may be quoted."""
        if not self.censored and not self.stopped:
            return "All admitted sessions finished: no quantile is censored"
        told = []
        if self.censored:
            told.append(f"{self.share:.1%} of the admitted sessions had not finished, the oldest after "
                        f"{self.oldest_s:,.0f} s")
        if self.stopped:
            told.append(f"{self.stopped / self.admitted:.1%} of the admitted sessions failed or expired")
        wrong = [f"p{100 * at:g}" for at, naive, true in zip(AT, self.finished, self.corrected, strict=True)
                 if not true <= 1.02 * naive]
        told.append("quantiles change by less than 2 % for it" if not wrong else
                    f"{', '.join(wrong)} of those that finished {'is' if len(wrong) == 1 else 'are'} too low")
        return "; ".join(told)


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
    """The admitted sessions that count, of all replications together."""
    rows = [lifetimes(one) for one in replications]
    time, done = (np.concatenate([np.zeros(0, kind), *(row[n] for row in rows)]) for n, kind in enumerate("d?"))
    was_open = np.concatenate([np.zeros(0, "?"), *(one.outcome[_admitted(one)] == r.OPEN for one in replications)])
    naive = tuple(float(np.quantile(time[done], at)) if done.any() else float("nan") for at in AT)
    return Censoring(len(time), int(was_open.sum()), float(time[was_open].max(initial=0.0)), naive,
                     tuple(float(value) for value in kaplan_meier(time, done, np.array(AT))),
                     int((~done & ~was_open).sum()))


def lifetimes(replication: r.Replication) -> tuple[Floats, Mask]:
    """How long each admitted session that counts took or was seen (s), and whether it finished."""
    kept = _admitted(replication)
    until = np.where(replication.outcome == r.OPEN, replication.horizon_ns, replication.left_ns)
    return (until - replication.arrival_ns)[kept] / NS, replication.outcome[kept] == r.DONE


def product_limit(time: Floats, ended: Mask) -> tuple[Floats, Floats]:
    """The times at which something ended, rising, and the part that takes longer (Kaplan and Meier, 1958).

    `time` where `ended` is False was only seen to be exceeded. At equal times, ends come before those last seen.
    """
    order = np.lexsort((~ended, time))
    ends = ended[order]
    left = np.cumprod(1.0 - ends / np.arange(len(ends), 0, -1))
    return np.asarray(time[order][ends], np.float64), np.asarray(left[ends], np.float64)


def kaplan_meier(time: Floats, ended: Mask, at: Floats) -> Floats:
    """Quantiles of times of which some were only seen to exceed a value; nan beyond what is known.

    The product-limit estimate: the first time by which the part that survives is at most 1 - at.
    """
    times, left = product_limit(time, ended)
    place = np.searchsorted(-left, -(1.0 - at) - TOLERANCE)
    return np.asarray(np.append(times, np.nan)[place], np.float64)


def with_unfinished(replication: r.Replication) -> dict[str, float]:
    """The measures time_* and wait_* of all admitted sessions, not only of those that finished; s.

    Quantiles of time are those of Kaplan and Meier, nan where they are not reached. Their mean is the area under the
    same curve, which goes on as an exponential one beyond the longest time seen (Brown, Hollander and Korwar, 1974);
    the largest is a lower bound. Waits are those so far, where this is more than those of the finished sessions say.
    """
    time, ended = lifetimes(replication)
    quantiles = kaplan_meier(time, ended, np.array(SHARES) / 100.0)
    found = {f"time_p{share}": float(value) for share, value in zip(SHARES, quantiles, strict=True)}
    found |= {"time_mean": _mean(time, ended), "time_max": float(time.max()) if len(time) else float("nan")}
    so_far = replication.waited_ns[_admitted(replication)] / NS
    finished = replication.waited_ns[replication.measured()] / NS
    waits = distribution("wait", so_far), distribution("wait", finished)
    return found | {name: float(np.fmax(value, waits[1][name])) for name, value in waits[0].items()}


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


def _admitted(replication: r.Replication) -> Mask:
    """The sessions that count and were not refused."""
    return np.asarray(replication.counted() & (replication.outcome != r.REFUSED))


def _mean(time: Floats, ended: Mask) -> float:
    """The area under the survival curve, with an exponential tail through its last point; nan if nothing ended."""
    times, left = product_limit(time, ended)
    if not len(left):
        return float("nan")
    beyond, last = float(left[-1]), float(time.max())
    known = float((np.append(1.0, left) * np.diff(np.append(times, last), prepend=0.0)).sum())
    return known + (float(beyond * last / -np.log(beyond)) if TOLERANCE < beyond < 1.0 else 0.0)
