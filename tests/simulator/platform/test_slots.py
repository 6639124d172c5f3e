"""Classical tasks that have a worker each and wait for it: M/M/c, a case by hand, and the limit of plenty."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.simulator.platform.parts import Classical
from qloop.simulator.platform.result import BUSY_WORKERS
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Constant, Exponential, Geometric
from tests.simulator.validity.formulas import erlang_c

from .plain import compiled, plain
from .stage import long, mean_s, near, ns, sessions, slots, small


@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (4, 3.2)])
def test_workers_are_m_m_c(workers: int, load: float) -> None:
    scenario = long(40_000.0, arrivals=Poisson(every_s=1.0 / load), classical=slots(workers=workers),
                    sessions=sessions(quantum=0.0, classical=Exponential(1.0)))
    runs = [compiled(scenario, number) for number in range(20)]
    wait = erlang_c(workers, load) / (workers - load)
    assert near([mean_s(run.classical_ns[run.measured()]) for run in runs], 1.0 + wait)
    assert near([float(run.areas[1, BUSY_WORKERS]) / (run.horizon_ns - run.warm_ns) for run in runs], load)


def test_tasks_wait_in_order_of_arrival_and_have_a_worker_to_themselves() -> None:
    """Two workers, 10 s each, tasks at 0, 1, 2, 3 s: ends at 10, 11, 20, 21 s; with shared workers at other times."""
    model, times = sessions(quantum=0.0, classical=10.0), (0.0, 1.0, 2.0, 3.0)
    line = plain(small(*times, sessions=model, classical=Classical(discipline="slots", workers=2)))
    assert line.left_ns.tolist() == [ns(10.0), ns(11.0), ns(20.0), ns(21.0)]
    shared = plain(small(*times, sessions=model, classical=Classical(workers=2)))
    # from 2 s on at 2/3, from 3 s on at 1/2: the first has 8 - 2/3 s left at 3 s
    assert shared.left_ns[0] == pytest.approx(ns(3.0 + 2.0 * (8.0 - 2.0 / 3.0)), abs=2)


def test_a_worker_of_half_the_speed_takes_twice_as_long() -> None:
    found = plain(small(0.0, sessions=sessions(quantum=0.0, classical=10.0),
                        classical=Classical(discipline="slots", capacity=5e8)))
    assert found.left_ns.tolist() == [ns(20.0)]


def test_with_enough_workers_slots_and_sharing_are_the_same() -> None:
    model = sessions(Geometric(4.0), Exponential(1.0), Exponential(3.0), post=Constant(0.5), redraw="iteration")
    scenarios = [small(arrivals=Poisson(every_s=4.0), sessions=model, duration_s=600.0,
                       classical=Classical(discipline=discipline, workers=300)) for discipline in ("slots", "sharing")]
    one, other = (plain(scenario) for scenario in scenarios)
    done = (one.outcome == 1) & (other.outcome == 1)
    assert done.sum() > 80
    # sharing rounds the end of each task on its own, so ends may differ by a few ns, and no more
    assert np.abs(one.left_ns - other.left_ns)[done].max() < 1000
