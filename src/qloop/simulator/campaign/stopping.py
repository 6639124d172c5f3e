"""Intervals over replications, and when there are enough of them.

Stopping as soon as an interval is narrow enough is not free. Intervals that happen to come out narrow end the run, so
the true coverage is below 95 %, and the mean is biased where it goes with the spread. Two things keep that small here:
at least `least` replications are made whatever they say (ten; Law, Simulation Modeling and Analysis, section 9.4), and
the interval is looked at seldom, each time after a quarter more replications. What remains is a few per cent of
coverage. A number of replications fixed beforehand has none of it.

A decision rests on the replications 0 to n - 1 and nothing else, so it is the same in whatever order these finish.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.analysis.statistics import mean_and_half
from qloop.simulator.platform.fields import check, number

GROWTH = 1.25
MOST_REPLICATIONS = 1_000_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """Replications until the 95 % interval of `quantity` reaches at most `absolute`, or `relative` times its mean, far.

    With both, either does. From `least` to `most` replications are made. Raises InvalidInput for bounds that cannot be.
    """

    quantity: str
    absolute: float = number(0.0, "", 0.0, math.inf, "Half of the interval's width, in the quantity's unit; 0: unused")
    relative: float = number(0.0, "", 0.0, 1.0, "Half of the interval's width as a share of the mean; 0: unused")
    least: int = number(10, "", 5, MOST_REPLICATIONS, "Replications made in any case", whole=True)
    most: int = number(1000, "", 5, MOST_REPLICATIONS, "Replications at most", whole=True)

    def __post_init__(self) -> None:
        check(self, "until")
        if not self.absolute and not self.relative:
            raise InvalidInput("[campaign.until] has no width", "Nothing says when the interval is narrow enough",
                               'Add absolute = 0.01 or relative = "5 %"')
        if self.most < self.least:
            raise InvalidInput(f"[campaign.until] makes at least {self.least} and at most {self.most} replications", "",
                               "Give a larger most")

    def next_look(self, made: int) -> int:
        """How many replications there are when the interval is looked at next."""
        return min(self.most, max(self.least, math.ceil(made * GROWTH)))

    def enough(self, values: Floats) -> bool:
        """Whether the values of replications 0 to n - 1 do; a value that is not a number is no value."""
        return len(values) >= self.most or (len(values) >= self.least and self.met(values))

    def met(self, values: Floats) -> bool:
        """Whether the interval of these values is narrow enough; replications may have ended at `most` without that."""
        mean, half = interval(values)
        return bool(half <= max(self.absolute, self.relative * abs(mean)))


def interval(values: Floats) -> tuple[float, float]:
    """The mean of those that are numbers, and half of its 95 % interval (Student's t); nan where there are too few."""
    return mean_and_half(values[np.isfinite(values)])
