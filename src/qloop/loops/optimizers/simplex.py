"""The decisions of the simplex method: which way each value leads, and values that lead each way.

What Nelder-Mead asks next depends on the pending value only by comparisons with values it knows, so a few values
stand for all others: after a reflection it is one of four points (Lagarias et al. 1998, steps 2 to 5).
"""

from __future__ import annotations

import enum
import sys
from typing import Protocol

import numpy as np

from qloop.loops.optimizers.protocol import Array, Branch

LARGEST = sys.float_info.max


class Phase(enum.StrEnum):
    """What the values of the batch are for."""

    SIMPLEX = "simplex"
    REFLECT = "reflect"
    EXPAND = "expand"
    OUTSIDE = "outside"
    INSIDE = "inside"
    SHRINK = "shrink"


ROWS = (Phase.REFLECT, Phase.EXPAND, Phase.OUTSIDE, Phase.INSIDE)
TURNS = 4
"""Ways from a phase, at most. Reflection: accepted, to expansion, outside, inside. Expansion: taken, not taken.
Contraction: accepted, accepted as the worst vertex, to shrinking."""


class Simplex(Protocol):
    """What a decision looks at: the phase, the values (P+1,), best first, and the reflected point's."""

    phase: Phase
    values: Array
    reflected_value: float


def turn(state: Simplex, value: float) -> int:
    """Which way the value of the point asked leads."""
    best, second_worst, worst = state.values[0], state.values[-2], state.values[-1]
    match state.phase:
        case Phase.REFLECT if best <= value < second_worst:
            return 0
        case Phase.REFLECT if value < best:
            return 1
        case Phase.REFLECT:
            return 2 if value < worst else 3
        case Phase.EXPAND:
            return 0 if value < state.reflected_value else 1
        case Phase.OUTSIDE if value > state.reflected_value:
            return 2
        case Phase.INSIDE if value >= worst:
            return 2
        case _:
            return 0 if value < second_worst else 1


def branches(state: Simplex, turns: Array, fatol: float) -> list[Branch]:
    """Values for each way from here, as likely as it was taken so far, each way once more (Laplace).

    `turns` (4, 4) counts the ways by phase. No value stands for one that goes on while it would itself stop the search:
    of those that lead the same way, the one is taken that leaves the values farthest apart.
    """
    if state.phase in (Phase.SIMPLEX, Phase.SHRINK):
        return [Branch(values) for values in _each_worst(state, fatol)]
    ways = _ways(state, fatol)
    counts = turns[ROWS.index(state.phase)]
    return [Branch(np.array([value]), float(counts[way]) + 1.0) for way, value in ways.items()
            if value is not None and turn(state, value) == way]


def _ways(state: Simplex, fatol: float) -> dict[int, float | None]:
    """A value for each way; None, or one that leads another way, where there is none."""
    values, reflected = state.values, state.reflected_value
    best, second_worst, worst = float(values[0]), float(values[-2]), float(values[-1])
    match state.phase:
        case Phase.REFLECT:
            return {0: _middle(values), 1: _below(best, fatol), 2: second_worst, 3: worst}
        case Phase.EXPAND:
            return {0: _below(reflected, fatol), 1: reflected}
        case Phase.OUTSIDE:
            return {0: _among(values, fatol), 1: reflected, 2: _next_above(reflected)}
        case _:
            return {0: _among(values, fatol), 1: float(np.nextafter(worst, -np.inf)), 2: worst}


def _middle(values: Array) -> float:
    """A value of middle rank that is below the second worst, if any is."""
    middle = float(values[(len(values) - 2) // 2])
    return middle if middle < values[-2] else float(values[0])


def _among(values: Array, fatol: float) -> float:
    """A value below the second worst, if there is any, with which the search goes on."""
    middle, below = _middle(values), _below(float(values[0]), fatol)
    apart = middle < values[-2] and values[-2] - values[0] > fatol
    return middle if apart or below is None else below


def _each_worst(state: Simplex, fatol: float) -> list[Array]:
    """Values of a whole simplex, or of all vertices but the best: each vertex is the worst once."""
    n = len(state.values)
    if state.phase is Phase.SIMPLEX:
        return list(_step(0.0, fatol) * np.eye(n))
    best = float(state.values[0])
    above, below = _above(best, fatol), _below(best, fatol)
    found = [] if above is None else [np.where(row > 0, above, best) for row in np.eye(n - 1)]
    return found if below is None else [*found, np.full(n - 1, below)]


def _step(value: float, fatol: float) -> float:
    """A difference that counts beside the value, and is more than the tolerance."""
    return min(2.0 * (1.0 + fatol + 1e-3 * abs(value)), LARGEST)


def _below(value: float, fatol: float) -> float | None:
    """A finite value clearly below; None if there is none."""
    lower = max(value - _step(value, fatol), -LARGEST)
    return lower if lower < value else None


def _above(value: float, fatol: float) -> float | None:
    """A finite value clearly above; None if there is none."""
    upper = min(value + _step(value, fatol), LARGEST)
    return upper if upper > value else None


def _next_above(value: float) -> float | None:
    """The next larger finite value."""
    upper = float(np.nextafter(value, np.inf))
    return upper if upper <= LARGEST else None
