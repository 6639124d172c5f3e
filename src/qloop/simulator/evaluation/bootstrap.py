"""Paired bootstrap: intervals of means, differences and ratios over replications that all policies met alike.

The replications are resampled together, so a difference keeps its pairs (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, ch. 8 and 13: percentile intervals).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.analysis.statistics import LEVEL, Interval, checked_level

Floats = NDArray[np.float64]
RESAMPLES = 2000
SEED = 20_260


def mean(values: Floats, level: float = LEVEL) -> Interval:
    """The mean with its percentile interval; a nan is a replication without the quantity and is left out."""
    known = np.asarray(values, np.float64)
    return _interval(known, lambda chosen: chosen.mean(axis=-1), level)


def difference(a: Floats, b: Floats, level: float = LEVEL) -> Interval:
    """The mean of b - a over the replications that have both, paired by their place."""
    return mean(np.subtract(*_both(b, a)), level)


def reduction(a: Floats, b: Floats, level: float = LEVEL) -> Interval:
    """How much less b is than a, as a part of a: 1 - mean(b) / mean(a), resampled in pairs; nan where mean(a) is 0."""
    left, right = _both(a, b)
    pairs = np.stack([left, right], axis=1)
    return _interval(pairs, lambda chosen: _less(chosen.mean(axis=-2)), level)


def _less(means: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(means[..., 0] > 0.0, 1.0 - means[..., 1] / means[..., 0], np.nan)


def _interval(known: Floats, statistic: object, level: float) -> Interval:
    """The statistic with the quantiles of it over resamples; nan bounds for fewer than two observations."""
    checked_level(level)
    given = len(known)
    known = known[~np.isnan(known).reshape(given, -1).any(axis=1)] if given else known
    n = len(known)
    assert callable(statistic)
    if n < 2:
        return Interval(float(statistic(known)) if n else float("nan"), float("nan"), float("nan"), level, n, given - n)
    chosen = np.random.Generator(np.random.Philox(SEED)).integers(0, n, (RESAMPLES, n))
    found = statistic(known[chosen])
    found = found[np.isfinite(found)]
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(found, [tail, 100.0 - tail]) if len(found) else (np.nan, np.nan)
    return Interval(float(statistic(known)), float(low), float(high), level, n, given - n)


def _both(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The two without the replications that lack either; InvalidInput if they are not equally many."""
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape:
        raise InvalidInput(f"{len(left)} and {len(right)} replications are to be compared",
                           "A comparison is paired: each replication of one with the same of the other",
                           "Run both with the same replications")
    known = ~(np.isnan(left) | np.isnan(right))
    return left[known], right[known]
