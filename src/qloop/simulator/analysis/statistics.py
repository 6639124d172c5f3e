"""How sure a number is: Student intervals over replications, quantiles by order statistics and by batches, shares.

Replications are independent, so what each says is one observation. Observations within a replication are not: their
intervals are taken over batches long enough to forget each other (Law, Simulation Modeling and Analysis, 2015, ch. 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

Floats = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval at `level`, from `n` observations; low and high are nan where n is too small.

    `missing` observations were nan: a replication in which the quantity does not exist.
    """

    mean: float
    low: float
    high: float
    level: float
    n: int
    missing: int = 0

    @property
    def half(self) -> float:
        """Half of the width."""
        return 0.5 * (self.high - self.low)

    @property
    def relative(self) -> float:
        """Half of the width per mean; nan for a mean of 0."""
        return self.half / abs(self.mean) if self.mean else float("nan")

    def __str__(self) -> str:
        if not np.isfinite(self.half):
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]"


def checked_level(level: float) -> float:
    """The level; InvalidInput unless it lies between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise InvalidInput(f"The confidence level is {level!r}", "", "Give a number between 0 and 1, such as 0.95")
    return level


def student(values: Sequence[float] | Floats, level: float = LEVEL) -> Interval:
    """The mean of independent observations with Student's interval: mean +- t sd / sqrt(n)."""
    checked_level(level)
    known, missing = _known(values)
    mean, half = mean_and_half(known, level)
    return Interval(mean, mean - half, mean + half, level, len(known), missing)


def mean_and_half(values: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The mean of independent values and half of Student's interval; nan where there are too few."""
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        return (float(values[0]) if n else float("nan")), float("nan")
    # Equal values have no spread; their mean and standard deviation would have one in the last bit.
    if np.all(values == values[0]):
        return float(values[0]), 0.0
    return float(values.mean()), float(stdtrit(n - 1, 0.5 + level / 2) * values.std(ddof=1) / n**0.5)


def share(count: int, n: int, level: float = LEVEL) -> Interval:
    """A probability seen `count` times in `n` independent trials, with the interval of Clopper and Pearson (1934).

    It covers at least with `level`, for every n and every probability. Not for refusals within one replication: these
    depend on each other.
    """
    from scipy.stats import beta

    checked_level(level)
    if not 0 <= count <= n or n == 0:
        raise InvalidInput(f"{count} of {n} trials is no share", "", "Give at least one trial, and a part of them")
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, count, n - count + 1)) if count else 0.0
    high = float(beta.ppf(1.0 - tail, count + 1, n - count)) if count < n else 1.0
    return Interval(count / n, low, high, level, n)


def quantile(values: Sequence[float] | Floats, at: float, level: float = LEVEL) -> Interval:
    """A quantile of independent observations; low and high are order statistics, whatever the distribution.

    The number of observations below the true quantile is binomial(n, at): the interval leaves out at most half of
    1 - level on either side (David and Nagaraja, Order Statistics, 2003, 7.1). An end that would lie beyond the
    smallest or largest observation is infinite: n is too small for it.
    """
    from scipy.stats import binom

    checked_level(level)
    if not 0.0 < at < 1.0:
        raise InvalidInput(f"The quantile at {at!r} is asked for", "", "Give a number between 0 and 1")
    known, missing = _known(values)
    n = len(known)
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), level, 0, missing)
    order, tail = np.sort(known), (1.0 - level) / 2.0
    # P(X_(k) > q) = P(B < k): the largest k with at most `tail`, and the smallest k with P(B >= k) at most that
    below = int(binom.ppf(tail, n, at))
    below -= int(binom.cdf(below - 1, n, at) > tail)
    above = int(binom.isf(tail, n, at)) + 1
    return Interval(float(np.quantile(known, at)), float(order[below - 1]) if below > 0 else -np.inf,
                    float(order[above - 1]) if above <= n else np.inf, level, n, missing)


def quantile_of_groups(groups: Sequence[Floats], at: float, level: float = LEVEL) -> Interval:
    """A quantile of all observations together, with Student's interval of the same quantile in each group.

    Groups are replications or sets of them: independent of each other, dependent inside. Groups should be long enough
    for their quantile, some 10 / (1 - at) observations, else it is biased.
    """
    filled = [np.asarray(group, np.float64) for group in groups if len(group)]
    if not filled:
        return student([], level)
    parts = student([float(np.quantile(group, at)) for group in filled], level)
    pooled = float(np.quantile(np.concatenate(filled), at))
    return Interval(pooled, pooled - parts.half, pooled + parts.half, level, len(filled), len(groups) - len(filled))


def batches(series: Sequence[float] | Floats, count: int = 20, level: float = LEVEL) -> Interval:
    """The mean of one long stationary series in its order, with the interval of the means of `count` batches.

    The observations left over at the begin, fewer than `count`, are dropped.
    """
    values = np.asarray(series, np.float64)
    if count < 2 or len(values) < 2 * count:
        raise InvalidInput(f"{len(values)} observations are to make {count} batches", "",
                           "Give at least 2 batches and twice as many observations")
    size = len(values) // count
    return student(values[len(values) - size * count:].reshape(count, size).mean(axis=1), level)


def needed(values: Sequence[float] | Floats, half: float, level: float = LEVEL) -> int:
    """How many replications would bring half of the interval's width to `half`, by the sd seen so far."""
    now = student(values, level)
    if not half > 0.0:
        raise InvalidInput(f"Half of the width is to be {half!r}", "", "Give a number above 0")
    if now.n < 2:
        raise InvalidInput(f"{now.n} observations say nothing of their spread", "", "Give at least 2")
    return max(2, int(np.ceil(now.n * (now.half / half) ** 2)))


def _known(values: Any) -> tuple[Floats, int]:
    """What is a number, and how many are not."""
    given = np.asarray(values, np.float64)
    known = given[~np.isnan(given)]
    return known, len(given) - len(known)
