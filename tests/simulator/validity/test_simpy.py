"""The same sessions through the kernel and through a platform written with SimPy: equal to the nanosecond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qloop.simulator.paper.measurements import shipped
from qloop.simulator.paper.model import PlatformModel, big_classical, small
from qloop.simulator.paper.run import Replication, serve
from qloop.simulator.paper.workload import Sessions, draw, key_of

from .queues import UNBOUNDED, generator, poisson, run, sessions_of
from .simpy_platform import Plain, Platform, Whole
from .strict import STRICT

POLICIES = {"fifo": "fifo", "lifo": "lifo", "strict": STRICT,
            "sjf": "sjf"}
COMPILED = ["fifo", "lifo", "strict", pytest.param("sjf", marks=pytest.mark.ci)]
LONG_S = 4e6


def platform(seed: int, n: int = 60) -> tuple[PlatformModel, Sessions]:
    """A small, busy platform with bounds that sometimes refuse; no two times are equal but by chance."""
    rng = generator(41, seed)

    def lengths(mean_s: float) -> np.ndarray:
        return np.rint(rng.exponential(mean_s * 1e9, n)) + 1.0

    sessions = Sessions(poisson(rng, 0.5, n), np.full(n, 4), rng.choice([1, 2, 4], n), lengths(1.0), lengths(0.4),
                        lengths(0.7), lengths(1.5).astype(np.int64), rng.integers(0, 7, n))
    bound = int(rng.choice([3, 8, UNBOUNDED]))
    return PlatformModel(workers=int(rng.integers(1, 4)), qpus=int(rng.integers(1, 4)), max_classical=bound,
                         max_quantum=bound, duration_s=LONG_S, warmup_s=0.0), sessions


def equal(model: PlatformModel, sessions: Sessions, order: str) -> tuple[Replication, Platform]:
    """Both implementations; asserts that every session ends, and has waited, alike."""
    found = serve(replace(model, policy=POLICIES[order]), sessions)
    other = Platform(model, sessions, order).run()
    assert np.array_equal(found.end_ns, other.ends())
    assert np.array_equal(found.waited_ns, np.array(other.waited))
    return found, other


@pytest.mark.parametrize("order", COMPILED)
@pytest.mark.parametrize("servers", [1, 3])
def test_queues_end_alike(order: str, servers: int) -> None:
    """G/G/c: one quantum task a session, three priorities."""
    for seed in range(4):
        rng, n = generator(42, seed), 250
        queue = sessions_of(poisson(rng, 0.9 * servers, n), np.rint(rng.exponential(1e9, n)) + 1.0,
                            rng.choice([1, 2, 4], n), True)
        found = run(queue, servers, POLICIES[order])
        other = Platform(found.model, queue, order).run()
        assert np.array_equal(found.end_ns, other.ends())
        assert (found.waited_ns > 0).sum() > 50


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_shared_workers_end_alike(workers: int) -> None:
    for seed in range(4):
        rng, n = generator(43, seed), 250
        queue = sessions_of(poisson(rng, 0.85 * workers, n), np.rint(rng.exponential(1e9, n)) + 1.0, np.ones(n), False)
        found = run(queue, workers)
        assert np.array_equal(found.end_ns, Platform(found.model, queue, "fifo").run().ends())


@pytest.mark.parametrize("order", COMPILED)
def test_whole_sessions_end_alike(order: str) -> None:
    """pre -> (classical -> quantum) x n -> post on shared workers and QPUs, with admission."""
    refused = waited = tasks = 0
    for seed in range(30):
        model, sessions = platform(seed)
        found, _ = equal(model, sessions, order)
        refused += int((found.end_ns == -1).sum())
        waited += int((found.waited_ns > 0).sum())
        tasks += int(sessions.iterations.sum())
    assert refused > 50
    assert waited > 500
    assert tasks > 3000


def test_orders_differ() -> None:
    """The agreement is about something: each order gives another schedule."""
    model, sessions = platform(2)
    ends = [Platform(model, sessions, order).run().ends().tolist() for order in POLICIES]
    assert all(a != b for k, a in enumerate(ends) for b in ends[:k])


@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_what_rounding_to_nanoseconds_does(order: str) -> None:
    """Beside a platform in unrounded time no session of these ends more than 100 ns earlier or later."""
    for seed in range(12):
        model, sessions = platform(seed)
        found = serve(replace(model, policy=POLICIES[order]), sessions)
        other = Platform(model, sessions, order, Plain).run().ends()
        assert np.array_equal(found.end_ns == -1, other == -1)
        assert np.abs(found.end_ns - other).max() < 100.0


def drawn(model: PlatformModel, replication: int) -> Sessions:
    """The sessions of a replication, all of which end: the run goes on after the last arrival."""
    return draw(model, shipped(model.sizes), key_of(0, replication))


@pytest.mark.parametrize(("order", "hours"), [
    ("fifo", 12), ("lifo", 12),
    *(pytest.param(order, 96, marks=pytest.mark.ci) for order in ("fifo", "lifo", "strict"))])
def test_the_papers_small_scenario_ends_alike(order: str, hours: int) -> None:
    model = small(duration_s=hours * 3600.0, warmup_s=0.0)
    found, _ = equal(replace(model, duration_s=LONG_S), drawn(model, 3), order)
    assert found.served_ns.sum() > 0.6 * model.qpus * hours * 3600e9      # the QPUs were busy


@pytest.mark.ci
@pytest.mark.parametrize("workers", [2, 4])
def test_slow_workers_end_alike_but_for_rounding(workers: int) -> None:
    """The C study: up to forty tasks share the workers for hours, so ends may differ from exact sharing by 1 us."""
    model = big_classical(workers, 450, policy="fifo", duration_s=12 * 3600.0)
    sessions = drawn(model, 1)
    long = replace(model, duration_s=LONG_S)
    found = serve(long, sessions)
    other = Platform(long, sessions, "fifo", Whole).run().ends()
    assert np.array_equal(found.end_ns == -1, other == -1)
    assert np.abs(found.end_ns - other).max() <= 1000
