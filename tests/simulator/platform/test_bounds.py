"""Extreme values within the bounds end in no overflow, and what was once wrong at the edges stays right."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.policies import columns as c
from qloop.policies.catalog import builtin, policy
from qloop.policies.columns import HOLD, Row, Table
from qloop.simulator.compile import Compiler
from qloop.simulator.platform import accounts as kinds
from qloop.simulator.platform.parts import Classical, Lifetimes, QpuKind, Retries
from qloop.simulator.platform.result import DONE, OPEN
from qloop.simulator.platform.run import call, replicate
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Recorded
from qloop.simulator.workload.distributions import Constant
from qloop.simulator.workload.sessions import SessionModel

from .plain import plain


def one(at: tuple[float, ...] = (0.0,), **changes: object) -> Scenario:
    """Sessions of one iteration at known times: 1 s on a worker, 2 s on a QPU."""
    alike = SessionModel(pre=Constant(0.0), post=Constant(0.0), classical=Constant(1.0), quantum=Constant(2.0),
                         iterations=Constant(1.0))
    return replace(Scenario(policy="fifo", duration_s=100.0, arrivals=Recorded(times_s=at), sessions=alike), **changes)


@pytest.mark.parametrize("capacity", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("discipline", ["sharing", "slots"])
def test_the_slowest_worker_finishes_nothing(capacity: float, discipline: str) -> None:
    found = plain(one((0.0, 1.0, 2.0), classical=Classical(capacity=capacity, discipline=discipline)))
    assert (found.outcome == OPEN).all()


def test_the_slowest_qpu_finishes_nothing() -> None:
    long = replace(one().sessions, quantum=Constant(10_800.0))
    found = plain(one(qpus=(QpuKind(speed=1e-6),), sessions=long))
    assert (found.outcome == OPEN).all()


def test_a_qpu_that_fails_once_in_a_millennium_does_not_fail() -> None:
    many = QpuKind(count=40, mtbf_s=1000 * 366 * 86_400.0, mttr_s=3600.0)
    for number in range(20):
        assert plain(one(qpus=(many,)), number).qpus[:, 7].sum() == 0


def test_more_open_sessions_than_whole_nanoseconds_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Integrals are then float64; here the bound is made small, and both agree."""
    scenario = one(tuple(np.arange(0.0, 40.0, 0.5)))
    whole = plain(scenario)
    monkeypatch.setattr("qloop.simulator.platform.run.MOST_AREA", 0.0)
    rounded = plain(scenario)
    assert rounded.areas.dtype == np.float64
    assert np.allclose(rounded.areas, whole.areas, rtol=1e-12)


def test_a_gap_and_a_loss_are_counted_once_however_often_an_attempt_fails() -> None:
    loops = replace(one().sessions, iterations=Constant(20.0))
    scenario = one(sessions=loops, duration_s=10_000.0, error_per_qubit=0.01, retries=Retries(attempts=100),
                   qpus=(QpuKind(failure=0.5),))
    found = plain(scenario)
    assert found.outcome[0] == DONE
    assert found.loss[0] == pytest.approx(20 * 0.01 * found.size[0])
    assert found.gap_ns[0] == 19 * 1_000_000_000        # between two shots lies one classical second
    assert found.lost_ns[0] > 0


def test_an_epoch_is_counted_between_results() -> None:
    loops = replace(one().sessions, iterations=Constant(10.0))
    every = QpuKind(calibrate_every_s=8.0, calibration_s=1.0, failure=0.4)
    found = plain(one(sessions=loops, duration_s=10_000.0, retries=Retries(attempts=100), qpus=(every,)))
    shots = [time for time, kind, *_ in found.log.tolist() if kind == kinds.QUANTUM_END]
    windows = [time for time, kind, *_ in found.log.tolist() if kind == kinds.CALIBRATION_END]
    met = sum(any(a < w < b for w in windows) for a, b in pairwise(shots))
    assert found.epochs[0] == met > 0


def test_a_container_whose_start_was_broken_off_serves_nobody() -> None:
    cold = Classical(cold_start_s=60.0, keep_alive_s=600.0)
    found = plain(one((0.0, 6.0), classical=cold, lifetimes=Lifetimes(max_s=5.0), duration_s=1000.0))
    assert found.colds.tolist() == [1, 1]


def pick_late(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int, now: float,
              u: float) -> int:
    """The first task, 10 s after it became ready; until then the policy asks to be asked again."""
    for lane in range(len(heads)):
        i = heads[lane]
        if i >= 0:
            if now - tasks[i][c.READY_AT] >= 10.0:
                return lane
            totals[c.WAKE] = min(totals[c.WAKE], tasks[i][c.READY_AT] + 10.0)
    return HOLD


def test_a_policy_is_asked_again_when_it_wishes() -> None:
    late = replace(builtin()["fifo"], name="late", pick=pick_late)
    found = plain(one((0.0, 0.0, 50.0), policy=late, qpus=(QpuKind(count=2),)))
    assert found.waited_ns.tolist() == [10_000_000_000] * 3


def pick_own(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int, now: float,
             u: float) -> int:
    """The lane of the QPU that asks."""
    return q if heads[q] >= 0 else HOLD


def test_a_policy_that_looks_at_its_qpus_lane_has_one() -> None:
    own = replace(builtin()["fifo"], name="own", pick=pick_own)
    found = plain(one((0.0, 0.0, 0.0), policy=own, qpus=(QpuKind(count=3),)))
    assert sorted(line[3] for line in found.log.tolist() if line[1] == kinds.QUANTUM_START) == [0, 1, 2]


@pytest.mark.parametrize("name", ["fifo", "lifo", "sjf", "random", "weighted"])
def test_shared_lanes_and_lanes_of_each_qpu_are_the_same_order(name: str) -> None:
    """Where QPUs are alike, the kernel keeps one lane for all: the same starts, if not always on the same of them."""
    model = SessionModel(pre=Constant(0.0), post=Constant(0.0), priorities=(1, 2, 4), iterations=Constant(6.0),
                         redraw="iteration", classical=Constant(1.5))
    times = tuple(np.arange(0.0, 60.0, 2.0))
    base = Scenario(policy=policy(name), duration_s=400.0, arrivals=Recorded(times_s=times), sessions=model)
    shared = plain(replace(base, qpus=(QpuKind(count=3),)))
    apart = plain(replace(base, qpus=tuple(QpuKind(name=str(k)) for k in range(3))))
    assert np.array_equal(shared.log[:, :3], apart.log[:, :3])


def pick_unknown(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int, now: float,
                 u: float) -> int:
    return len(nowhere) + "a"      # type: ignore[name-defined, no-any-return]  # noqa: F821


def test_what_the_compiler_says_of_a_policy_is_told_with_its_name() -> None:
    loop = Compiler().compile(pick_unknown)
    with pytest.raises(InvalidInput, match=r"The policy broken cannot be compiled.*nowhere"):
        call(loop, "broken", *np.zeros((4, 1, 1)), np.zeros(1), 0, 0.0, 0.0)


@pytest.mark.everything
def test_a_policy_that_cannot_be_compiled_is_named_with_the_reason() -> None:
    broken = replace(builtin()["fifo"], name="broken", pick=pick_unknown)
    with pytest.raises(InvalidInput, match=r"The policy broken cannot be compiled.*nowhere"):
        replicate(one(policy=broken))


def test_a_tuple_that_is_none_is_told() -> None:
    with pytest.raises(InvalidInput, match=r"scenario.qpus is QpuKind.*with the comma"):
        one(qpus=QpuKind())


def test_scenarios_and_results_go_to_other_processes() -> None:
    found = plain(one(policy=policy("efaas", phi=0.3)))
    again = pickle.loads(pickle.dumps(found))
    assert again.scenario == found.scenario
    assert np.array_equal(again.left_ns, found.left_ns)
