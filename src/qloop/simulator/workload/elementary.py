"""Distributions whose inverse is a formula of elementary functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.workload.family import Floats, bounded


@dataclass(frozen=True)
class Constant:
    """Always the same value."""

    kind: ClassVar[str] = "constant"
    value: float

    def __post_init__(self) -> None:
        bounded(self.kind, "value", self.value, 0.0)

    @property
    def mean(self) -> float:
        """The value."""
        return self.value

    @property
    def variance(self) -> float:
        """None: 0."""
        return 0.0

    def quantile(self, u: Floats) -> Floats:
        """The value, whatever u."""
        return np.full(np.shape(u), float(self.value))

    def cdf(self, x: Floats) -> Floats:
        """A step from 0 to 1."""
        return np.where(np.asarray(x) >= self.value, 1.0, 0.0)


@dataclass(frozen=True)
class Exponential:
    """Without memory: P(X > x) = exp(-x / mean)."""

    kind: ClassVar[str] = "exponential"
    mean: float

    def __post_init__(self) -> None:
        bounded(self.kind, "mean", self.mean)

    @property
    def variance(self) -> float:
        """The square of the mean."""
        return self.mean**2

    def quantile(self, u: Floats) -> Floats:
        """-mean log(1 - u)."""
        drawn: Floats = -np.log1p(-u) * self.mean
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """1 - exp(-x / mean)."""
        found: Floats = -np.expm1(-np.maximum(x, 0.0) / self.mean)
        return found


@dataclass(frozen=True)
class Uniform:
    """Equally likely from low to high."""

    kind: ClassVar[str] = "uniform"
    low: float
    high: float

    def __post_init__(self) -> None:
        bounded(self.kind, "low", self.low, 0.0)
        bounded(self.kind, "high", self.high)
        if self.low >= self.high:
            raise InvalidInput(f"low of the uniform distribution is {self.low!r} and high is {self.high!r}", "",
                               "Give a low below the high")

    @property
    def mean(self) -> float:
        """The middle."""
        return 0.5 * (self.low + self.high)

    @property
    def variance(self) -> float:
        """A twelfth of the square of the width."""
        return float((self.high - self.low) ** 2 / 12.0)

    def quantile(self, u: Floats) -> Floats:
        """On the line from low to high."""
        return self.low + u * (self.high - self.low)

    def cdf(self, x: Floats) -> Floats:
        """The share of the width below x."""
        found: Floats = np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)
        return found


@dataclass(frozen=True)
class Weibull:
    """P(X > x) = exp(-(x / scale)^shape); a shape below 1 has a heavy tail, 1 is exponential, above 1 wears out."""

    kind: ClassVar[str] = "weibull"
    mean: float
    shape: float

    def __post_init__(self) -> None:
        bounded(self.kind, "mean", self.mean)
        bounded(self.kind, "shape", self.shape, 0.1, 1e3)

    @property
    def scale(self) -> float:
        """mean / Gamma(1 + 1 / shape)."""
        return self.mean / math.gamma(1.0 + 1.0 / self.shape)

    @property
    def variance(self) -> float:
        """scale^2 Gamma(1 + 2 / shape) - mean^2."""
        return self.scale**2 * math.gamma(1.0 + 2.0 / self.shape) - self.mean**2

    def quantile(self, u: Floats) -> Floats:
        """scale (-log(1 - u))^(1 / shape)."""
        drawn: Floats = self.scale * (-np.log1p(-u)) ** (1.0 / self.shape)
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """1 - exp(-(x / scale)^shape)."""
        found: Floats = -np.expm1(-((np.maximum(x, 0.0) / self.scale) ** self.shape))
        return found


@dataclass(frozen=True)
class Pareto:
    """P(X > x) = (least / x)^shape from the least value on; the variance is infinite up to a shape of 2."""

    kind: ClassVar[str] = "pareto"
    mean: float
    shape: float

    def __post_init__(self) -> None:
        bounded(self.kind, "mean", self.mean)
        bounded(self.kind, "shape", self.shape, 1.01, 1e3)

    @property
    def least(self) -> float:
        """The smallest value: mean (shape - 1) / shape."""
        return self.mean * (self.shape - 1.0) / self.shape

    @property
    def variance(self) -> float:
        """least^2 shape / ((shape - 1)^2 (shape - 2))."""
        a = self.shape
        return float(self.least**2 * a / ((a - 1.0) ** 2 * (a - 2.0))) if a > 2.0 else math.inf

    def quantile(self, u: Floats) -> Floats:
        """least (1 - u)^(-1 / shape)."""
        drawn: Floats = self.least * np.exp(-np.log1p(-u) / self.shape)
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """1 - (least / x)^shape."""
        found: Floats = -np.expm1(-self.shape * np.log(np.maximum(x, self.least) / self.least))
        return found


@dataclass(frozen=True)
class Geometric:
    """Whole numbers from 1 on: the tries until one succeeds, with probability 1 / mean each."""

    kind: ClassVar[str] = "geometric"
    mean: float

    def __post_init__(self) -> None:
        bounded(self.kind, "mean", self.mean, 1.0, 1e9)

    @property
    def variance(self) -> float:
        """mean (mean - 1)."""
        return self.mean * (self.mean - 1.0)

    def quantile(self, u: Floats) -> Floats:
        """The smallest k with 1 - (1 - p)^k >= u."""
        if self.mean == 1.0:
            return np.ones(np.shape(u))
        drawn: Floats = np.maximum(np.ceil(np.log1p(-u) / math.log1p(-1.0 / self.mean)), 1.0)
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """1 - (1 - p)^k for the whole number k below x."""
        if self.mean == 1.0:
            return np.where(np.asarray(x) >= 1.0, 1.0, 0.0)
        found: Floats = -np.expm1(np.floor(np.maximum(x, 0.0)) * math.log1p(-1.0 / self.mean))
        return found
