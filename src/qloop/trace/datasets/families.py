"""Families of distributions on [0, inf), fitted by maximum likelihood to many samples at once.

Samples are rows of an array (samples, n); parameters come as arrays (samples, 1), NaN where the likelihood has no
maximum within the bounds that scenario files allow. The names and parameters of `record` are those of scenario files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Parameters = tuple[Floats, ...]

NEWTON_STEPS, HALVINGS = 30, 90
SPREAD = (1e-5, 1e2)            # sd / mean that scenario files allow
SHAPE = (0.1, 1e3)              # of the Weibull distribution
FARTHEST = 6.0                  # how many sd below 0 the centre of a truncated normal may be


@dataclass(frozen=True, slots=True)
class Family:
    """A family: how many free parameters it has, and its functions of rows and parameters."""

    kind: str
    free: int
    positive: bool
    fit: Callable[[Floats], Parameters]
    log_density: Callable[[Floats, Parameters], Floats]
    cdf: Callable[[Floats, Parameters], Floats]
    quantile: Callable[[Floats, Parameters], Floats]
    names: tuple[str, ...]
    report: Callable[[Parameters], Parameters]

    def record(self, parameters: Parameters) -> dict[str, float | str]:
        """The table of a scenario file that means the distribution of the first row."""
        values = (float(value[0, 0]) for value in self.report(parameters))
        return {"kind": self.kind, **dict(zip(self.names, values, strict=True))}


def _mean(x: Floats) -> Floats:
    found: Floats = x.mean(axis=1, keepdims=True)
    return found


# exponential: (mean,)

def _fit_exponential(x: Floats) -> Parameters:
    return (_mean(x),)


def _exponential() -> Family:
    return Family("exponential", 1, False, _fit_exponential, lambda x, p: -np.log(p[0]) - x / p[0],
                  lambda x, p: -np.expm1(-x / p[0]), lambda u, p: -np.log1p(-u) * p[0], ("mean",), lambda p: p)


# lognormal: (mean and sd of the logarithm)

def _fit_lognormal(x: Floats) -> Parameters:
    logs = np.log(x)
    center, sd = _mean(logs), logs.std(axis=1, keepdims=True)
    cv = np.sqrt(np.expm1(np.minimum(sd**2, 50.0)))
    return center, np.where((cv >= SPREAD[0]) & (cv <= SPREAD[1]), sd, np.nan)


def _lognormal_cdf(x: Floats, p: Parameters) -> Floats:
    from scipy.special import ndtr

    found: Floats = ndtr((np.log(x) - p[0]) / p[1])
    return found


def _lognormal_quantile(u: Floats, p: Parameters) -> Floats:
    from scipy.special import ndtri

    found: Floats = np.exp(p[0] + p[1] * ndtri(u))
    return found


def _lognormal_report(p: Parameters) -> Parameters:
    mean = np.exp(p[0] + 0.5 * p[1] ** 2)
    return mean, mean * np.sqrt(np.expm1(p[1] ** 2))


def _lognormal() -> Family:
    return Family("lognormal", 2, True, _fit_lognormal, lambda x, p: _normal_log_density(np.log(x), p) - np.log(x),
                  _lognormal_cdf, _lognormal_quantile, ("mean", "sd"), _lognormal_report)


def _normal_log_density(x: Floats, p: Parameters) -> Floats:
    found: Floats = -0.5 * ((x - p[0]) / p[1]) ** 2 - np.log(p[1]) - 0.5 * math.log(2 * math.pi)
    return found


# gamma: (shape, mean)

def _fit_gamma(x: Floats) -> Parameters:
    """Newton's method on log k - psi(k) = log mean(x) - mean(log x), from Minka's closed start."""
    from scipy.special import polygamma, psi

    mean = _mean(x)
    gap = np.maximum(-_mean(np.log(x / mean)), 1e-300)
    k = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(NEWTON_STEPS):
        step = (np.log(k) - psi(k) - gap) / (1 / k - polygamma(1, k))
        k = np.where(k - step > 0, k - step, 0.5 * k)
    cv = 1 / np.sqrt(k)
    return np.where((cv >= SPREAD[0]) & (cv <= SPREAD[1]) & np.isfinite(k), k, np.nan), mean


def _gamma_log_density(x: Floats, p: Parameters) -> Floats:
    from scipy.special import gammaln

    k, mean = p
    found: Floats = k * np.log(k / mean) + (k - 1) * np.log(x) - k * x / mean - gammaln(k)
    return found


def _gamma_cdf(x: Floats, p: Parameters) -> Floats:
    from scipy.special import gammainc

    found: Floats = gammainc(p[0], x * (p[0] / p[1]))
    return found


def _gamma_quantile(u: Floats, p: Parameters) -> Floats:
    from scipy.special import gammaincinv

    found: Floats = gammaincinv(p[0], u) * (p[1] / p[0])
    return found


def _gamma() -> Family:
    return Family("gamma", 2, True, _fit_gamma, _gamma_log_density, _gamma_cdf, _gamma_quantile, ("mean", "sd"),
                  lambda p: (p[1], p[1] / np.sqrt(p[0])))


# weibull: (shape, scale)

def _fit_weibull(x: Floats) -> Parameters:
    """Newton's method on the shape: sum x^k log x / sum x^k - 1/k = mean(log x), which rises in k."""
    logs = np.log(x)
    top = logs.max(axis=1, keepdims=True)
    y, rest = logs - top, _mean(logs - top)
    sd = np.maximum(logs.std(axis=1, keepdims=True), 1e-12)
    k = math.pi / math.sqrt(6.0) / sd
    for _ in range(NEWTON_STEPS):
        weight = np.exp(k * y)
        total = weight.sum(axis=1, keepdims=True)
        first = (weight * y).sum(axis=1, keepdims=True) / total
        second = (weight * y**2).sum(axis=1, keepdims=True) / total
        step = (first - 1 / k - rest) / (second - first**2 + 1 / k**2)
        k = np.where(k - step > 0, k - step, 0.5 * k)
    k = np.where((k >= SHAPE[0]) & (k <= SHAPE[1]), k, np.nan)
    return k, np.exp(top) * np.exp(k * y).mean(axis=1, keepdims=True) ** (1 / k)


def _weibull_log_density(x: Floats, p: Parameters) -> Floats:
    k, scale = p
    found: Floats = np.log(k / scale) + (k - 1) * np.log(x / scale) - (x / scale) ** k
    return found


def _weibull_report(p: Parameters) -> Parameters:
    from scipy.special import gamma

    mean: Floats = p[1] * gamma(1 + 1 / p[0])
    return mean, p[0]


def _weibull() -> Family:
    return Family("weibull", 2, True, _fit_weibull, _weibull_log_density,
                  lambda x, p: -np.expm1(-((x / p[1]) ** p[0])), lambda u, p: p[1] * (-np.log1p(-u)) ** (1 / p[0]),
                  ("mean", "shape"), _weibull_report)


# truncated normal: (center, sd) of the normal before it is cut at 0

def _mills(h: Floats) -> Floats:
    """phi(h) / Phi(h)."""
    from scipy.special import log_ndtr

    found: Floats = np.exp(-0.5 * h**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(h))
    return found


def _fit_truncated(x: Floats) -> Parameters:
    """Mean and variance decide the maximum, as in every exponential family: bisection on h = center / sd."""
    mean, variance = _mean(x), x.var(axis=1, keepdims=True)
    wanted = variance / mean**2
    low, high = np.full_like(mean, np.arcsinh(-FARTHEST)), np.full_like(mean, np.arcsinh(1 / SPREAD[0]))
    ends = (_relative_variance(np.sinh(low)), _relative_variance(np.sinh(high)))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        more = _relative_variance(np.sinh(middle)) > wanted
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    h = np.where((wanted <= ends[0]) & (wanted >= ends[1]), np.sinh(0.5 * (low + high)), np.nan)
    sd = mean / (h + _mills(h))
    return h * sd, sd


def _relative_variance(h: Floats) -> Floats:
    """Variance over squared mean of a normal that is cut at 0; falls with h = center / sd."""
    rest = _mills(h)
    found: Floats = (1 - rest * (h + rest)) / (h + rest) ** 2
    return found


def _truncated_log_density(x: Floats, p: Parameters) -> Floats:
    from scipy.special import log_ndtr

    found: Floats = _normal_log_density(x, p) - log_ndtr(p[0] / p[1])
    return found


def _truncated_cdf(x: Floats, p: Parameters) -> Floats:
    from scipy.special import ndtr

    center, sd = p
    found: Floats = 1 - ndtr((center - x) / sd) / ndtr(center / sd)
    return found


def _truncated_quantile(u: Floats, p: Parameters) -> Floats:
    from scipy.special import ndtr, ndtri

    center, sd = p
    found: Floats = np.maximum(center - sd * ndtri((1 - u) * ndtr(center / sd)), 0.0)
    return found


def _truncated() -> Family:
    return Family("truncated_normal", 2, False, _fit_truncated, _truncated_log_density, _truncated_cdf,
                  _truncated_quantile, ("center", "sd"), lambda p: p)


def families() -> Mapping[str, Family]:
    """Every family by its kind."""
    made = (_exponential(), _gamma(), _lognormal(), _weibull(), _truncated())
    return MappingProxyType({one.kind: one for one in made})
