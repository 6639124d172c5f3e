"""Chunks are the same in the engine and in the compiled kernel: who stands aside, what is charged, what is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from qloop.simulator.platform import accounts as kinds
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Recorded
from qloop.simulator.workload.distributions import Empirical

from .platform_driver import World
from .platform_scenarios import draw
from .test_platform import Spy, agree_on, blocks_in_all_rows

__all__ = ["blocks_in_all_rows"]       # a fixture


def long_tasks(seed: int, chunk: float, anticipate: float = 0.0, policy: str = "efaas") -> Scenario:
    """Sessions of one long task beside loops of short ones; in every second scenario nothing fails."""
    drawn = draw(seed, policy)
    quantum = Empirical((0.5, 1.0, 1.0, 8.0, 20.0))
    model = replace(drawn.sessions, iterations=Empirical((1.0, 1.0, 12.0)), quantum=quantum, redraw="session")
    made = replace(drawn, sessions=model, duration_s=200.0,
                   settings={"chunk_s": chunk, "anticipate": anticipate, "phi": 0.05, "aging": 20.0 + seed % 3 * 10.0},
                   arrivals=Recorded(times_s=tuple(sorted(0.5 * ((7 * k * k + seed) % 200) for k in range(24)))))
    if seed % 2:
        return made
    calm = tuple(replace(kind, mtbf_s=math.inf, failure=0.0) for kind in made.qpus)
    return replace(made, qpus=calm, classical=replace(made.classical, workers=100))


@pytest.mark.parametrize(("policy", "seeds"), [
    ("efaas", (*range(15), 48)), pytest.param("efaas", range(15, 400), marks=pytest.mark.ci),
    pytest.param("efaas_expected", range(150), marks=pytest.mark.ci),
    pytest.param("efaas_expected", range(150, 400), marks=pytest.mark.everything)])
def test_kernel_and_engine_agree_while_tasks_stand_aside(policy: str, seeds: Sequence[int]) -> None:
    spy, pauses = Spy(policy), 0
    for seed in seeds:
        scenario = long_tasks(seed, 0.5 * (1 + seed % 4), float(seed % 2), policy)
        agree_on(spy, scenario, seed % 3 == 0)
        pauses += sum(line[1] == kinds.QUANTUM_PAUSE for line in World(scenario, 0).run())
    assert pauses > 2 * len(seeds)
