"""A user's policy is a record of functions, and runs unchanged in the extended kernel."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.simulator.platform.parts import Classical, QpuKind
from qloop.simulator.platform.result import RUNS, Replication
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Exponential
from tests.simulator.validity.formulas import cobham

from .owned import SMALL_FIRST
from .plain import compiled, plain
from .stage import mean_s, near, sessions


def scenario(seconds: float, **more: object) -> Scenario:
    return Scenario(**{"policy": SMALL_FIRST, "duration_s": seconds, "warmup_s": seconds / 10.0,
                       "classical": Classical(workers=1000), **more})


# one for each kind, so that both run in one kernel
TWO = (QpuKind(name="fast", speed=4.0), QpuKind(name="slow"))


def some_load() -> Scenario:
    model = sessions(3, Exponential(4.0), Exponential(1.0), sizes=(4, 6), redraw="iteration")
    return scenario(1000.0, arrivals=Poisson(every_s=3.5), sessions=model, qpus=TWO)


def test_it_decides() -> None:
    found = plain(some_load())
    assert len(found.log) > 2000
    waits = [mean_s(found.waited_ns[found.size == size]) for size in (4, 6)]
    assert waits[0] < 0.5 * waits[1]


@pytest.mark.ci
def test_it_decides_compiled_as_it_decides_in_python() -> None:
    assert np.array_equal(compiled(some_load(), log=10_000).log, plain(some_load()).log)


@pytest.mark.everything
def test_its_order_is_priority_by_the_formula() -> None:
    """Small before large on two equal QPUs: M/M/2 with two classes of non-preemptive priority (Cobham 1954)."""
    load = scenario(40_000.0, arrivals=Poisson(every_s=1.0 / 1.6), qpus=(QpuKind(name="a"), QpuKind(name="b")),
                    sessions=sessions(quantum=Exponential(1.0), sizes=(4, 6)))
    runs = [compiled(load, number) for number in range(12)]
    for size, expected in zip((4, 6), cobham(2, [0.8, 0.8]), strict=True):
        assert near([mean_s(run.waited_ns[run.measured() & (run.size == size)]) for run in runs], expected)


def unequal(load: float, fast: float, slow: float) -> tuple[float, float]:
    """Sessions in M/M/2 with unequal rates, the fast server first if both are free, and the share served by it.

    States: nobody, one at the fast, one at the slow, then two and more, from where it is a birth and death process
    (H. Gumbel, "Waiting lines with heterogeneous servers", Operations Research 8, 1960).
    """
    rho = load / (fast + slow)
    # unknown: p0, fast alone, slow alone, two; balance of the first three, and the sum
    balance = np.array([[load, -fast, -slow, 0.0],
                        [-load, load + fast, 0.0, -slow],
                        [0.0, 0.0, load + slow, -fast],
                        [1.0, 1.0, 1.0, 1.0 / (1.0 - rho)]])
    _, one, other, two = np.linalg.solve(balance, [0.0, 0.0, 0.0, 1.0])
    many = two / (1.0 - rho)
    inside = one + other + two * (2.0 / (1.0 - rho) + rho / (1.0 - rho) ** 2)
    return float(inside), float(fast * (one + many) / load)


@pytest.mark.everything
def test_its_preference_makes_two_unequal_qpus_the_known_chain() -> None:
    """Mean times 1 and 4 s, .75 tasks a second; an idle platform gives a task to the first QPU, the fast one."""
    inside, at_fast = unequal(0.75, 1.0, 0.25)
    load = scenario(40_000.0, arrivals=Poisson(every_s=1.0 / 0.75), qpus=TWO,
                    sessions=sessions(quantum=Exponential(4.0)))
    runs: list[Replication] = [compiled(load, number) for number in range(20)]
    span = runs[0].horizon_ns - runs[0].warm_ns
    assert near([float(run.areas[1, 1:3].sum()) / span for run in runs], inside)
    assert near([float(run.qpus[0, RUNS] / run.qpus[:, RUNS].sum()) for run in runs], at_fast)
