"""Draws scenarios of the extended model that are full of simultaneous events."""

from __future__ import annotations

import math

import numpy as np

from qloop.simulator.platform.parts import Classical, Drift, Lifetimes, QpuKind, Retries, Tenant, Transfer
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Recorded
from qloop.simulator.workload.distributions import Constant, Empirical
from qloop.simulator.workload.sessions import SessionModel

RUN, CALENDAR, OUTAGE, CLASSICAL, DELAY, ARRIVAL = range(6)       # kinds of events, in order at one time


def draw(seed: int, policy: str) -> Scenario:
    """A random platform on a coarse grid of half seconds, so that many events fall together."""
    rng = np.random.Generator(np.random.Philox(key=seed))

    def grid(least: int, most: int) -> float:
        return float(rng.integers(least, most)) / 2.0

    def some(least: int, most: int) -> Empirical:
        return Empirical(tuple(grid(least, most) for _ in range(4)))

    def maybe(share: float, value: float) -> float:
        return value if rng.random() < share else math.inf

    widths = sorted((int(rng.integers(3, 7)) for _ in range(rng.integers(2, 4))), reverse=True)
    kinds_ = tuple(QpuKind(
        name=str(k), qubits=width, speed=float(rng.choice([0.5, 1.0, 1.0, 2.0])), compile_s=grid(0, 4),
        load_s=grid(0, 3), warm_s=grid(1, 30), calibrate_every_s=maybe(0.6, grid(6, 40)), calibration_s=grid(1, 6),
        mtbf_s=maybe(0.4, grid(20, 80)), mttr_s=grid(4, 20), failure=float(rng.choice([0.0, 0.2])),
        error=float(rng.choice([0.5, 1.0, 2.0])),
        drift=Drift(sd=float(rng.choice([0.0, 0.3])), relax_s=100.0, aging=10.0))
        for k, width in enumerate(widths))
    tenants = tuple(Tenant(name=str(k), weight=float(rng.choice([1.0, 3.0]))) for k in range(rng.integers(1, 4)))
    sizes = tuple(range(1, widths[0] + 1))
    return Scenario(
        policy=policy, duration_s=300.0, seed=seed, qpus=kinds_, tenants=tenants,
        arrivals=Recorded(times_s=tuple(sorted(grid(0, 60) for _ in range(rng.integers(2, 15))))),
        sessions=SessionModel(sizes=sizes, priorities=(1, 2, 4), redraw="iteration", quantum=some(1, 9),
                              classical=some(0, 6), pre=some(0, 3), post=Constant(0.0),
                              iterations=Empirical((1.0, 1.0, 3.0, 8.0))),
        classical=Classical(discipline="slots", workers=int(rng.choice([1, 2, 100]))),
        transfer=Transfer(submit_s=grid(0, 4), up_s=grid(0, 2), down_s=grid(0, 8)),
        lifetimes=Lifetimes(interactive_s=grid(1, 20) + 0.25, max_s=maybe(0.5, grid(20, 200) + 0.25)),
        retries=Retries(attempts=3), error_per_qubit=float(rng.choice([0.0, 0.02])),
        estimates=str(rng.choice(["exact", "learned"])))
