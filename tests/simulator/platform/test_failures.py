"""What is lost and done again: attempts, classical tasks, and QPUs that fail."""

from __future__ import annotations

import numpy as np

from qloop.simulator.platform.accounts import ATTEMPT_LOST, OUTAGE_BEGIN, OUTAGE_END, QUANTUM_START
from qloop.simulator.platform.parts import QpuKind, Retries
from qloop.simulator.platform.result import DONE, DOWN, EXECUTED, FAILED, LOST, OUTAGES
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Exponential

from .plain import compiled, plain
from .stage import everything, lines, near, ns, qpu, sessions, slots, small


def test_tries_of_a_task_are_geometric() -> None:
    """A try fails with .3: P(n failures) = .7 * .3^n, on average 1/.7 tries; each failure costs its 1 s, exactly."""
    scenario = everything(duration_s=20_000.0, qpus=(qpu(count=30, failure=0.3),), retries=Retries(attempts=1000))
    found = compiled(scenario)
    done = found.outcome == DONE
    failures = found.lost_ns[done] // ns(1.0)
    assert (found.lost_ns[done] == failures * ns(1.0)).all()
    assert (found.served_ns[done] == (failures + 1) * ns(1.0)).all()
    n = len(failures)
    assert abs((failures + 1).mean() - 1.0 / 0.7) < 4.0 * np.sqrt(0.3) / 0.7 / np.sqrt(n)
    expected = n * 0.7 * 0.3 ** np.arange(6)
    seen = np.array([(failures == k).sum() for k in range(6)])
    assert ((seen - expected) ** 2 / expected).sum() < 22.5        # chi-square of 6, .999


def test_a_session_fails_after_its_attempts() -> None:
    """Three tries that fail with .4 each: .064 of the tasks, and every such session has lost 3 s."""
    scenario = everything(duration_s=20_000.0, qpus=(qpu(count=30, failure=0.4),), retries=Retries(attempts=3))
    found = compiled(scenario)
    over = found.outcome > 0
    failed = found.outcome == FAILED
    assert abs(failed[over].mean() - 0.064) < 4.0 * np.sqrt(0.064 * 0.936 / over.sum())
    assert (found.lost_ns[failed] == ns(3.0)).all()
    assert (found.steps[failed] == 0).all()
    assert found.qpus[:, LOST].sum() == found.lost_ns.sum()
    assert found.qpus[:, EXECUTED].sum() + found.qpus[:, LOST].sum() == found.served_ns.sum()


def test_a_task_that_always_fails_has_as_many_tries_as_it_is_given() -> None:
    found = plain(small(*[0.0] * 30, qpus=(QpuKind(failure=0.99),), retries=Retries(attempts=4)))
    failed = found.outcome == FAILED
    assert failed.sum() > 25
    assert set(found.lost_ns[failed].tolist()) == {ns(4.0)}


def test_the_next_try_comes_after_the_pause() -> None:
    found = plain(small(0.0, sessions=sessions(iterations=40), qpus=(QpuKind(failure=0.5),),
                        retries=Retries(attempts=1000, pause_s=4.0)))
    lost = lines(found, ATTEMPT_LOST)
    begun = {when for when, *_ in lines(found, QUANTUM_START)}
    assert len(lost) > 10
    assert all(when + 4.0 in begun for when, *_ in lost)
    assert found.delayed_ns.tolist() == [len(lost) * ns(4.0)]
    assert found.left_ns.tolist() == [ns(40.0 + 5.0 * len(lost))]


def test_a_lost_classical_task_is_done_again() -> None:
    """Lost at its end with .25: on average 1/.75 times its 2 s, and always a multiple of them."""
    scenario = everything(duration_s=20_000.0, classical=slots(failure=0.25), qpus=(qpu(count=30),),
                          sessions=sessions(classical=2.0))
    found = compiled(scenario)
    tries = found.classical_ns[found.outcome == DONE] / ns(2.0)
    assert (tries == np.round(tries)).all()
    assert abs(tries.mean() - 1.0 / 0.75) < 4.0 * np.sqrt(0.25) / 0.75 / np.sqrt(len(tries))


def test_availability_is_mtbf_over_mtbf_and_mttr() -> None:
    scenario = everything(duration_s=200_000.0, qpus=(qpu(count=20, mtbf_s=3000.0, mttr_s=1000.0),),
                          arrivals=Poisson(every_s=1000.0))
    runs = [compiled(scenario, number) for number in range(10)]
    assert near([float(run.qpus[:, DOWN].mean()) / run.horizon_ns for run in runs], 0.25, floor=0.002)
    assert near([float(run.qpus[:, OUTAGES].mean()) for run in runs], 200_000.0 / 4000.0, floor=0.5)


def test_what_ran_on_a_qpu_that_fails_is_tried_elsewhere_at_once_and_what_waited_moves() -> None:
    kinds = (QpuKind(name="frail", mtbf_s=100.0, mttr_s=50.0), QpuKind(name="firm", count=2))
    found = plain(small(*[3.0 * k for k in range(200)], qpus=kinds, sessions=sessions(quantum=Exponential(8.0)),
                        retries=Retries(attempts=1000)))
    begins = [when for when, *_ in lines(found, OUTAGE_BEGIN)]
    ends = [when for when, *_ in lines(found, OUTAGE_END)]
    assert len(begins) > 3
    down = list(zip(begins, [*ends, 1000.0][:len(begins)], strict=True))
    for when, _, _, q in lines(found, QUANTUM_START):
        assert q != 0 or not any(begin <= when < end for begin, end in down)
    lost = {session: when for when, _, session, _ in lines(found, ATTEMPT_LOST)}
    assert lost
    assert set(lost.values()) <= set(begins)
    assert (found.outcome == DONE).all()
    assert found.lost_ns.sum() == found.qpus[0, LOST]


def test_tasks_wait_while_every_qpu_is_down_and_go_on_when_one_is_back() -> None:
    found = plain(small(*[0.0] * 20, qpus=(QpuKind(mtbf_s=20.0, mttr_s=30.0),), sessions=sessions(quantum=5.0),
                        retries=Retries(attempts=1000), duration_s=3000.0))
    assert len(lines(found, OUTAGE_BEGIN)) > 3
    assert (found.outcome == DONE).all()
    down = found.qpus[0, DOWN]
    busy = found.left_ns.max() - found.served_ns.sum()
    assert 0 < busy <= down         # until the last one ended the QPU was idle only while it was down


def test_a_task_whose_qpu_failed_comes_before_those_that_came_later() -> None:
    """It keeps its number: 0 is tried first again."""
    found = plain(small(*[0.0] * 5, qpus=(QpuKind(mtbf_s=20.0, mttr_s=30.0),), sessions=sessions(quantum=5.0),
                        retries=Retries(attempts=1000), duration_s=3000.0))
    last = {session: when for when, _, session, _ in lines(found, QUANTUM_START)}
    assert sorted(last, key=last.__getitem__) == [0, 1, 2, 3, 4]
