"""The kernel against closed formulas of queueing theory, on workloads for which they hold exactly.

The sizes of the samples are fixed by the seeds, so no test is left to chance; the tolerances are three to four of the
standard errors that such runs have.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from qloop.simulator.paper.dispatch import END
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.run import Replication, serve
from qloop.simulator.paper.workload import Sessions

N = 120_000
UNBOUNDED = 1_000_000


def queue(rho: float, length_s: np.ndarray, servers: int = 1, quantum: bool = True) -> Replication:
    """A queue whose servers have this load: tasks of these lengths on QPUs, or classical ones on workers."""
    n = len(length_s)
    rng = np.random.Generator(np.random.Philox(key=11))
    gaps = rng.exponential(length_s.mean() / (rho * servers), n)
    nothing, ns = np.zeros(n), np.rint(length_s * 1e9)
    sessions = Sessions(np.cumsum(np.rint(gaps * 1e9)).astype(np.int64), np.full(n, 4), np.ones(n, np.int64),
                        nothing if quantum else ns, nothing, nothing,
                        (ns if quantum else nothing).astype(np.int64), np.full(n, int(quantum)))
    model = PlatformModel(workers=servers, qpus=servers, max_classical=UNBOUNDED, max_quantum=UNBOUNDED,
                          duration_s=sessions.arrival_ns[-1] * 1e-9 + 1e5, warmup_s=0.0)
    found = serve(model, sessions)
    assert (found.end_ns >= 0).all()
    assert not any(found.imbalance().values())
    return found


def exponential(mean: float = 1.0, n: int = N) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=12)).exponential(mean, n)


def mean_wait(found: Replication) -> float:
    return float(found.waited_ns.mean()) * 1e-9


def erlang_c(servers: int, load: float) -> float:
    """The probability of waiting in M/M/c with an offered load of `load` erlangs."""
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


def test_mm1_waits_as_pollaczek_says() -> None:
    found = queue(0.6, exponential())
    assert mean_wait(found) == pytest.approx(0.6 / 0.4, rel=0.05)
    assert (found.waited_ns > 0).mean() == pytest.approx(0.6, abs=0.01)


def test_times_in_mm1_are_exponential() -> None:
    times = queue(0.5, exponential()).times_s()
    for share in (0.25, 0.5, 0.75, 0.95):
        assert np.quantile(times, share) == pytest.approx(-2.0 * math.log(1.0 - share), rel=0.05)


@pytest.mark.parametrize("servers", [3, 12])
def test_mmc_waits_as_erlang_says(servers: int) -> None:
    rho = 0.8
    found = queue(rho, exponential(), servers)
    probability = erlang_c(servers, rho * servers)
    assert (found.waited_ns > 0).mean() == pytest.approx(probability, rel=0.03)
    assert mean_wait(found) == pytest.approx(probability / (servers * (1.0 - rho)), rel=0.07)


def test_md1_waits_half_as_long() -> None:
    assert mean_wait(queue(0.7, np.ones(N))) == pytest.approx(0.7 / (2 * 0.3), rel=0.04)


def test_mg1_waits_as_pollaczek_and_khinchine_say() -> None:
    rng = np.random.Generator(np.random.Philox(key=13))
    lengths = np.where(rng.random(N) < 0.9, 0.5, 5.5)        # mean 1, second moment 3.25
    assert mean_wait(queue(0.6, lengths)) == pytest.approx(0.6 * 3.25 / (2 * 0.4), rel=0.06)


@pytest.mark.parametrize("spread", ["exponential", "two lengths"])
def test_processor_sharing_stretches_every_length_alike(spread: str) -> None:
    """M/G/1-PS: a task of length x takes x/(1-rho) on average, whatever the other lengths are."""
    rng = np.random.Generator(np.random.Philox(key=14))
    lengths = exponential() if spread == "exponential" else np.where(rng.random(N) < 0.9, 0.5, 5.5)
    found = queue(0.6, lengths, quantum=False)
    times = found.times_s()
    assert times.mean() == pytest.approx(1.0 / 0.4, rel=0.05)
    for low, high in ((0.0, 0.6), (0.6, 2.0), (2.0, 6.0)):
        part = (lengths > low) & (lengths <= high)
        if part.any():
            assert (times[part].mean() / lengths[part].mean()) == pytest.approx(1.0 / 0.4, rel=0.06)


def test_sharing_two_workers_is_erlang_too() -> None:
    """M/M/2-PS has the mean number of M/M/2: the sum of the rates is the same in every state."""
    found = queue(0.75, exponential(), 2, quantum=False)
    number = erlang_c(2, 1.5) * 0.75 / 0.25 + 1.5
    assert found.mean_active()[0] * found.horizon_ns / float(found.end_ns.max()) == pytest.approx(number, rel=0.06)


def test_all_work_is_done_and_no_more() -> None:
    """Every completion is rounded to a nanosecond; busy time is the work but for these."""
    lengths = exponential(n=20_000)
    for servers in (1, 2):
        busy = queue(0.75, lengths, servers, quantum=False).areas[:, 3].sum()
        assert abs(busy - np.rint(lengths * 1e9).sum()) <= len(lengths) * servers


def test_refusals_are_erlangs_b() -> None:
    """With bounds of one task there is no queue on C=1: M/G/1/1 loses rho/(1+rho), whatever the lengths are."""
    n, rng = 60_000, np.random.Generator(np.random.Philox(key=15))
    sessions = Sessions(np.cumsum(np.rint(rng.exponential(1e9, n))).astype(np.int64), np.full(n, 4),
                        np.ones(n, np.int64), rng.choice([0.1e9, 1.9e9], n), np.zeros(n), np.zeros(n),
                        np.zeros(n, np.int64), np.zeros(n, np.int64))
    model = PlatformModel(max_classical=1, duration_s=sessions.arrival_ns[-1] * 1e-9 + 10.0, warmup_s=0.0)
    assert serve(model, sessions).drop() == pytest.approx(0.5, abs=0.01)


def by_hand(arrival_s: list[float], pre_s: list[float], capacity: float = 1e9,
            **platform: int) -> list[tuple[int, int]]:
    """(end in ns, session) of classical sessions, in the order in which they end."""
    n = len(arrival_s)
    sessions = Sessions(np.rint(np.array(arrival_s) * 1e9).astype(np.int64), np.full(n, 4), np.ones(n, np.int64),
                        np.array(pre_s) * capacity, np.zeros(n), np.zeros(n), np.zeros(n, np.int64),
                        np.zeros(n, np.int64))
    model = PlatformModel(capacity=capacity, duration_s=100.0, warmup_s=0.0, **platform)
    log = serve(model, sessions, log=1000).log
    return [(int(time), int(session)) for time, kind, session, _ in log if kind == END]


def test_a_case_worked_by_hand() -> None:
    """One worker: 2 s of work from 0, 1 s from 1: one each is left at 1, so both end at 3, the elder first."""
    assert by_hand([0.0, 1.0], [2.0, 1.0]) == [(3_000_000_000, 0), (3_000_000_000, 1)]
    assert by_hand([0.0, 1.0], [2.0, 1.0], workers=2) == [(2_000_000_000, 0), (2_000_000_000, 1)]
    # three on two workers get 2/3 each: 1.5 s until the shortest ends, then the others are alone
    assert by_hand([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], workers=2) == [
        (1_500_000_000, 0), (2_500_000_000, 1), (3_500_000_000, 2)]


@pytest.mark.parametrize("capacity", [1.0, 1e7, 1e9, 1e12])
def test_the_capacity_is_a_unit(capacity: float) -> None:
    """As many operations as the capacity take a second, for slow workers and for fast."""
    arrival, pre = [0.0, 0.5, 0.7, 9.0], [1.25, 2.5, 0.125, 1.0]
    assert by_hand(arrival, pre, capacity) == by_hand(arrival, pre)
