"""Poisson arrivals with the hours of the day, or of the week."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.workload.checks import positive, positives
from qloop.simulator.workload.family import Floats
from qloop.simulator.workload.points import Ints, guard, in_ns, through_pieces, unit_points
from qloop.simulator.workload.streams import ARRIVAL

HOUR_NS, DAY_H, WEEK_H = 3_600e9, 24, 168
TURN = 2.0 * math.pi / (DAY_H * HOUR_NS)        # the cosine's angle in one ns


@dataclass(frozen=True)
class Daily:
    """Poisson arrivals, one every `every_s` on average over the cycle.

    `profile`: 24 hourly factors, or 168 for a week; only their proportions count. Without a profile, the rate is a
    cosine: 1 + `amplitude` at `peak_hour`, 1 - `amplitude` half a day later. The run starts at `start_hour`.

    Raises InvalidInput for another number of factors, factors that are all 0, or both a profile and an amplitude.
    """

    kind: ClassVar[str] = "daily"
    every_s: float
    profile: tuple[float, ...] = ()
    amplitude: float = 0.0
    peak_hour: float = 14.0
    start_hour: float = 0.0

    def __post_init__(self) -> None:
        positive(self.kind, "every_s", self.every_s, 1e-9, 1e12)
        positive(self.kind, "amplitude", self.amplitude, 0.0, 1.0)
        positive(self.kind, "peak_hour", self.peak_hour, 0.0, DAY_H)
        positive(self.kind, "start_hour", self.start_hour, 0.0, len(self.profile) or DAY_H)
        if not self.profile:
            return
        object.__setattr__(self, "profile", positives(self.kind, "profile", self.profile, 0.0, 1e9))
        if len(self.profile) not in (DAY_H, WEEK_H):
            raise InvalidInput(f"profile of the daily arrivals has {len(self.profile)} factors", "",
                               f"Give {DAY_H}, one for each hour of the day, or {WEEK_H} for a week")
        if not any(self.profile):
            raise InvalidInput("profile of the daily arrivals is all 0", "Nothing would arrive", "Give one above 0")
        if self.amplitude:
            raise InvalidInput("The daily arrivals have both a profile and an amplitude", "", "Give one of them")

    def mean_rate(self) -> float:
        """Arrivals per s over the whole cycle."""
        return 1.0 / self.every_s

    def expected(self, from_h: Floats, to_h: Floats) -> Floats:
        """The expected number of arrivals between these hours of the run (arrays)."""
        return self._mass(to_h * HOUR_NS) - self._mass(from_h * HOUR_NS)

    def times(self, key: int, horizon_ns: int, stream: int = ARRIVAL) -> Ints:
        """Arrivals before the horizon, ns in order."""
        guard(self.mean_rate() * horizon_ns * 1e-9, horizon_ns)
        most = float(self._mass(np.array(float(horizon_ns))))
        points = unit_points(key, stream, most)
        return in_ns(self._inverse(points[points < most]), horizon_ns)

    def _cycle(self) -> tuple[float, float]:
        """Length of the cycle in ns, and the arrivals expected in it."""
        period = (len(self.profile) or DAY_H) * HOUR_NS
        return period, period * 1e-9 / self.every_s

    def _mass(self, t: Floats) -> Floats:
        """Arrivals expected from the start to these times (ns)."""
        start = self.start_hour * HOUR_NS
        return self._from_midnight(t + start) - self._from_midnight(np.array(start))

    def _from_midnight(self, x: Floats) -> Floats:
        """Arrivals expected from the begin of the first cycle to x (ns)."""
        period, mass = self._cycle()
        cycles = np.floor(x / period)
        rest = x - cycles * period
        if self.profile:
            within = np.interp(rest, *self._corners())
        else:
            first = -self.peak_hour * HOUR_NS * TURN
            swept = rest * TURN + self.amplitude * (np.sin(first + rest * TURN) - math.sin(first))
            within = swept * (mass / (2.0 * math.pi))
        return np.asarray(cycles * mass + within)

    def _inverse(self, points: Floats) -> Floats:
        """Times (ns) before which as many arrivals are expected."""
        start, (period, mass) = self.start_hour * HOUR_NS, self._cycle()
        points = points + float(self._from_midnight(np.array(start)))
        cycles = np.floor(points / mass)
        rest = np.clip(points - cycles * mass, 0.0, np.nextafter(mass, 0.0))
        if self.profile:
            within = through_pieces(rest, *self._corners())
        else:
            first = -self.peak_hour * HOUR_NS * TURN
            swept = rest * (2.0 * math.pi / mass) + first + self.amplitude * math.sin(first)
            within = (kepler(swept, self.amplitude) - first) / TURN
        return np.asarray(cycles * period + within - start)

    def _corners(self) -> tuple[Floats, Floats]:
        """The hours of one cycle in ns, and the arrivals expected before each."""
        hours, before = np.arange(len(self.profile) + 1, dtype=np.float64), np.append(0.0, np.cumsum(self.profile))
        return np.asarray(hours * HOUR_NS), np.asarray(before / before[-1] * self._cycle()[1])


def kepler(swept: Floats, amplitude: float) -> Floats:
    """The angles x with x + amplitude sin(x) = swept, for an amplitude from 0 to 1: Newton's steps, kept in a bracket.

    Each angle is found on its own, so that it does not depend on how many others are asked for.
    """
    found, left = swept.copy(), np.arange(len(swept))
    low, high = swept - amplitude, swept + amplitude
    for _ in range(100):
        x, goal = found[left], swept[left]
        excess = x + amplitude * np.sin(x) - goal
        low[left], high[left] = np.where(excess < 0.0, x, low[left]), np.where(excess < 0.0, high[left], x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - excess / (1.0 + amplitude * np.cos(x))
        inside = (step > low[left]) & (step < high[left]) | (excess == 0.0)
        found[left] = np.where(inside, step, 0.5 * (low[left] + high[left]))
        left = left[(np.abs(found[left] - x) > 2e-15 * np.abs(x)) & (excess != 0.0)]
        if not len(left):
            break
    return found
