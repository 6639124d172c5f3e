"""Quantiles with intervals, paired between points, and with the sessions that a run leaves unfinished.

Intervals are those of ten groups of replications (Student's t). Two points that meet the same sessions are compared
group by group. Quantiles with unfinished sessions are those of Kaplan and Meier (1958): a session that was in the
system for a time when the run ended is known to take at least that time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.analysis.tails import kaplan_meier, product_limit
from qloop.simulator.paper.run import Estimate, Floats, estimate
from qloop.simulator.paper.sample import OPEN, Sample

GROUPS = 10
Mask = NDArray[np.bool_]
Statistic = Callable[[Sample, Mask], float]     # of the admitted sessions that are chosen


def quantile(share: float, counting: str = "compatible") -> Statistic:
    """A quantile of the execution times (s) of the finished sessions."""
    def found(sample: Sample, chosen: Mask) -> float:
        times = sample.column("time_ns")[chosen & sample.finished(counting)]
        return float(np.quantile(times, share)) * 1e-9 if len(times) else float("nan")
    return found


def mean_time(sample: Sample, chosen: Mask) -> float:
    """The mean execution time (s) of the finished sessions."""
    times = sample.column("time_ns")[chosen & sample.finished()]
    return float(times.mean()) * 1e-9 if len(times) else float("nan")


def longest(sample: Sample, chosen: Mask) -> float:
    """The longest execution time (s) of a replication, averaged over replications: it does not grow with their number.
    """
    counted = chosen & sample.finished()
    times = np.zeros(len(sample))
    np.maximum.at(times, sample.replication[counted], sample.column("time_ns")[counted] * 1e-9)
    seen = times > 0.0
    return float(times[seen].mean()) if seen.any() else float("nan")


def outliers(sample: Sample, chosen: Mask) -> float:
    """The part of the finished sessions beyond the upper whisker, 1.5 interquartile ranges above the box."""
    times = sample.column("time_ns")[chosen & sample.finished()]
    if not len(times):
        return float("nan")
    low, high = np.quantile(times, (0.25, 0.75))
    return float((times > high + 1.5 * (high - low)).mean())


def surviving(sample: Sample, chosen: Mask) -> tuple[Floats, Floats]:
    """Times (s) at which sessions ended, rising, and the part that takes longer (Kaplan and Meier).

    Of the sessions that arrived after the warm-up; the unfinished ones count for as long as they are known to take.
    """
    return product_limit(*_known(sample, chosen))


def censored_quantile(share: float) -> Statistic:
    """A quantile (s) with the unfinished sessions; if the run is too short to tell, the longest time that it knows."""
    def found(sample: Sample, chosen: Mask) -> float:
        times, ended = _known(sample, chosen)
        (value,) = kaplan_meier(times, ended, np.array([share]))
        return float(times[ended].max() if np.isnan(value) and ended.any() else value)
    return found


def tells(share: float, sample: Sample) -> bool:
    """Whether the run is long enough to tell this quantile of all sessions, the unfinished ones included."""
    return not np.isnan(kaplan_meier(*_known(sample, _all(sample)), np.array([share]))).any()


def measure(statistic: Statistic, sample: Sample, chosen: Mask | None = None) -> Estimate:
    """A statistic of all replications, with its interval."""
    mask = _all(sample) if chosen is None else chosen
    parts = [statistic(sample, mask & group) for group in _groups(sample, len(sample))]
    return Estimate(statistic(sample, mask), estimate(np.array(parts)).half)


def ratio(statistic: Statistic, one: Sample, other: Sample) -> Estimate:
    """How much larger a statistic is at one point than at the other, less 1: .1 is 10 % more. Paired by replication."""
    count = min(len(one), len(other))
    return _relative([(statistic(one, first), statistic(other, second)) for first, second in
                      zip(_groups(one, count), _groups(other, count), strict=True)],
                     (statistic(one, _before(one, count)), statistic(other, _before(other, count))))


def excess(statistic: Statistic, base: Statistic, sample: Sample) -> Estimate:
    """How much larger one statistic is than another of the same sessions, less 1.

    They depend on each other: the interval is that of their ratio in each group, in which what they share cancels.
    """
    whole = _all(sample)
    return _relative([(statistic(sample, group), base(sample, group)) for group in _groups(sample, len(sample))],
                     (statistic(sample, whole), base(sample, whole)))


def _relative(parts: list[tuple[float, float]], pooled: tuple[float, float]) -> Estimate:
    """The first over the second, less 1: of all replications, with the interval of the groups' ratios."""
    return Estimate(pooled[0] / pooled[1] - 1.0, estimate(np.array([one / other - 1.0 for one, other in parts])).half)


def difference(ours: Floats, theirs: Floats) -> Estimate:
    """The mean difference of two rows of numbers, paired by replication."""
    count = min(len(ours), len(theirs))
    return estimate(ours[:count] - theirs[:count])


def only(sample: Sample, **wanted: int) -> Mask:
    """The admitted sessions of a size or priority."""
    chosen = _all(sample)
    for name, value in wanted.items():
        chosen &= sample.column(name) == value
    return chosen


def _known(sample: Sample, chosen: Mask) -> tuple[Floats, Mask]:
    """How long each session that arrived after the warm-up took, or was seen (s), and whether it ended."""
    late = chosen & (sample.column("arrival_ns") >= round(sample.model.warmup_s * 1e9))
    took = sample.column("time_ns")[late]
    ended = took != OPEN
    return np.where(ended, took * 1e-9, sample.ages_s()[late]), ended


def _all(sample: Sample) -> Mask:
    return np.ones(len(sample.replication), np.bool_)


def _before(sample: Sample, count: int) -> Mask:
    """The admitted sessions of the first replications."""
    return np.asarray(sample.replication < count)


def _groups(sample: Sample, count: int) -> list[Mask]:
    """The admitted sessions of the first `count` replications in groups, each of every tenth replication."""
    groups = min(GROUPS, count)
    inside = _before(sample, count)
    return [inside & (sample.replication % groups == group) for group in range(groups)]
