"""A sample in five numbers, and its cumulative distribution."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

NS = 1e-9


class Distribution(msgspec.Struct, frozen=True):
    """Size, mean and quantiles of a sample (linear interpolation between order statistics); None if it is empty."""

    n: int
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    low: float | None = None
    high: float | None = None


def describe(values: Iterable[float]) -> Distribution:
    """The distribution of these values, in their unit."""
    sample = np.fromiter(values, dtype=np.float64)
    if sample.size == 0:
        return Distribution(0)
    p50, p95, p99 = np.quantile(sample, [0.5, 0.95, 0.99])
    return Distribution(int(sample.size), float(sample.mean()), float(p50), float(p95), float(p99),
                        float(sample.min()), float(sample.max()))


def cdf(values: Iterable[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sorted values x, each with the share of the sample that is at most x."""
    sample = np.sort(np.fromiter(values, dtype=np.float64))
    return sample, np.arange(1, sample.size + 1) / max(sample.size, 1)
