"""The energy bias: how much higher loops end on a platform than on a frozen, freshly calibrated QPU.

The two runs are of the same loops with the same draws; only the platform differs. Problems of different size are made
comparable by what each loop could win: from its first energy down to its exact optimum.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from qloop.trace.metrics.convergence import Point, energies
from qloop.trace.reader import Trace

LAST = 10
"""A loop's end is the mean over so many of its last iterations: one iteration of SPSA says little."""


class End(msgspec.Struct, frozen=True):
    """Where a loop began and ended: noiseless energies, and the measured one at its end; None if nothing was told."""

    begun: float | None
    noiseless: float | None
    measured: float | None


class Bias(msgspec.Struct, frozen=True):
    """How much higher the loops end than in the reference, as a part of their way from E0 to E*; means over loops.

    `noiseless` is the energy of the final parameters without noise: whether loops went to the right place. `measured`
    is what they were told there, so that it also holds what the QPU's noise adds beyond the reference's.
    """

    loops: int
    noiseless: float | None
    measured: float | None


def ends(trace: Trace, last: int = LAST) -> dict[str, End]:
    """Where each loop of a trace began and ended."""
    return {name: _end(points, last) for name, points in energies(trace).items() if points}


def energy_bias(trace: Trace, reference: Trace, last: int = LAST) -> Bias:
    """The bias of the loops that both traces have, by name, and whose optimum the reference knows.

    Loops that begin at their optimum have no way to go and are left out.
    """
    here, there = ends(trace, last), ends(reference, last)
    rows = []
    for name in here.keys() & there.keys():
        optimum, begun = reference.index.sessions[name].optimum, there[name].begun
        if optimum is not None and begun is not None and begun > optimum:
            way = begun - optimum
            rows.append((_higher(here[name].noiseless, there[name].noiseless, way),
                         _higher(here[name].measured, there[name].measured, way)))
    return Bias(len(rows), _mean([row[0] for row in rows]), _mean([row[1] for row in rows]))


def _end(points: list[Point], last: int) -> End:
    tail = points[-last:]
    return End(points[0].noiseless, _mean([point.noiseless for point in tail]), _mean([p.energy for p in tail]))


def _higher(here: float | None, there: float | None, way: float) -> float | None:
    return None if here is None or there is None else (here - there) / way


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(sorted(known))) if known else None
