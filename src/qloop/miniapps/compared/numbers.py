"""A run in numbers, all of them functions of its trace and of the reference's."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from qloop.miniapps.compared.drifted import Drifted
from qloop.trace.metrics.bias import energy_bias
from qloop.trace.metrics.calibrations import paid
from qloop.trace.metrics.convergence import Point, convergence, energies
from qloop.trace.metrics.cost import cost
from qloop.trace.metrics.drift import drift
from qloop.trace.metrics.fairness import fairness
from qloop.trace.metrics.qdc import PARTS, qdc
from qloop.trace.metrics.ttns import ttns
from qloop.trace.reader import Trace

GRID_S = tuple(range(0, 1201, 20))
"""When energies are looked at, s since a loop's session opened."""
Value = float | None


class Run(msgspec.Struct, frozen=True):
    """One seed at one load under one policy; `noiseless` and `measured`: the part of the way from E0 to E* that is
    still to go, at each time of `GRID_S`, mean over loops. The reference has the policy `REFERENCE`."""

    seed: int
    load: float
    policy: str
    numbers: dict[str, Value]
    noiseless: tuple[float, ...]
    measured: tuple[float, ...]


def run_of(trace: Trace, reference: Trace, *, seed: int, load: float, policy: str, price: float,
           cold_start_s: float, drift: Drifted) -> Run:
    """The run that a trace tells of; `price`: money for a QPU second; see `numbers` for `cold_start_s`."""
    curves = remaining(trace, reference)
    found = numbers(trace, reference, price, cold_start_s)
    return Run(seed, load, policy, found | {"drift_loss_nats": drift.loss_nats, "bias_drift": drift.bias}, *curves)


def numbers(trace: Trace, reference: Trace, price: float, cold_start_s: float) -> dict[str, Value]:
    """Every number by its name.

    A container's start before each iteration is waiting, though the trace has it in the thinking.
    """
    times, time, told = ttns(trace), qdc(trace), drift(trace)
    lost, bias = paid(trace), energy_bias(trace, reference)
    paying, fair = cost(trace, price_per_second=price), fairness(trace)
    waiting = None if times.waiting.mean is None else times.waiting.mean + cold_start_s
    found: dict[str, Value] = {
        "waiting_s": waiting, "gap_s": times.gap.mean, "gap_p95_s": times.gap.p95,
        "ttns_start_s": _plus(times.start.mean, cold_start_s), "ttns_loop_s": times.loop.mean,
        "ttns_loop_p95_s": times.loop.p95, "first_wait_s": times.first_start.mean,
        "background_wait_s": ttns(trace, "background").first_start.mean,
        "iterations": lost.iterations, "calibrations_paid": lost.paid, "calibrations_avoidable": lost.avoidable,
        "calibration_wait_s": lost.seconds, "extra_epochs": told.extra_epochs,
        "noise_bias": told.energy_bias, "bias_noiseless": bias.noiseless, "bias_measured": bias.measured,
        "qpu_s_to_solution": paying.seconds_to_solution, "money_to_solution": paying.money_to_solution,
        "qpu_s_per_converged": paying.seconds_all_in, "money_per_converged": paying.money_all_in,
        "jain_tenants": fair.jain, "qdc_useful": time.useful, "qdc_useful_loops": time.useful_loops}
    found |= {f"qdc_{part}": getattr(time, part) for part in PARTS}
    for rule in convergence(trace):
        found |= {f"converged_{rule.rule}": rule.converged / rule.loops if rule.loops else None,
                  f"median_s_{rule.rule}": rule.median_s, f"mean_s_{rule.rule}": rule.restricted_mean_s}
    return found


def remaining(trace: Trace, reference: Trace, grid: Sequence[float] = GRID_S,
              ) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(E(t) - E*) / (E0 - E*) of noiseless and of measured energies at each time since a loop's session opened.

    E0 is the reference's first noiseless energy. Before a loop's first value it is 1, after its end its last value
    stands; means over the loops whose optimum is known.
    """
    there, rows = energies(reference), []
    for name, points in energies(trace).items():
        optimum, first = reference.index.sessions[name].optimum, there[name][0].noiseless
        if optimum is not None and first is not None and first > optimum:
            opened, way = trace.index.sessions[name].opened, first - optimum
            rows.append([[(value - optimum) / way for value in at]
                         for at in _steps(points, opened, grid, optimum + way)])
    if not rows:
        return (), ()
    clean, told = np.asarray(rows).mean(axis=0)
    return tuple(map(float, clean)), tuple(map(float, told))


def _steps(points: Sequence[Point], opened: int, grid: Sequence[float], first: float,
           ) -> tuple[list[float], list[float]]:
    """The last known energies at each time."""
    ends = np.array([point.t - opened for point in points])
    places = np.searchsorted(ends, [round(at * 1e9) for at in grid], side="right") - 1
    chosen = [None if place < 0 else points[place] for place in places]
    return ([first if one is None or one.noiseless is None else one.noiseless for one in chosen],
            [first if one is None or one.energy is None else one.energy for one in chosen])


def _plus(value: Value, more: float) -> Value:
    return None if value is None else value + more
