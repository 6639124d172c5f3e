"""Points in time drawn by counter: gaps added up, or points of a unit Poisson process led back through a rate.

Draw k belongs to arrival k whatever the horizon, so a longer run sees the same arrivals and then more.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.workload.family import Distribution, Floats

Ints = NDArray[np.int64]
MOST_ARRIVALS = 20_000_000
LONGEST_NS = 1 << 53        # float64 is exact below
BLOCK = 1 << 16             # draws at a time: they stay in the cache


def guard(expected: float, horizon_ns: int) -> None:
    """Raise InvalidInput for a horizon that is none, or about this many arrivals before it."""
    if not 0 < horizon_ns < LONGEST_NS:
        raise InvalidInput(f"The run is {horizon_ns * 1e-9:g} s long", "",
                           f"Give a duration above 0 and below {LONGEST_NS * 1e-9 / 86_400:.0f} days")
    if expected > MOST_ARRIVALS:
        raise InvalidInput(f"About {expected:.1e} sessions would arrive", "They would not fit into memory",
                           "Give a shorter run or a longer time between arrivals")


def from_gaps(gap: Distribution, key: int, stream: int, horizon_ns: int, first_at_zero: bool) -> Ints:
    """Times before the horizon, in ns, with independent gaps (s) between them."""
    expected = horizon_ns * 1e-9 / gap.mean
    guard(expected, horizon_ns)
    block = int(min(expected + 6.0 * math.sqrt(expected) + 16.0, BLOCK))
    found, now, drawn = [np.zeros(int(first_at_zero), np.int64)], 0, 0
    while now < horizon_ns:
        guard(0.5 * drawn, horizon_ns)      # gaps far below their mean; a heavy tail makes up for them
        gaps = np.minimum(np.rint(gap.quantile(uniforms(key, stream, drawn, block)) * 1e9), horizon_ns)
        reach = int(np.searchsorted(np.cumsum(gaps), 2.0 * horizon_ns)) + 1     # beyond it, integers might overflow
        found.append(now + np.cumsum(gaps[:reach].astype(np.int64)))
        now, drawn, block = int(found[-1][-1]), drawn + block, min(2 * block, BLOCK)
    times = np.concatenate(found)
    return times[times < horizon_ns]


def unit_points(key: int, stream: int, until: float) -> Floats:
    """The points of a Poisson process of rate 1 up to the first at `until` or beyond."""
    block = int(min(until + 6.0 * math.sqrt(until) + 16.0, BLOCK))
    found, now, drawn = [np.zeros(0)], 0.0, 0
    while now < until:
        gaps = -np.log1p(-uniforms(key, stream, drawn, block))
        found.append(np.cumsum(np.concatenate(([now], gaps)))[1:])
        now, drawn = float(found[-1][-1]), drawn + block
    return np.concatenate(found)


def through_pieces(points: Floats, breaks: Floats, masses: Floats) -> Floats:
    """Where an integrated rate of straight pieces takes these values: x of the points y.

    `breaks` are the x of its corners, shape (n + 1,), from the first on; `masses` its y there, increasing from 0. A
    piece of rate 0 is passed over. Points must be below the last mass.
    """
    piece = np.searchsorted(masses[1:], points, side="right")
    low, high = masses[piece], masses[piece + 1]
    return breaks[piece] + (points - low) / (high - low) * (breaks[piece + 1] - breaks[piece])


def in_ns(times: Floats, horizon_ns: int) -> Ints:
    """Whole ns, in order, those before the horizon."""
    whole = np.maximum.accumulate(np.rint(np.minimum(times, horizon_ns)).astype(np.int64))
    return whole[whole < horizon_ns]
