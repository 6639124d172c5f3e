"""The extended model's kernel and the engine agree event by event, with all that live has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qloop.policies import columns as c
from qloop.policies.catalog import builtin
from qloop.simulator.platform import accounts as kinds
from qloop.simulator.platform import compiled, world
from qloop.simulator.platform.compiled import Effects, kernel_for
from qloop.simulator.platform.run import replicate
from qloop.simulator.scenario import Scenario
from tests.policies.chosen import CI, in_time

from .chosen import TUNED
from .platform_driver import World
from .platform_scenarios import draw

SCENARIOS = 500
UNSEEN = (kinds.READY, kinds.LAPSE)


@pytest.fixture(autouse=True)
def blocks_in_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel below is compiled once for all scenarios, also for those that would do without blocks."""
    monkeypatch.setattr(world, "has_blocks", lambda scenario: True)


class Spy:
    """The compiled kernel with everything on, one for all tests of this room; it keeps the tables after a run."""

    def __init__(self, name: str) -> None:
        policy = builtin()[name]
        on = Effects(policy.shared, True, False, True, True, True, False, True, True, True, False, False, blocks=True,
                     recalibrates=True, chunks=policy.switch is not None)
        self.loop = kernel_for(policy, on)

    def __call__(self, m, p, work, w):      # type: ignore[no-untyped-def]
        self.tables = w
        self.loop(m, p, work, w)


def agree(spy: Spy, name: str, seed: int, check: bool) -> tuple[int, int]:
    """Runs one scenario in both hosts; returns the length of the log and how many lines share their time."""
    return agree_on(spy, replace(draw(seed, name), settings=TUNED.get(name, {})), check)


def agree_on(spy: Spy, scenario: Scenario, check: bool) -> tuple[int, int]:
    """The same for a scenario that is given."""
    name, seed = scenario.policy, scenario.seed
    live = World(scenario, 0, check)
    told = live.run()
    run = replicate(scenario, 0, loop=spy, log=10_000)
    assert not any(run.imbalance().values()), f"{name}, seed {seed}"
    lines = [tuple(int(x) for x in line) for line in run.log if line[1] not in UNSEEN]
    assert sorted(lines) == sorted(told), f"{name}, seed {seed}"
    state, w = live.engine.state, spy.tables
    assert np.array_equal(np.array(state.totals), w.totals), f"{name}, seed {seed}: totals"
    facts = slice(0, c.OWNER)       # owners are rows, which the hosts number each in their way
    assert np.array_equal(np.array(state.qpu_rows)[:, facts], w.qpus[:, facts]), f"{name}, seed {seed}: qpus"
    rows = [state.tenants[str(k)] for k in range(len(scenario.tenants))]
    assert np.array_equal(np.array([state.flows[row] for row in rows]), w.flows[:len(rows)]), f"{name}, {seed}: tenants"
    return len(told), len(told) - len({line[0] for line in told})


@pytest.mark.parametrize("name", in_time(frozenset(("efaas",)), CI - {"fairshare"} | {"reservation"}))
def test_kernel_and_engine_agree_on_random_scenarios(name: str) -> None:
    spy = Spy(name)
    lines, together = np.sum([agree(spy, name, seed, check=seed % 10 == 0) for seed in range(SCENARIOS)], axis=0)
    assert together > SCENARIOS     # the scenarios do hold simultaneous events
    assert lines > 20 * SCENARIOS


def test_the_drawn_scenarios_hold_every_effect() -> None:
    logs = [World(draw(seed, "fifo"), 0).run() for seed in range(60)]
    seen = {line[1] for log in logs for line in log}
    assert {kinds.QUANTUM_START, kinds.QUANTUM_END, kinds.ATTEMPT_LOST, kinds.CLASSICAL_END, kinds.DELAY_END, kinds.END,
            kinds.CALIBRATION_BEGIN, kinds.CALIBRATION_END, kinds.OUTAGE_BEGIN, kinds.OUTAGE_END, kinds.EXPIRY,
            kinds.FAILURE, kinds.ARRIVAL} <= seen


def test_what_a_scenario_has_is_what_is_compiled() -> None:
    scenario = draw(3, "efaas")
    on = world.effects(scenario)
    assert on.slots
    assert on.lives
    assert not on.closed
    assert compiled.kernel_for(scenario.order(), on) is compiled.kernel_for(scenario.order(), on)
