"""What every distribution offers, and the checks of their parameters."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

Floats = NDArray[np.float64]
SMALLEST, LARGEST = 1e-12, 1e15


@runtime_checkable
class Distribution(Protocol):
    """A distribution of one number that is not negative.

    One uniform number makes one draw, by the inverse of the cumulative distribution: so two models that are given the
    same uniform numbers meet the same luck, and more of a parameter is never less of a draw.
    """

    kind: ClassVar[str]

    @property
    def mean(self) -> float:
        """The expected value."""

    @property
    def variance(self) -> float:
        """The variance; infinite where it does not exist."""

    def quantile(self, u: Floats) -> Floats:
        """The smallest x with a cumulative probability of at least u, for an array of u in [0, 1)."""

    def cdf(self, x: Floats) -> Floats:
        """The probability of at most x, for an array of x."""


def bounded(kind: str, name: str, value: Any, least: float = SMALLEST, most: float = LARGEST) -> float:
    """The value as a number within its bounds.

    Raises InvalidInput for anything that is no number, or out of bounds.
    """
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or math.isnan(value) or not least <= value <= most:
        span = f"above 0, up to {most:g}" if least == SMALLEST else f"from {least:g} to {most:g}"
        raise InvalidInput(f"{name} of the {kind} distribution is {value!r}", "", f"Give a number {span}")
    return float(value)


def spread(kind: str, mean: Any, sd: Any) -> None:
    """Raise InvalidInput unless mean and standard deviation are positive and within 10^5 of each other."""
    bounded(kind, "mean", mean)
    bounded(kind, "sd", sd)
    if not 1e-5 <= sd / mean <= 1e2:
        raise InvalidInput(f"sd of the {kind} distribution is {sd / mean:.3g} times its mean", "",
                           "Give 0.00001 to 100 times the mean, or a plain number for a value that never varies")
