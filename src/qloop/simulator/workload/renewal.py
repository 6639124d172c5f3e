"""Arrivals with independent gaps: the Poisson process, and renewal processes of any gap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from qloop.errors import InvalidInput
from qloop.simulator.workload.checks import on_or_off, positive
from qloop.simulator.workload.distributions import Distribution, Exponential
from qloop.simulator.workload.points import Ints, from_gaps
from qloop.simulator.workload.streams import ARRIVAL


@dataclass(frozen=True)
class Poisson:
    """Arrivals without memory, one every `every_s` on average; the first at time 0 if wished, as in the paper's model.

    Raises InvalidInput unless the time is from 10^-9 to 10^12 s.
    """

    kind: ClassVar[str] = "poisson"
    every_s: float
    first_at_zero: bool = False

    def __post_init__(self) -> None:
        positive(self.kind, "every_s", self.every_s, 1e-9, 1e12)
        on_or_off("first_at_zero", self.first_at_zero)

    def mean_rate(self) -> float:
        """Arrivals per s."""
        return 1.0 / self.every_s

    def times(self, key: int, horizon_ns: int, stream: int = ARRIVAL) -> Ints:
        """Arrivals before the horizon, ns in order."""
        return from_gaps(Exponential(self.every_s), key, stream, horizon_ns, self.first_at_zero)


@dataclass(frozen=True)
class Renewal:
    """Arrivals whose gaps (s) are drawn independently from one distribution; the first gap begins at time 0.

    Raises InvalidInput for a gap that is 0 on average.
    """

    kind: ClassVar[str] = "renewal"
    gap: Distribution
    first_at_zero: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.gap, Distribution):
            raise InvalidInput(f"gap of the renewal arrivals is {self.gap!r}", "",
                               "Give a distribution, such as Gamma(mean=600, sd=1200)")
        if not self.gap.mean > 0.0:
            raise InvalidInput("gap of the renewal arrivals is 0 on average", "All would arrive at once",
                               "Give a gap above 0 s")
        on_or_off("first_at_zero", self.first_at_zero)

    def mean_rate(self) -> float:
        """Arrivals per s in the long run."""
        return 1.0 / self.gap.mean

    def dispersion(self) -> float:
        """Variance over mean of the number of arrivals in a long time: variance / mean^2 of the gap."""
        return self.gap.variance / self.gap.mean**2 if math.isfinite(self.gap.variance) else math.inf

    def times(self, key: int, horizon_ns: int, stream: int = ARRIVAL) -> Ints:
        """Arrivals before the horizon, ns in order."""
        return from_gaps(self.gap, key, stream, horizon_ns, self.first_at_zero)
