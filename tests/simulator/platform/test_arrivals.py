"""Arrivals drive the kernel: users in a loop by the laws of closed systems, and every open process by its times."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.simulator.platform import run
from qloop.simulator.platform.result import OPEN
from qloop.simulator.workload.arrivals import MMPP, Closed, Daily, Poisson, Renewal
from qloop.simulator.workload.distributions import Constant, Exponential, Gamma

from .plain import compiled, plain
from .stage import SECOND, everything, near, ns, sessions, slots, small


def repairman(users: int, think: float) -> tuple[float, float]:
    """Throughput and mean response of M/M/1//N with service 1 (machine-repairman model; Jain 1991, section 31.2)."""
    terms = [math.factorial(users) / math.factorial(users - k) / think**k for k in range(users + 1)]
    busy = 1.0 - terms[0] / sum(terms)
    return busy, users / busy - think


def closed(users: int, think: float, seconds: float) -> object:
    return small(arrivals=Closed(users, Exponential(think)), sessions=sessions(quantum=Exponential(1.0)),
                 duration_s=seconds, warmup_s=seconds / 10.0)


def check_repairman(runs: list, users: int, think: float) -> None:
    throughput, response = repairman(users, think)
    span = (runs[0].horizon_ns - runs[0].warm_ns) / SECOND
    left = [np.sort(one.left_ns[one.left_ns >= one.warm_ns]) for one in runs]
    assert near([len(times) / span for times in left], throughput)
    times = [float(((one.left_ns - one.arrival_ns)[one.left_ns >= one.warm_ns]).mean()) / SECOND for one in runs]
    assert near(times, response)


def test_a_few_users_and_a_qpu_are_machines_and_a_repairman() -> None:
    check_repairman([plain(closed(4, 5.0, 500.0), number) for number in range(10)], 4, 5.0)


@pytest.mark.ci
@pytest.mark.parametrize(("users", "think"), [(4, 5.0), (20, 10.0), (60, 40.0)])
def test_many_users_too_with_everything_on(users: int, think: float) -> None:
    scenario = everything(arrivals=Closed(users, Exponential(think)), sessions=sessions(quantum=Exponential(1.0)),
                          classical=slots(discipline="sharing"), duration_s=20_000.0, warmup_s=2000.0)
    check_repairman([compiled(scenario, number) for number in range(16)], users, think)


def test_the_response_time_law_holds_on_every_path() -> None:
    """N T = integral of thinking users + integral of open sessions; so R = N/X - Z for whole rounds, exactly.

    All think 7 s and compute 2 s on one QPU: with 6 users it is always busy from 7 s on, X = 1/2 and R = 12 - 7 = 5 s.
    """
    found = plain(small(arrivals=Closed(6, Constant(7.0)), sessions=sessions(quantum=2.0), duration_s=7.0 + 1200.0))
    times = (found.left_ns - found.arrival_ns)[(found.outcome != OPEN) & (found.arrival_ns > ns(50.0))]
    assert set(times.tolist()) == {ns(5.0)}
    assert np.diff(np.sort(found.left_ns[found.left_ns > 0])).tolist().count(ns(2.0)) == (found.left_ns > 0).sum() - 1
    inside = (np.where(found.left_ns < 0, found.horizon_ns, found.left_ns) - found.arrival_ns).sum()
    thinking = 6 * found.horizon_ns - inside
    gone = np.minimum(found.horizon_ns - found.left_ns[found.left_ns >= 0], ns(7.0)).sum()
    assert thinking == 6 * ns(7.0) + gone


def test_a_user_has_one_session_at_a_time_and_thinks_in_between() -> None:
    found = plain(small(arrivals=Closed(3, Constant(4.0), start="zero"), sessions=sessions(quantum=1.0),
                        duration_s=100.0))
    assert found.arrival_ns[:3].tolist() == [0, 0, 0]
    for user in range(3):
        arrival, left = found.arrival_ns[user::3], found.left_ns[user::3]
        assert (arrival[1:] - left[:len(arrival) - 1] == ns(4.0)).all()


def test_users_bring_as_many_sessions_as_they_have_time_for() -> None:
    """More than were drawn at first: the run begins again with more, and is the same run."""
    scenario = small(arrivals=Closed(2, Constant(1.0)), sessions=sessions(quantum=0.5), duration_s=200.0)
    found = plain(scenario)
    assert len(found.arrival_ns) == pytest.approx(2 * 200.0 / 1.75, rel=0.25)
    short = plain(small(arrivals=Closed(2, Constant(1.0)), sessions=sessions(quantum=0.5), duration_s=9.0))
    assert np.array_equal(short.arrival_ns, found.arrival_ns[:len(short.arrival_ns)])


def test_users_who_would_never_end_are_an_error() -> None:
    scenario = small(arrivals=Closed(10_000_000, Constant(1.0)))
    with pytest.raises(InvalidInput, match="too large for memory"):
        run.replicate(scenario)


def test_recorded_arrivals_come_when_they_were_recorded() -> None:
    found = plain(small(0.0, 0.0, 3.25, 7.000000001, 999.0))
    assert found.arrival_ns.tolist() == [0, 0, ns(3.25), ns(7.000000001), ns(999.0)]


RATE_PER_H = 6.0
PROCESSES = {
    "poisson": Poisson(every_s=3600.0 / RATE_PER_H),
    "renewal": Renewal(Gamma(3600.0 / RATE_PER_H, 1200.0)),
    "mmpp": MMPP(rates=(2.0 / 3600.0, 18.0 / 3600.0), stays_s=(5400.0, 1800.0)),
    "daily": Daily(every_s=3600.0 / RATE_PER_H, amplitude=0.8),
}


@pytest.mark.parametrize("process", PROCESSES)
def test_every_open_process_brings_its_sessions_at_its_times(process: str) -> None:
    scenario = everything(arrivals=PROCESSES[process], duration_s=10 * 86_400.0)
    runs = [compiled(scenario, number) for number in range(20)]
    assert near([len(one.arrival_ns) / 240.0 for one in runs], RATE_PER_H)
    for one in runs:
        assert (np.diff(one.arrival_ns) >= 0).all()
        assert one.arrival_ns[-1] < one.horizon_ns
    # more than a task in a second is rare, so nobody waits for long, and everybody leaves
    assert np.mean([float((one.left_ns >= 0).mean()) for one in runs]) > 0.999
