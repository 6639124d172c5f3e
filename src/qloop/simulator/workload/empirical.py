"""A distribution that is a list of measured values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.workload.family import LARGEST, Floats

MOST_VALUES = 10_000_000


@dataclass(frozen=True)
class Empirical:
    """One of these values, each as likely as its weight says; all alike without weights."""

    kind: ClassVar[str] = "empirical"
    values: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("values", "weights"):
            object.__setattr__(self, name, listed(f"{name} of the empirical distribution", getattr(self, name)))
        if not self.values or len(self.values) > MOST_VALUES:
            raise InvalidInput(f"The empirical distribution has {len(self.values)} values", "",
                               f"Give 1 to {MOST_VALUES} values")
        if self.weights and len(self.weights) != len(self.values):
            raise InvalidInput(f"The empirical distribution has {len(self.values)} values and {len(self.weights)} "
                               "weights", "", "Give a weight for each value, or none at all")
        if self.weights and not sum(self.weights) > 0.0:
            raise InvalidInput("The weights of the empirical distribution are all 0", "", "Give one above 0")

    @property
    def mean(self) -> float:
        """The mean of the values, weighted."""
        return float(np.average(self.values, weights=self.weights or None))

    @property
    def variance(self) -> float:
        """The mean squared distance to the mean, weighted."""
        return float(np.average((np.array(self.values) - self.mean) ** 2, weights=self.weights or None))

    def quantile(self, u: Floats) -> Floats:
        """The value at the share u of the weight, values in order of size."""
        values, below = self._sorted
        if not self.weights:
            return values[(u * len(values)).astype(np.int64)]
        return values[np.minimum(np.searchsorted(below, u, side="right"), len(values) - 1)]

    def cdf(self, x: Floats) -> Floats:
        """The share of the weight at most x."""
        values, below = self._sorted
        return np.concatenate(([0.0], below))[np.searchsorted(values, x, side="right")]

    @cached_property
    def _sorted(self) -> tuple[Floats, Floats]:
        """The values in order of size, and the share of the weight up to each, itself included."""
        values, weights = np.array(self.values), np.array(self.weights or np.ones(len(self.values)))
        order = np.argsort(values, kind="stable")
        below = np.cumsum(weights[order])
        return values[order], below / below[-1]


def listed(what: str, values: Any) -> tuple[float, ...]:
    """The values as numbers that are not negative.

    Raises InvalidInput with the position of the first that is something else.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} is {values!r}", "", "Give a list of numbers")
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    for place, value in enumerate(values, 1):
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not number or not 0.0 <= value <= LARGEST:
            raise InvalidInput(f"Number {place} of the {what} is {value!r}", "", f"Give numbers from 0 to {LARGEST:g}")
    return tuple(map(float, values))
