"""How long the start-up transient lasts, and how much a result depends on the warm-up and the length of the runs.

A platform starts empty. What is measured before it has filled is not its steady state: in the paper's C study most of
the fall and rise of the drop probability was this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.measures import MEASURES, measures
from qloop.simulator.analysis.statistics import LEVEL, Floats, Interval, student
from qloop.simulator.platform import result as r

BATCH = 5
BINS = 500
# what depends on sessions alone, so that it can be read off a part of a run
OF_SESSIONS = frozenset({
    "arrivals", "drop", "admitted", "finished", "failed", "expired", "censored", "censored_share", "throughput",
    "waited", "service_mean", "classical_mean", "transfer_mean", "gap_mean", "gap_wait", "loss_mean", "epochs_mean",
    *(name for name in MEASURES if name.startswith(("time_", "wait_"))),
    "service_share", "classical_share", "transfer_share"})


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Where MSER-5 cuts the open sessions over time: `seconds`; `found` is False if they do not settle in half of it.

    `times_s` and `open_sessions` are the bins it looked at (mean over replications), for Welch's figure.
    """

    seconds: float
    found: bool
    times_s: Floats
    open_sessions: Floats

    def verdict(self, warmup_s: float) -> str:
        """Whether a warm-up of this length covers the transient."""
        if not self.found:
            return ("The open sessions have not settled within half of the run: it is too short for a steady state, "
                    "or there is none (more arrives than can be served)")
        ends = f"The transient ends about {self.seconds:,.0f} s after the start"
        if self.seconds <= warmup_s:
            return f"{ends}; the warm-up of {warmup_s:,.0f} s covers it"
        return f"{ends}; the warm-up of {warmup_s:,.0f} s is too short"


@dataclass(frozen=True, slots=True)
class Setting:
    """A quantity with another warm-up or run length, and its difference to that of the whole runs, paired."""

    warmup_s: float
    duration_s: float
    value: Interval
    change: Interval


def mser(series: Floats, batch: int = BATCH, *, first_half: bool = False) -> int | None:
    """How many observations of the begin MSER cuts off; None if the best cut is half of the series or more.

    `first_half`: the best of the cuts within the first half, wherever the best of all is.

    The cut d minimises the squared error of the rest's mean, sum_(i>d) (x_i - mean)^2 / (n - d)^2, over means of
    `batch` observations (White, 1997: MSER-5).
    """
    n = len(series) // batch
    if n < 10:
        raise InvalidInput(f"{len(series)} observations are too few to find a transient", "",
                           f"Give at least {10 * batch}")
    means = np.asarray(series[:n * batch], np.float64).reshape(n, batch).mean(axis=1)
    means = means - means.mean()                            # small numbers: the sums below lose no digits
    left = np.arange(n, 0, -1)
    total, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1]**2)[::-1]
    error = (np.maximum(squares - total**2 / left, 0.0) / left**2)[:n - batch]
    cut = int(np.argmin(error[:n // 2] if first_half else error))
    return cut * batch if cut < n // 2 else None


def welch(runs: Floats, window: int) -> Floats:
    """Welch's curve: the mean over replications (rows), smoothed by a moving average of up to 2 window + 1.

    Near the begin the average is over as many on the left as there are, and equally many on the right; the last
    `window` observations are left out (Welch, 1983).
    """
    mean = np.asarray(runs, np.float64).mean(axis=0)
    if not 0 <= 2 * window < len(mean):
        raise InvalidInput(f"The window of {window} does not fit into {len(mean)} observations", "",
                           "Give less than half as many")
    sums = np.concatenate(([0.0], np.cumsum(mean)))
    at = np.arange(len(mean) - window)
    reach = np.minimum(at, window)
    return np.asarray((sums[at + reach + 1] - sums[at - reach]) / (2 * reach + 1), np.float64)


def transient(replications: Sequence[r.Replication], bins: int = BINS) -> WarmUp:
    """Where the open sessions have settled, by MSER-5 on their mean over replications.

    MSER cuts late where a long memory makes the mean wander. A cut beyond the half is believed only if the third and
    the fourth quarter differ, paired by replication; else the best cut within the first half is taken.
    """
    if not replications:
        raise InvalidInput("There are no replications to look at", "", "Give at least one")
    curves = np.array([open_sessions(one, bins) for one in replications])
    curve = np.asarray(curves.mean(axis=0), np.float64)
    width = replications[0].scenario.duration_s / bins
    cut = mser(curve)
    if cut is None and len(curves) > 1 and not _moving(curves):
        cut = mser(curve, first_half=True)
    middles = np.linspace(0.5, bins - 0.5, bins) * width
    return WarmUp((cut if cut is not None else bins) * width, cut is not None, middles, curve)


def _moving(curves: Floats) -> bool:
    """Whether the last quarter of the runs differs from the one before."""
    quarter = curves.shape[1] // 4
    change = student(curves[:, -quarter:].mean(axis=1) - curves[:, -2 * quarter:-quarter].mean(axis=1))
    return change.low > 0.0 or change.high < 0.0


def open_sessions(replication: r.Replication, bins: int = BINS) -> Floats:
    """The open sessions, averaged over each of equal parts of the run."""
    admitted = replication.outcome != r.REFUSED
    came = replication.arrival_ns[admitted].astype(np.float64)
    left = np.where(replication.outcome == r.OPEN, replication.horizon_ns, replication.left_ns)[admitted]
    edges = np.linspace(0.0, replication.horizon_ns, bins + 1)
    inside = _time_before(edges, came) - _time_before(edges, left.astype(np.float64))
    return np.asarray(np.diff(inside) / np.diff(edges), np.float64)


def part_of(replication: r.Replication, warmup_s: float, duration_s: float) -> r.Replication:
    """The run as it would have been with this warm-up and length, as far as its sessions tell (OF_SESSIONS).

    A shorter run is the begin of a longer one, since draws do not depend on the length.
    """
    whole = replication.scenario.duration_s
    if not 0.0 <= warmup_s < duration_s <= whole:
        raise InvalidInput(f"A part of {duration_s:g} s with a warm-up of {warmup_s:g} s is no part of a run of "
                           f"{whole:g} s", "", "Give a warm-up below the length, and at most the length of the run")
    end = round(duration_s * 1e9)
    inside = replication.arrival_ns < end
    columns: dict[str, Any] = {field.name: value[inside] for field in dataclasses.fields(replication)
               if isinstance(value := getattr(replication, field.name), np.ndarray)
               and field.name not in ("qpus", "areas", "waits", "log")}
    still = (columns["left_ns"] >= end) & (columns["outcome"] != r.REFUSED)
    columns["outcome"] = np.where(still, r.OPEN, columns["outcome"])
    columns["left_ns"] = np.where(still, -1, columns["left_ns"])
    scenario = dataclasses.replace(replication.scenario, warmup_s=warmup_s, duration_s=duration_s)
    return dataclasses.replace(replication, scenario=scenario, **columns)


def sensitivity(replications: Sequence[r.Replication], quantity: str, warmups_s: Sequence[float] = (),
                lengths_s: Sequence[float] = (), level: float = LEVEL) -> list[Setting]:
    """The quantity for each of other warm-ups (whole length) and lengths (same part of warm-up), with intervals.

    By default warm-ups of 0, 5, 10, 20, 30 and 50 % of the run, and lengths of 25, 50 and 75 %. `quantity` is one of
    OF_SESSIONS.
    """
    if quantity not in OF_SESSIONS:
        raise UnknownName("quantity of sessions alone", quantity, OF_SESSIONS)
    if not replications:
        raise InvalidInput("There are no replications to look at", "", "Give at least two")
    scenario = replications[0].scenario
    whole, warm = scenario.duration_s, scenario.warmup_s
    settings = [(one, whole) for one in warmups_s or [whole * part for part in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)]]
    settings += [(warm * one / whole, one) for one in lengths_s or [whole * part for part in (0.25, 0.5, 0.75)]]
    now = np.array([measures(one)[quantity] for one in replications])
    found = []
    for warmup, length in settings:
        values = np.array([measures(part_of(one, warmup, length))[quantity] for one in replications])
        found.append(Setting(warmup, length, student(values, level), student(values - now, level)))
    return found


def _time_before(edges: Floats, moments: Floats) -> Floats:
    """For each edge e: the sum over moments of max(0, e - moment)."""
    ordered = np.sort(moments)
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    count = np.searchsorted(ordered, edges)
    return np.asarray(edges * count - sums[count], np.float64)
