"""The exact optimum against all orders on tiny instances, and against every policy on small ones."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from qloop.errors import InvalidInput, MissingExtra
from qloop.policies.catalog import builtin
from qloop.simulator.offline.model import Instance, Task, delays, running_with, violations
from qloop.simulator.offline.schedules import instance_of, small_platform, starts_of, under
from qloop.simulator.offline.solve import fewest_workers, least_delay
from qloop.simulator.paper.platform_kernel import simulate
from qloop.simulator.paper.run import serve
from tests.policies.chosen import LONG
from tests.simulator.paper.test_against_plain import bind

from . import listing
from .queues import generator
from .test_offline_model import instance


def tiny(seed: int) -> Instance:
    """Two or three sessions of one to three tasks on scarce workers and QPUs, some tasks without length."""
    rng = generator(61, seed)
    tasks = tuple(tuple(Task(bool(rng.integers(2)), int(rng.integers(0, 7))) for _ in range(rng.integers(1, 4)))
                  for _ in range(rng.integers(2, 4)))
    return Instance(tuple(int(rng.integers(0, 6)) for _ in tasks), tasks, int(rng.integers(1, 3)),
                    int(rng.integers(1, 3)))


def test_the_least_delay_is_that_of_the_best_order() -> None:
    delayed = 0
    for seed in range(60):
        given = tiny(seed)
        found = least_delay(given)
        assert found.proven
        assert violations(given, found.starts) == []
        assert found.value == sum(delays(given, found.starts)) == listing.least_delay(given), seed
        delayed += found.value > sum(task.length for session in given.tasks for task in session)
    assert delayed > 20     # most tell something: their sessions are in each other's way


def test_the_fewest_workers_are_those_of_the_orders() -> None:
    """A bound on delays a little above what is needed alone, and C tried from 1 upwards."""
    met: list[int] = []
    for seed in range(100, 160):
        given = tiny(seed)
        most = max(sum(task.length for task in session) for session in given.tasks) + seed % 3
        enough = [c for c in range(1, len(given.tasks) + 1) if listing.keeps(replace(given, workers=c), most)]
        if not enough:
            with pytest.raises(InvalidInput, match=f"No schedule on {given.qpus} QPUs keeps these bounds"):
                fewest_workers(given, most)
            continue
        found = fewest_workers(given, most)
        assert (found.value, found.proven) == (enough[0], True), seed
        assert violations(replace(given, workers=found.value), found.starts) == []
        assert max(delays(given, found.starts)) <= most
        met.append(found.value)
    assert set(met) >= {1, 2}
    assert len(met) < 60


def test_cases_worked_by_hand() -> None:
    """Shortest first on one QPU; and a QPU that waits 1 for the short one that is to come."""
    assert least_delay(instance("q5", "q1")).value == 1 + 6
    assert least_delay(instance("q9", "q1", arrival=(0, 1))).value == (1 + 1 + 9) + 1
    # while one loop thinks the other runs: 1 2 1 2, with 2 for each
    found = least_delay(instance("q2 c2 q2", "q2 c2 q2"))
    assert (found.value, sorted(found.starts)) == (6 + 8, [(0, 2, 4), (2, 4, 6)])
    # two sessions of two classical tasks, each 2: a delay of 4 needs two workers, one of 8 needs one
    assert fewest_workers(instance("c2 c2", "c2 c2"), 4).value == 2
    assert fewest_workers(instance("c2 c2", "c2 c2"), 8).value == 1
    assert fewest_workers(instance("c2 c2", "c2 c2"), [8, 4]).value == 1
    assert least_delay(Instance((), (), 1, 1)).value == 0


@pytest.fixture(scope="module")
def optima():
    """Twenty-five small platforms, their instances and optima."""
    chosen = [small_platform(seed, most=6) for seed in range(25)]
    instances = [instance_of(model, sessions) for model, sessions in chosen]
    return [(*platform, given, least_delay(given)) for platform, given in zip(chosen, instances, strict=True)]


@pytest.mark.parametrize("name", LONG)
def test_no_policy_is_below_the_optimum(name: str, optima, monkeypatch: pytest.MonkeyPatch) -> None:
    bind(monkeypatch, builtin()[name])
    regrets = []
    for key, (model, sessions, given, best) in enumerate(optima):
        assert best.proven
        starts = starts_of(serve(under(model, name), sessions, key, log=10_000, loop=simulate))
        assert violations(given, starts) == []
        regrets.append(sum(delays(given, starts)) - best.value)
    assert min(regrets) >= 0
    assert sum(regret > 0 for regret in regrets) > 5        # nobody who does not know what comes is optimal throughout


def test_a_second_qpu_never_hurts_and_alone_nobody_waits(optima) -> None:
    for _, _, given, best in optima[:8]:
        alone = sum(task.length for session in given.tasks for task in session)
        more = least_delay(replace(given, qpus=given.qpus + 1), hint=best.starts)
        assert alone <= more.value <= best.value
        assert least_delay(replace(given, qpus=len(given.tasks))).value == alone


def test_the_unit_of_time_and_the_names_of_sessions_do_not_matter() -> None:
    for seed in range(10):
        given, rng = tiny(seed), generator(62, seed)
        order = rng.permutation(len(given.tasks))
        other = Instance(tuple(given.arrival[i] * 7919 for i in order),
                         tuple(tuple(Task(t.quantum, t.length * 7919) for t in given.tasks[i]) for i in order),
                         given.workers, given.qpus)
        assert least_delay(other).value == 7919 * least_delay(given).value


def test_a_worker_for_each_session_is_always_enough_for_the_least_delays(optima) -> None:
    """The two objectives meet: with the delays of the optimum as bounds, C is at most what the optimum uses."""
    for _, _, given, best in optima[:6]:
        uses = max(running_with(given, best.starts, begin, False) for session in best.starts for begin in session)
        found = fewest_workers(given, delays(given, best.starts))
        assert 1 <= found.value <= uses
        assert sum(delays(given, found.starts)) == best.value


def test_bad_wishes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="1 bounds were given for 2 sessions"):
        fewest_workers(instance("q1", "q1"), [3])
    with pytest.raises(InvalidInput, match=r"No schedule on 1 QPUs keeps these bounds.*Give longer bounds"):
        fewest_workers(instance("q2", "q2"), 3)
    monkeypatch.setitem(sys.modules, "ortools", None)
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    with pytest.raises(MissingExtra, match="The offline optimum needs an optional library"):
        least_delay(instance("q1"))


def test_what_is_said_within_a_limit_is_true(optima) -> None:
    """However far the solver comes in a moment, the optimum lies between its bound and its schedule's value."""
    for model, sessions, given, best in optima[:5]:
        starts = starts_of(serve(model, sessions, log=10_000, loop=simulate))
        try:
            found = least_delay(given, limit_s=0.05, hint=starts)
        except InvalidInput:    # not even the hint was looked at
            continue
        assert violations(given, found.starts) == []
        assert found.bound <= best.value <= found.value == sum(delays(given, found.starts))
