"""With every effect off, the extended kernel is the paper's kernel: every line of its log, to the nanosecond."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.simulator.paper.measurements import shipped
from qloop.simulator.paper.model import small
from qloop.simulator.paper.run import draw, serve
from qloop.simulator.paper.run import replicate as paper
from qloop.simulator.paper.workload import key_of
from qloop.simulator.platform import accounts as log
from qloop.simulator.platform import world
from qloop.simulator.platform.parts import Admission, QpuKind
from qloop.simulator.platform.result import OPEN, REFUSED
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.sessions import SessionModel

from .plain import compiled

# fifo always, the others in longer runs: each compiles two kernels
LATER = {"random": pytest.mark.ci, "fifo_swap": pytest.mark.ci}
POLICIES = [name if name == "fifo" else pytest.param(name, marks=LATER.get(name, pytest.mark.everything))
            for name in ("fifo", "random", "weighted", "lifo", "fifo_swap")]


def scenario(policy: str, days: float) -> Scenario:
    return Scenario(policy=policy, duration_s=days * 86_400.0, warmup_s=43_200.0,
                    arrivals=Poisson(every_s=600.0, first_at_zero=True), sessions=SessionModel(priorities=(1, 2, 4)),
                    qpus=(QpuKind(count=4),), admission=Admission(max_classical=40, max_quantum=40),
                    counting="compatible")


def test_a_default_scenario_has_no_effect() -> None:
    effects = world.effects(Scenario(policy="fifo"))
    assert effects._replace(shared_lanes=False) == type(effects)(*[False] * len(effects))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_compatible_profile_is_the_papers_kernel_to_the_nanosecond(policy: str) -> None:
    refused = 0
    for number in range(3):
        found, known = compiled(scenario(policy, 7.0), number), paper(small(policy, duration_s=7 * 86_400.0), number)
        end = np.where(found.outcome == REFUSED, -1, np.where(found.outcome == OPEN, -2, found.left_ns))
        assert np.array_equal(end, known.end_ns)
        assert np.array_equal(found.waited_ns, known.waited_ns)
        assert np.array_equal(found.served_ns, known.served_ns)
        assert np.array_equal(found.areas[:, [0, 1, 2, 4]], known.areas)
        assert not found.areas[:, [3, 5]].any()
        refused += int((found.outcome == REFUSED).sum())
    assert refused > 10


@pytest.mark.parametrize("policy", POLICIES)
def test_so_is_every_line_of_its_log(policy: str) -> None:
    model = small(policy, duration_s=86_400.0)
    key = key_of(0, 5)
    known = serve(model, draw(model, shipped(model.sizes), key), key, log=400_000).log
    found = compiled(scenario(policy, 1.0), 5, log=400_000).log
    assert 10_000 < len(known) < 400_000
    assert np.array_equal(found[found[:, 1] != log.READY], known)
