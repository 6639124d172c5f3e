"""A policy that gives nan is told of by each of the simulator's loops, instead of a run that means nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.errors import InvalidInput
from qloop.policies.columns import ESTIMATE, SEQ, Row, Table
from qloop.policies.record import Policy
from qloop.simulator.paper.model import small
from qloop.simulator.paper.run import replicate as paper
from qloop.simulator.platform.run import replicate
from qloop.simulator.platform.world import effects
from qloop.simulator.replay.replay import replay
from qloop.simulator.scenario import Scenario
from qloop.simulator.soundness import watched
from qloop.simulator.workload.arrivals import Poisson
from tests.simulator.platform.owned import SMALL_FIRST
from tests.simulator.platform.plain import as_python
from tests.simulator.replay.live_world import World

UNKNOWN = float("inf")


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    return tasks[i][SEQ] if tasks[i][SEQ] < 5.0 else UNKNOWN - UNKNOWN


def place(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> float:
    return 0.0 * (UNKNOWN if tasks[i][SEQ] > 4.0 else tasks[i][ESTIMATE])


NAMELESS_KEY = replace(SMALL_FIRST, name="own", enter=enter)
NAMELESS_COST = replace(SMALL_FIRST, name="own", place=place)
SAID = {"enter": r"The policy own gave no number.*enter returned nan as the key",
        "place": r"The policy own gave no number.*place returned nan as the cost"}


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.everything)])
@pytest.mark.parametrize(("part", "policy"), [("enter", NAMELESS_KEY), ("place", NAMELESS_COST)])
def test_the_platform_model(part: str, policy: Policy, compiled: bool) -> None:
    load = Scenario(policy=policy, duration_s=3600.0, arrivals=Poisson(every_s=60.0))
    with pytest.raises(InvalidInput, match=SAID[part]):
        replicate(load, loop=None if compiled else as_python(watched(load.order()), effects(load)))


@pytest.mark.everything
def test_the_papers_model() -> None:
    model = replace(small("fifo", duration_s=20_000.0, warmup_s=0.0), policy=replace(NAMELESS_KEY, shared=True))
    with pytest.raises(InvalidInput, match=SAID["enter"]):
        paper(model, 0, 1)


@pytest.mark.parametrize(("part", "policy"), [("enter", NAMELESS_KEY), ("place", NAMELESS_COST)])
def test_a_replay(part: str, policy: Policy) -> None:
    with pytest.raises(InvalidInput, match=SAID[part]):
        replay(World(8, "efaas", 14, calm=True).run(), policy, compiled=False)


def test_qloops_own_policies_run_without_the_check() -> None:
    for own in (Scenario(policy=name).order() for name in ("fifo", "efaas", "fifo_swap")):
        assert watched(own) == own
