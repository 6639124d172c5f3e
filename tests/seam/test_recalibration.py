"""Calibrations by predicted loss, deferred to quiet moments: the kernel and the engine decide alike."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from qloop.simulator.platform import accounts as kinds
from qloop.simulator.scenario import Scenario

from .platform_driver import World
from .platform_scenarios import draw
from .test_platform import Spy, agree_on, blocks_in_all_rows

__all__ = ["blocks_in_all_rows"]       # a fixture

SCENARIOS = 250


def drifting(seed: int, policy: str, patience: float | None = None) -> Scenario:
    """A drawn platform on which most QPUs age within seconds: calibrated for that, by the clock, or both."""
    drawn, rng = draw(seed, policy), np.random.Generator(np.random.Philox(key=seed + 10_000))
    qpus = tuple(
        replace(kind, recalibrate_above=float(rng.choice([0.003, 0.02])), drift=replace(kind.drift, aging=5.0),
                calibrate_every_s=float(rng.choice([math.inf, kind.calibrate_every_s, 7.0])),
                calibrate_first_s=float(rng.choice([math.inf, kind.calibrate_first_s])))
        if rng.random() < 0.8 else kind for kind in drawn.qpus)
    wait = float(rng.choice([0.0, 0.0, 3.0, 20.0])) if patience is None else patience
    return replace(drawn, qpus=qpus, settings={"patience": wait, "chunk_s": 0.5 * (seed % 3)})


@pytest.mark.parametrize("name", [name if name == "efaas" else pytest.param(name, marks=pytest.mark.ci)
                                  for name in ("efaas", "session")])
def test_kernel_and_engine_calibrate_alike(name: str) -> None:
    spy = Spy(name)
    lines, together = np.sum([agree_on(spy, drifting(seed, name), seed % 10 == 0) for seed in range(SCENARIOS)], axis=0)
    assert lines > 20 * SCENARIOS
    assert together > SCENARIOS


def test_patience_defers_some_of_these_calibrations_and_bounds_each() -> None:
    """With patience windows come later, at most so much; without, each begins with the end of a run."""
    moved = counted = 0
    for seed in range(40):
        begins = []
        for patience in (0.0, 8.0):
            log = World(drifting(seed, "efaas", patience), 0).run()
            begins.append([line for line in log if line[1] == kinds.CALIBRATION_BEGIN])
        moved += begins[0] != begins[1]
        counted += len(begins[0]) > 0
    assert counted > 20
    assert moved > 10
