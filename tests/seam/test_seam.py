"""One policy source, two hosts: the engine in virtual time and the compiled kernel agree event by event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

from qloop.policies.catalog import builtin
from qloop.policies.columns import AGING
from qloop.policies.record import Policy
from tests.policies.chosen import in_time
from tests.seam.small_kernel import FINISH, START, Kernel, run_plain

from .chosen import tuned
from .driver import Driver, draw
from .script import Script

SCENARIOS = 500
FEW = 12
# Compiled at once, one of a kind: a key that is drawn, lanes that all QPUs share, two classes; some more in CI.
COMPILED = frozenset(("random", "reservation", "efaas"))
IN_CI = frozenset(("fifo", "easy", "fifo_swap", "session", "efaas_expected"))
# These differ from another policy by what these scenarios lack: caches, CPU seconds, losses, workers, speculation.
ALIKE = {"faas", "drfq", "efaas-no-cpu", "efaas-no-fidelity", "efaas-no-pool", "efaas-no-speculation"}


Run: TypeAlias = Callable[[Policy, Script], tuple[list[tuple[int, int, int, int]], Any]]


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return Kernel()


def agree(run: Run, name: str, seed: int, check: bool) -> int:
    """Runs one scenario in both hosts; returns how many of its log entries share their time with another."""
    scenario = draw(seed)
    driver = Driver(tuned(name), scenario, check)
    live = driver.run()
    log, (_, flows, qpus, totals) = run(tuned(name), scenario)
    assert [tuple(int(x) for x in entry) for entry in log] == live[:len(log)], f"{name}, seed {seed}"
    assert len(live) == len(log)
    state = driver.engine.state
    rows = [state.tenants[f"t{r}"] for r in range(len(scenario.tenant_weight))] + driver.rows
    assert np.array_equal(np.array([state.flows[row] for row in rows]), flows), f"{name}, seed {seed}: flows"
    assert np.array_equal(np.array(state.qpu_rows), qpus), f"{name}, seed {seed}: qpus"
    assert np.array_equal(np.array(state.totals), totals), f"{name}, seed {seed}: totals"
    times = [entry[0] for entry in live]
    return len(times) - len(set(times))


@pytest.mark.parametrize("name", in_time(COMPILED, IN_CI))
def test_kernel_and_engine_agree_on_random_scenarios(kernel: Kernel, name: str) -> None:
    together = sum(agree(kernel.run, name, seed, check=seed % 10 == 0) for seed in range(SCENARIOS))
    assert together > SCENARIOS      # the scenarios do hold simultaneous events


@pytest.mark.parametrize("name", sorted(set(builtin()) - COMPILED))
def test_the_kernel_as_plain_python_agrees_with_the_engine(name: str) -> None:
    """Without compiling, which takes longest: a few scenarios of the policies that the test above leaves to later."""
    for seed in range(FEW):
        agree(run_plain, name, seed, check=seed == 0)


def live(name: str, seed: int) -> list[tuple[int, int, int, int]]:
    """The log of the engine, which is the kernel's as well by the test above, and needs no compiling."""
    policy = tuned(name)
    if policy.settings.get(AGING) == 60.0:
        policy = policy.with_settings({AGING: 18.25})    # less than a scenario's length, but not so little that only it
        # matters, and no debt to NORMAL
    return Driver(policy, draw(seed), check=False).run()


def test_policies_differ() -> None:
    """The agreement above is about something: no two policies order these scenarios alike."""
    names = sorted(set(builtin()) - ALIKE)
    logs = {name: [live(name, seed) for seed in range(40)] for name in names}
    for a in names:
        assert all(logs[a] != logs[b] for b in names if b != a), a


def test_every_start_has_its_finish() -> None:
    for seed in range(50):
        kinds = [entry[1] for entry in live("efaas", seed)]
        assert kinds.count(START) == kinds.count(FINISH) > 0
