"""Anticipation is the same in the engine and in the compiled kernel, wakes and all."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Recorded
from qloop.simulator.workload.distributions import Empirical

from .platform_driver import World
from .platform_scenarios import draw
from .test_platform import Spy, agree_on, blocks_in_all_rows

__all__ = ["blocks_in_all_rows"]       # a fixture


def steady(seed: int, anticipate: float) -> Scenario:
    """Loops that think long, beside sessions of one task; in every second scenario nothing fails."""
    drawn = draw(seed, "efaas")
    model = replace(drawn.sessions, iterations=Empirical((1.0, 1.0, 12.0)), classical=Empirical((3.0, 4.0, 4.0, 4.5)),
                    redraw="session" if seed % 3 else "iteration")
    made = replace(drawn, settings={"anticipate": anticipate, "aging": 20.0}, sessions=model, duration_s=200.0,
                   arrivals=Recorded(times_s=tuple(sorted(0.5 * ((7 * k * k + seed) % 200) for k in range(24)))))
    if seed % 2:
        return made
    calm = tuple(replace(kind, mtbf_s=math.inf, failure=0.0) for kind in made.qpus)
    return replace(made, qpus=calm, classical=replace(made.classical, workers=100))


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 300), marks=pytest.mark.ci)])
def test_kernel_and_engine_agree_while_qpus_are_held(seeds: range) -> None:
    spy, held = Spy("efaas"), 0
    for seed in seeds:
        scenario = steady(seed, float(1 + seed % 4))
        agree_on(spy, scenario, seed % 5 == 0)
        held += World(scenario, 0).run() != World(steady(seed, 0.0), 0).run()
    assert held > len(seeds) // 5, "QPUs are held in many of them"
