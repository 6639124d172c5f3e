"""Comparing two policies on the same random numbers: pair by seed, then bootstrap the pairs.

A difference of paired runs has far less variance than a difference of means, since the load is the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from qloop.errors import InvalidInput

ENOUGH = 30
RESAMPLES = 10_000
_BLOCK = 1_000_000


class Interval(msgspec.Struct, frozen=True):
    """The mean of b - a over n pairs with its 95 % interval, and the change of the mean relative to a.

    `enough` is False below 30 pairs: then the interval is an indication, not evidence.
    """

    n: int
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    relative: float | None
    enough: bool


def pair(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """The values of the keys (seeds, sessions) that both have, in the order of the keys; `InvalidInput` if none."""
    keys = sorted(a.keys() & b.keys())
    if not keys:
        raise InvalidInput("The two samples have no key in common", "Only runs on the same random numbers can be "
                           "paired", "Run both policies with the same seeds")
    return [a[key] for key in keys], [b[key] for key in keys]


def paired_bootstrap(a: Sequence[float], b: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES,
                     level: float = 0.95) -> Interval:
    """The percentile bootstrap interval of the mean of b - a (Efron, 1979); pairs are drawn together.

    The draws come from Philox keyed by `seed`, so the interval is the same everywhere. `InvalidInput` if the samples
    differ in length, are empty, or hold a number that is not finite.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.shape != right.shape or left.ndim != 1 or left.size == 0:
        raise InvalidInput(f"Pairs are needed, not {left.size} and {right.size} values", "",
                           "Give two sequences of the same length, at least 1")
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise InvalidInput("The samples hold a number that is not finite", "", "Leave censored runs out of both")
    difference = right - left
    means = _resampled_means(difference, resamples, np.random.Generator(np.random.Philox(key=seed)))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    before, after = float(left.mean()), float(right.mean())
    return Interval(left.size, before, after, float(difference.mean()), float(low), float(high),
                    (after - before) / abs(before) if before else None, left.size >= ENOUGH)


def _resampled_means(sample: np.ndarray[tuple[int, ...], np.dtype[np.float64]], resamples: int,
                     draws: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Means of `resamples` resamples, drawn in blocks of bounded memory."""
    means = np.empty(resamples)
    rows = max(1, _BLOCK // sample.size)
    for first in range(0, resamples, rows):
        last = min(first + rows, resamples)
        means[first:last] = sample[draws.integers(0, sample.size, (last - first, sample.size))].mean(axis=1)
    return means
