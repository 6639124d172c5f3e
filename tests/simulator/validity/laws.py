"""Laws of service with mean 1: how to draw n of them, and their second moment."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .queues import Draw


@dataclass(frozen=True, slots=True)
class Law:
    """A law of service times with mean 1."""

    draw: Draw
    second: float


def _hyper(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two exponentials: nine of ten with mean 1/2, one with mean 11/2."""
    return rng.exponential(np.where(rng.random(n) < 0.9, 0.5, 5.5))


def _lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(rng.normal(-0.25, 0.5**0.5, n))


LAWS = MappingProxyType({
    "fixed": Law(lambda rng, n: np.ones(n), 1.0),
    "uniform": Law(lambda rng, n: rng.random(n) * 2.0, 4.0 / 3.0),
    "erlang 3": Law(lambda rng, n: rng.gamma(3.0, 1.0 / 3.0, n), 4.0 / 3.0),
    "exponential": Law(lambda rng, n: rng.exponential(1.0, n), 2.0),
    "two lengths": Law(lambda rng, n: np.where(rng.random(n) < 0.9, 0.5, 5.5), 0.9 * 0.25 + 0.1 * 30.25),
    "lognormal": Law(_lognormal, float(np.exp(0.5))),
    "hyperexponential": Law(_hyper, 2.0 * (0.9 * 0.25 + 0.1 * 30.25)),
})
