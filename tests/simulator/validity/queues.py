"""Queues as workloads of the platform, their replications, and intervals that hold together.

A queue of quantum tasks has sessions of one iteration without classical work; one of classical tasks has sessions that
are nothing but their `pre`. Replications are independent and their seeds are fixed. `joint` gives intervals (Student's
t, Bonferroni) that contain all the true values at once with a probability of 99.9 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import t

from qloop.policies.record import Policy
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.run import Replication, serve
from qloop.simulator.paper.workload import Sessions

UNBOUNDED = 1_000_000
LEVEL = 0.999
HEAD, TAIL = 0.1, 0.05      # parts of a run that are not measured: it begins empty, and at its end nobody comes

Draw = Callable[[np.random.Generator, int], np.ndarray]


def generator(*words: int) -> np.random.Generator:
    """A stream named by up to two numbers."""
    first, second = (*words, 0)[:2]
    return np.random.Generator(np.random.Philox(key=(first << 64) + second + 1))


def sessions_of(arrival_ns: np.ndarray, work_ns: np.ndarray, weight: np.ndarray, quantum: bool) -> Sessions:
    """One task a session: on a QPU, or on the workers."""
    n = len(arrival_ns)
    nothing = np.zeros(n)
    return Sessions(arrival_ns.astype(np.int64), np.full(n, 4), weight.astype(np.int64),
                    nothing if quantum else work_ns.astype(np.float64), nothing, nothing,
                    (work_ns if quantum else nothing).astype(np.int64), np.full(n, int(quantum)))


def poisson(rng: np.random.Generator, rate: float, n: int) -> np.ndarray:
    """Arrival times in ns at `rate` a second."""
    return np.cumsum(np.rint(rng.exponential(1e9 / rate, n))).astype(np.int64)


def run(sessions: Sessions, servers: int, policy: str | Policy = "fifo", *, qpus: int = 0, log: int = 0) -> Replication:
    """All sessions through a platform with so many workers and QPUs (as many, if not said), no bound on what waits."""
    last = float(sessions.arrival_ns[-1]) * 1e-9
    classical = sessions.pre + sessions.cost * sessions.iterations + sessions.post
    total = float(classical.sum() + (sessions.quantum_ns * sessions.iterations).sum()) * 1e-9
    model = PlatformModel(workers=servers, qpus=qpus or servers, max_classical=UNBOUNDED, max_quantum=UNBOUNDED,
                          policy=policy, duration_s=last + total + 1.0, warmup_s=0.0)
    found = serve(model, sessions, log=log)
    assert (found.end_ns >= 0).all()
    assert not any(found.imbalance().values())
    return found


def inner(n: int) -> slice:
    """The sessions of a run that are measured."""
    return slice(int(HEAD * n), int((1.0 - TAIL) * n))


def joint(rows: Mapping[str, list[float]]) -> dict[str, tuple[float, float]]:
    """Mean and half width for each name, so that all intervals hold at once with probability LEVEL."""
    found = {}
    for name, values in rows.items():
        n = len(values)
        reach = t.ppf(1.0 - (1.0 - LEVEL) / (2 * len(rows)), n - 1)
        found[name] = (float(np.mean(values)), float(reach * np.std(values, ddof=1) / n**0.5))
    return found


def check(rows: Mapping[str, list[float]], truth: Mapping[str, float], sharp: float) -> None:
    """The true values lie in the joint intervals, narrower than `sharp` times the value: this can fail."""
    assert set(rows) == set(truth)
    for name, (mean, half) in joint(rows).items():
        assert abs(mean - truth[name]) <= half, f"{name}: {mean:.5g} +- {half:.2g}, the formula says {truth[name]:.5g}"
        assert half <= sharp * truth[name], f"{name}: the interval +- {half:.2g} is too wide to tell anything"
