"""The same sessions through the kernel and through a network of Ciw, whose time is floating-point seconds."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.workload import Sessions

from . import ciw_platform
from .queues import generator, poisson, run, sessions_of
from .strict import STRICT

POLICIES = {"fifo": "fifo", "lifo": "lifo", "strict": STRICT}
# Each is a kernel to compile.
ORDERS = ["fifo", *(pytest.param(name, marks=pytest.mark.ci) for name in ("lifo", "strict"))]
# The kernel rounds the end of each shared task to a nanosecond, which moves what comes after it; Ciw rounds at 1e-16
# of its clock.
NEAR_S = 1e-6


def near(sessions: Sessions, servers: tuple[int, int], order: str) -> np.ndarray:
    """Ends in both within NEAR_S of each other; returns the times that sessions waited for a QPU, in s."""
    workers, qpus = servers
    found = run(sessions, workers, POLICIES[order], qpus=qpus)
    end, waited = ciw_platform.run(found.model, sessions, order)
    assert np.abs(found.end_ns * 1e-9 - end).max() < NEAR_S
    assert np.abs(found.waited_ns * 1e-9 - waited).max() < NEAR_S
    return waited


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("servers", [1, 3])
def test_queues_end_alike(order: str, servers: int) -> None:
    rng, n = generator(51, servers), 1000
    queue = sessions_of(poisson(rng, 0.9 * servers, n), np.rint(rng.exponential(1e9, n)) + 1.0,
                        rng.choice([1, 2, 4], n), True)
    assert (near(queue, (servers, servers), order) > 0).sum() > 500


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_shared_workers_end_alike(workers: int) -> None:
    rng, n = generator(52, workers), 600
    queue = sessions_of(poisson(rng, 0.85 * workers, n), np.rint(rng.exponential(1e9, n)) + 1.0, np.ones(n), False)
    near(queue, (workers, workers), "fifo")


@pytest.mark.parametrize("order", ORDERS)
def test_whole_sessions_end_alike(order: str) -> None:
    """pre -> (classical -> quantum) x n -> post on shared workers and QPUs."""
    waits = 0
    for seed in range(6):
        rng, n = generator(53, seed), 80

        def lengths(mean_s: float, rng: np.random.Generator = rng, n: int = n) -> np.ndarray:
            return np.rint(rng.exponential(mean_s * 1e9, n)) + 1.0

        sessions = Sessions(poisson(rng, 0.4, n), np.full(n, 4), rng.choice([1, 2, 4], n), lengths(1.0), lengths(0.4),
                            lengths(0.7), lengths(1.5).astype(np.int64), rng.integers(0, 7, n))
        waits += int((near(sessions, (int(rng.integers(1, 4)), int(rng.integers(1, 4))), order) > 0).sum())
    assert waits > 100


def test_ciw_is_told_the_same_platform() -> None:
    """A session alone takes the sum of its parts, and its route has all of them."""
    one = np.ones(1)
    sessions = Sessions(np.array([2_000_000_000]), np.array([4]), np.array([1]), one * 1e9, one * 5e8, one * 25e7,
                        np.array([3_000_000_000]), np.array([2]))
    end, waited = ciw_platform.run(PlatformModel(workers=2, qpus=2, warmup_s=0.0), sessions, "fifo")
    assert end.tolist() == pytest.approx([2.0 + 1.0 + 2 * (0.5 + 3.0) + 0.25])
    assert waited.tolist() == [0.0]
