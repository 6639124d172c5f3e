"""Runs are the same again: alone or beside others, with more room, in another process, and under another policy."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest

from qloop.simulator.platform import run as platform_run
from qloop.simulator.platform.accounts import OUTAGE_BEGIN, OUTAGE_END
from qloop.simulator.platform.parts import Drift, Lifetimes, QpuKind, Retries, Tenant, Transfer
from qloop.simulator.platform.result import Replication
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Exponential, Geometric

from .plain import compiled, plain
from .stage import everything, lines, sessions, slots, small


def lively(**more: object) -> Scenario:
    """Every effect on, and each does something."""
    kind = QpuKind(count=2, compile_s=1.0, load_s=0.5, cache=3, warm_s=20.0, calibrate_every_s=150.0,
                   calibration_s=10.0, mtbf_s=300.0, mttr_s=40.0, failure=0.1,
                   drift=Drift(sd=0.2, aging=0.01, t1_sd=0.25, tls_every_s=500.0, tls_hold_s=200.0))
    return everything(**{
        "qpus": (kind,), "duration_s": 3000.0, "arrivals": Poisson(every_s=10.0), "error_per_qubit": 0.01,
        "sessions": sessions(Geometric(8.0), Exponential(2.0), Exponential(1.0), sizes=(4, 6), redraw="iteration"),
        "classical": slots(workers=3, cold_start_s=2.0, keep_alive_s=30.0, failure=0.02),
        "tenants": (Tenant(name="a"), Tenant(name="b", weight=2.0)),
        "transfer": Transfer(submit_s=0.5, up_s=0.25, down_s=0.25),
        "lifetimes": Lifetimes(interactive_s=60.0, max_s=900.0), "retries": Retries(attempts=3, pause_s=1.0), **more})


def told(run: Replication) -> list[np.ndarray]:
    """All that a run tells, but for its scenario."""
    return [np.asarray(getattr(run, field.name)) for field in fields(Replication) if field.name != "scenario"]


def same(one: Replication, other: Replication) -> bool:
    """Whether two runs are equal to the last bit."""
    return all(np.array_equal(*pair) for pair in zip(told(one), told(other), strict=True))


def one_of(number: int) -> Replication:
    return compiled(lively(), number, log=1000)


def told_of(number: int) -> list[np.ndarray]:
    return told(one_of(number))


def test_a_replication_is_the_same_alone_and_after_others() -> None:
    before = [one_of(number) for number in range(4)]
    assert same(one_of(2), before[2])
    assert not same(before[1], before[2])


def test_in_other_processes_it_is_the_same_to_the_last_bit() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = list(pool.map(told_of, range(4)))
    for number in range(4):
        assert all(np.array_equal(*pair) for pair in zip(told_of(number), there[number], strict=True))


@pytest.mark.parametrize("room", [1, 2, 5])
def test_a_run_that_needs_more_room_than_it_began_with_is_the_same_run(room: int, monkeypatch) -> None:
    wide = [one_of(number) for number in range(3)]
    assert min(run.widest for run in wide) > 5
    monkeypatch.setattr(platform_run, "FIRST_ROOM", room)
    assert all(same(one_of(number), wide[number]) for number in range(3))


def test_compiled_and_plain_python_are_the_same_with_everything_on() -> None:
    scenario = lively(duration_s=1000.0)
    assert same(compiled(scenario, 1, log=5000), plain(scenario, 1, log=5000))


BROUGHT = ("arrival_ns", "tenant", "size", "priority", "iterations")


def test_every_policy_meets_the_same_sessions() -> None:
    runs = [plain(lively(policy=policy, duration_s=300.0), 3) for policy in ("fifo", "lifo", "efaas", "random")]
    for run in runs[1:]:
        assert all(np.array_equal(getattr(run, name), getattr(runs[0], name)) for name in BROUGHT)
    assert len({tuple(run.left_ns.tolist()) for run in runs}) > 1


def test_a_session_alone_has_the_same_length_under_every_policy() -> None:
    """Its durations are named by its number, and so are the failures of its attempts."""
    model = sessions(Geometric(8.0), Exponential(2.0), Exponential(1.0), redraw="iteration")
    ends = [plain(small(0.0, policy=policy, sessions=model, qpus=(QpuKind(failure=0.3),))).left_ns.tolist()
            for policy in ("fifo", "lifo", "efaas", "sjf", "random")]
    assert ends == ends[:1] * 5


def test_outages_come_at_the_same_times_whatever_the_load() -> None:
    kinds = (QpuKind(count=2, mtbf_s=100.0, mttr_s=20.0),)
    told = [lines(plain(small(arrivals=Poisson(every_s=every), qpus=kinds)), OUTAGE_BEGIN, OUTAGE_END)
            for every in (2.0, 50.0)]
    assert len(told[0]) > 20
    assert told[0] == told[1]


def test_another_seed_and_another_number_are_other_runs() -> None:
    one = lively(duration_s=300.0)
    assert not same(compiled(one, 0), compiled(replace(one, seed=1), 0))
