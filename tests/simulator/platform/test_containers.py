"""Containers: cold and warm starts, keep-alive, scale to zero, tenants apart."""

from __future__ import annotations

import math

import pytest

from qloop.simulator.platform.parts import Classical, Tenant
from qloop.simulator.platform.result import CONTAINERS
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Constant

from .plain import compiled, plain
from .stage import everything, long, near, ns, qpu, sessions, slots, small


def pool(keep_alive_s: float, hold: str = "task", **more: object) -> Classical:
    return Classical(**{"workers": 1000, "cold_start_s": 2.0, "keep_alive_s": keep_alive_s, "hold": hold, **more})


@pytest.mark.parametrize("keep_alive", [20.0, 100.0, 250.0])
def test_short_tasks_in_a_pool_start_cold_when_nobody_came_for_the_keep_alive(keep_alive: float) -> None:
    """Poisson arrivals, one in 100 s: cold with exp(-keep_alive/100), and 1 - that containers idle on average."""
    scenario = long(400_000.0, arrivals=Poisson(every_s=100.0), classical=slots(keep_alive_s=keep_alive),
                    sessions=sessions(quantum=0.0))
    runs = [compiled(scenario, number) for number in range(12)]
    cold = math.exp(-keep_alive / 100.0)
    assert near([float(run.colds.mean()) for run in runs], cold)
    span = runs[0].horizon_ns - runs[0].warm_ns
    assert near([float(run.areas[1, CONTAINERS]) / span for run in runs], 1.0 - cold)


def test_a_container_for_each_task_or_one_for_the_session() -> None:
    """Three times 1 s of thinking and a shot of 10 s. Kept for 5 s only, each task starts one of its own:
    2 s cold, 1 s work, 5 s idle. A session that holds its own has one from its first task to its end."""
    model = sessions(iterations=3, quantum=10.0, classical=1.0)
    tasks = plain(small(0.0, sessions=model, classical=pool(5.0)))
    assert tasks.colds.tolist() == [3]
    assert tasks.left_ns.tolist() == [ns(3 * (2.0 + 1.0 + 10.0))]
    assert tasks.areas[:, CONTAINERS].sum() == ns(3 * 8.0)
    session = plain(small(0.0, sessions=model, classical=pool(5.0, "session")))
    assert session.colds.tolist() == [1]
    assert session.left_ns.tolist() == [ns(2.0 + 3 * 11.0)]
    assert session.areas[:, CONTAINERS].sum() == ns(35.0 + 5.0)


def test_a_container_kept_long_enough_is_warm_and_counted_while_it_idles() -> None:
    model = sessions(iterations=3, quantum=10.0, classical=1.0)
    found = plain(small(0.0, sessions=model, classical=pool(10.0)))      # exactly as long as the shot
    assert found.colds.tolist() == [1]
    assert found.left_ns.tolist() == [ns(2.0 + 3 * 11.0)]
    assert found.areas[:, CONTAINERS].sum() == ns(2.0 + 3 * 11.0)        # used again to the last moment of its time


def test_post_runs_in_a_container_too() -> None:
    model = sessions(quantum=1.0, classical=1.0, post=Constant(4.0))
    found = plain(small(0.0, sessions=model, classical=pool(0.0)))
    assert found.colds.tolist() == [2]
    assert found.left_ns.tolist() == [ns(2.0 + 1.0 + 1.0 + 2.0 + 4.0)]


def test_an_idle_platform_scales_to_zero() -> None:
    """Ten sessions at once need ten containers; 30 s later there are none, and the next ten start cold again."""
    model = sessions(classical=1.0, quantum=0.0)
    found = plain(small(*[0.0] * 10, *[500.0] * 10, sessions=model, classical=pool(30.0)))
    assert found.colds.tolist() == [1] * 20
    assert found.areas[:, CONTAINERS].sum() == 20 * ns(2.0 + 1.0 + 30.0)


def test_the_newest_idle_container_is_used_first_so_that_the_others_can_go() -> None:
    """Two at once, then one every 20 s with 25 s kept: one of two is used on and on, the other leaves after 25 s."""
    times = [0.0, 0.0, *[20.0 * k for k in range(1, 6)]]
    found = plain(small(*times, sessions=sessions(classical=1.0, quantum=0.0), classical=pool(25.0)))
    assert found.colds.tolist() == [1, 1, 0, 0, 0, 0, 0]
    last = 100.0 + 1.0 + 25.0
    assert found.areas[:, CONTAINERS].sum() == ns(last + 3.0 + 25.0)


def test_no_tenant_runs_in_the_container_of_another() -> None:
    tenants = (Tenant(name="a"), Tenant(name="b"))
    times = [10.0 * k for k in range(40)]
    found = plain(small(*times, tenants=tenants, sessions=sessions(classical=1.0, quantum=0.0), classical=pool(1e6)))
    assert set(found.tenant.tolist()) == {0, 1}
    first = [found.tenant.tolist().index(one) for one in (0, 1)]
    assert [session for session in range(40) if found.colds[session]] == sorted(first)
    together = plain(small(*times, sessions=sessions(classical=1.0, quantum=0.0), classical=pool(1e6)))
    assert together.colds.sum() == 1


def test_container_time_holds_all_computing() -> None:
    """With every task in a container of its own, kept for no time, they are there while tasks start and run."""
    scenario = everything(classical=slots(keep_alive_s=0.0, cold_start_s=3.0), sessions=sessions(5, 0.1, 2.0),
                          qpus=(qpu(count=20),), duration_s=2000.0)
    found = compiled(scenario)
    assert found.areas[:, CONTAINERS].sum() == found.classical_ns.sum() + found.delayed_ns.sum()
