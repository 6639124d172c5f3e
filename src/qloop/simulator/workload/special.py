"""Distributions whose inverse needs a special function: gamma, log-normal, normal cut at its ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.workload.family import LARGEST, Floats, bounded, spread

FARTHEST = 6.0      # how many sd beyond its centre a normal may be cut: a billionth is left


@dataclass(frozen=True)
class Gamma:
    """A sum of exponential stages, of this mean and standard deviation; an sd above the mean is bursty."""

    kind: ClassVar[str] = "gamma"
    mean: float
    sd: float

    def __post_init__(self) -> None:
        spread(self.kind, self.mean, self.sd)

    @property
    def shape(self) -> float:
        """(mean / sd)^2, the number of stages."""
        return float((self.mean / self.sd) ** 2)

    @property
    def variance(self) -> float:
        """The square of the sd."""
        return self.sd**2

    def quantile(self, u: Floats) -> Floats:
        """The inverse of the regularised incomplete gamma function."""
        from scipy.special import gammaincinv
        drawn: Floats = gammaincinv(self.shape, u) * (self.mean / self.shape)
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """The regularised incomplete gamma function."""
        from scipy.special import gammainc
        found: Floats = gammainc(self.shape, np.maximum(x, 0.0) * (self.shape / self.mean))
        return found


@dataclass(frozen=True)
class LogNormal:
    """The exponential of a normal; `mean` and `sd` are those of the variable itself, not of its logarithm."""

    kind: ClassVar[str] = "lognormal"
    mean: float
    sd: float

    def __post_init__(self) -> None:
        spread(self.kind, self.mean, self.sd)

    @property
    def log_sd(self) -> float:
        """The standard deviation of the logarithm."""
        return math.sqrt(math.log1p((self.sd / self.mean) ** 2))

    @property
    def log_mean(self) -> float:
        """The mean of the logarithm."""
        return math.log(self.mean) - 0.5 * self.log_sd**2

    @property
    def variance(self) -> float:
        """The square of the sd."""
        return self.sd**2

    def quantile(self, u: Floats) -> Floats:
        """exp of the normal's quantile."""
        from scipy.special import ndtri
        drawn: Floats = np.exp(self.log_mean + self.log_sd * ndtri(u))
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """The normal's cumulative distribution at log x."""
        from scipy.special import ndtr
        with np.errstate(divide="ignore"):
            found: Floats = ndtr((np.log(np.maximum(x, 0.0)) - self.log_mean) / self.log_sd)
        return found


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal of this centre and sd, drawn again until it lies from low to high.

    `mean` and `variance` are what is left after the cut, so the mean is not the centre.
    """

    kind: ClassVar[str] = "truncated_normal"
    center: float
    sd: float
    low: float = 0.0
    high: float = math.inf

    def __post_init__(self) -> None:
        bounded(self.kind, "center", self.center, -LARGEST)
        bounded(self.kind, "sd", self.sd)
        bounded(self.kind, "low", self.low, 0.0)
        bounded(self.kind, "high", self.high, 0.0, math.inf)
        a, b = self._ends()
        if self.low >= self.high or a > FARTHEST or b < -FARTHEST or b - a < 1e-9:
            raise InvalidInput(f"The truncated_normal distribution from {self.low:g} to {self.high:g} has its center "
                               f"at {self.center:g} with an sd of {self.sd:g}", "Next to nothing of it lies between",
                               f"Give a low below the high, both within {FARTHEST:g} sd of the center")

    @property
    def mean(self) -> float:
        """center + sd (phi(a) - phi(b)) / Z."""
        first, _ = self._moments()
        return self.center + self.sd * first

    @property
    def variance(self) -> float:
        """sd^2 (1 + (a phi(a) - b phi(b)) / Z - ((phi(a) - phi(b)) / Z)^2)."""
        first, second = self._moments()
        return max(self.sd**2 * (1.0 + second - first**2), 0.0)

    def quantile(self, u: Floats) -> Floats:
        """The normal's quantile between the two ends; from the side where the tail is thin."""
        from scipy.special import ndtr, ndtri
        a, b = self._ends()
        upper = ndtr(-a), ndtr(-b)
        z = -ndtri(upper[0] - u * (upper[0] - upper[1])) if a > 0.0 else ndtri(ndtr(a) + u * (ndtr(b) - ndtr(a)))
        drawn: Floats = np.clip(self.center + self.sd * z, self.low, self.high)
        return drawn

    def cdf(self, x: Floats) -> Floats:
        """The normal's share between low and x."""
        from scipy.special import ndtr
        a, b = self._ends()
        z = (np.clip(x, self.low, self.high) - self.center) / self.sd
        if a > 0.0:
            found: Floats = (ndtr(-a) - ndtr(-z)) / (ndtr(-a) - ndtr(-b))
        else:
            found = (ndtr(z) - ndtr(a)) / (ndtr(b) - ndtr(a))
        return found

    def _ends(self) -> tuple[float, float]:
        """The ends in units of the sd from the centre."""
        return (self.low - self.center) / self.sd, (self.high - self.center) / self.sd

    def _moments(self) -> tuple[float, float]:
        """(phi(a) - phi(b)) / Z and (a phi(a) - b phi(b)) / Z."""
        from scipy.special import ndtr
        a, b = self._ends()
        left = float(ndtr(-a) - ndtr(-b) if a > 0.0 else ndtr(b) - ndtr(a))
        at_a, at_b = (math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) for z in (a, b))
        end = b * at_b if math.isfinite(b) else 0.0
        return (at_a - at_b) / left, (a * at_a - end) / left
