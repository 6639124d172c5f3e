"""Schedules of the extended kernel with scarce workers of their own (slots) meet the offline problem's constraints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.simulator.offline.model import Instance, Starts, delays, violations
from qloop.simulator.offline.schedules import instance_of, small_platform
from qloop.simulator.offline.solve import least_delay
from qloop.simulator.paper.workload import Sessions
from qloop.simulator.platform.accounts import CLASSICAL_END, QUANTUM_START
from qloop.simulator.platform.parts import Classical, QpuKind
from qloop.simulator.platform.result import DONE, Replication
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Recorded
from qloop.simulator.workload.drawn import Drawn
from tests.policies.chosen import LONG
from tests.simulator.platform.plain import plain


class Given:
    """Sessions that are given and not drawn."""

    sizes = (4,)

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def load(self) -> dict[int, object]:
        return {}

    def draw(self, key: int, first: int, count: int, measurements: object, shares: object) -> Drawn:
        given, begin = self.sessions, range(count)
        return Drawn(given.size, given.priority, given.size * 0, given.pre, given.post, given.iterations,
                     given.size * 0 + list(begin), 0, given.cost, given.quantum_ns)


def schedule(seed: int, policy: str, workers: int) -> tuple[Instance, Starts, Replication]:
    """A run of a small platform whose sessions wait for workers, and its offline problem."""
    model, sessions = small_platform(seed, most=5)
    scenario = Scenario(
        policy=policy, settings={"chunk_s": 0.0},       # an offline schedule has each task in one piece
        duration_s=20.0 * model.duration_s, arrivals=Recorded(tuple(sessions.arrival_ns * 1e-9)),
        sessions=Given(sessions), qpus=(QpuKind(count=model.qpus),),    # type: ignore[arg-type]
        classical=Classical(discipline="slots", workers=workers))
    run = plain(scenario)
    assert (run.outcome == DONE).all()
    instance = instance_of(replace(model, workers=workers), sessions)
    starts: list[list[int]] = [[] for _ in instance.tasks]
    for time, kind, session, _ in run.log.tolist():
        if kind in (CLASSICAL_END, QUANTUM_START):
            done = instance.tasks[session][len(starts[session])]
            starts[session].append(time - done.length if kind == CLASSICAL_END else time)
    return instance, starts, run


@pytest.mark.parametrize("policy", LONG)
def test_every_schedule_with_scarce_workers_keeps_the_constraints(policy: str) -> None:
    for seed in range(12):
        instance, starts, run = schedule(seed, policy, 1 + seed % 2)
        assert violations(instance, starts) == [], seed
        assert delays(instance, starts) == tuple(run.left_ns - run.arrival_ns)


def test_one_worker_more_is_noticed() -> None:
    """The constraint on workers is about something: with fewer workers these schedules would break it."""
    broken = 0
    for seed in range(12):
        instance, starts, _ = schedule(seed, "fifo", 2)
        broken += bool(violations(replace(instance, workers=1), starts))
    assert broken > 5


@pytest.mark.ci
@pytest.mark.parametrize("policy", ["fifo", "sjf", "efaas"])
def test_the_optimum_with_scarce_workers_is_never_above(policy: str) -> None:
    for seed in range(6):
        instance, starts, _ = schedule(seed, policy, 1 + seed % 2)
        assert least_delay(instance, limit_s=20.0).bound <= sum(delays(instance, starts))
