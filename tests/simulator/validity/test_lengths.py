"""M/G/1 on a QPU for many laws of service, and processor sharing, which does not look at the law."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from qloop.simulator.paper.dispatch import ARRIVAL, END

from .formulas import pollaczek, shared
from .laws import LAWS
from .queues import check, generator, inner, joint, poisson, run, sessions_of

REPLICATIONS, N = 30, 60_000


@pytest.mark.parametrize("name", LAWS)
def test_laws_have_the_moments_that_they_say(name: str) -> None:
    law = LAWS[name]
    drawn = law.draw(generator(31), 2_000_000)
    assert drawn.mean() == pytest.approx(1.0, rel=0.005)
    assert (drawn**2).mean() == pytest.approx(law.second, rel=0.02)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_mg1_waits_as_pollaczek_and_khinchine_say(name: str, rho: float) -> None:
    rows: dict[str, list[float]] = {"wait": [], "waits at all": []}
    for r in range(REPLICATIONS):
        rng = generator(32, r)
        lengths = np.rint(LAWS[name].draw(rng, N) * 1e9)
        found = run(sessions_of(poisson(rng, rho, N), lengths, np.ones(N), True), 1)
        waited = found.waited_ns[inner(N)]
        rows["wait"].append(waited.mean() * 1e-9)
        rows["waits at all"].append((waited > 0).mean())
    check(rows, {"wait": pollaczek(rho, LAWS[name].second), "waits at all": rho}, sharp=0.08)


def sharing(name: str, rho: float, servers: int, r: int, n: int = N, log: int = 0):
    """Lengths and times in s of measured tasks on shared workers, and the run."""
    rng = generator(33, r)
    lengths = LAWS[name].draw(rng, n)
    found = run(sessions_of(poisson(rng, rho * servers, n), np.rint(lengths * 1e9), np.ones(n), False), servers,
                log=log)
    times = (found.end_ns - found.sessions.arrival_ns) * 1e-9
    return lengths[inner(n)], times[inner(n)], found


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("servers", [1, 3])
def test_sharing_is_insensitive_to_the_law(name: str, servers: int) -> None:
    """The mean time in M/G/c-PS is that of M/M/c, whatever the law."""
    rho = 0.7
    rows = {"time": [float(sharing(name, rho, servers, r)[1].mean()) for r in range(REPLICATIONS)]}
    check(rows, {"time": shared(servers, rho)}, sharp=0.06)


@pytest.mark.parametrize("name", ["exponential", "hyperexponential", "uniform"])
def test_a_task_of_length_x_takes_x_over_one_minus_rho(name: str) -> None:
    """M/G/1-PS (Kleinrock 1967): by length, in bands that each hold a part of the tasks."""
    rho, edges = 0.6, np.array([0.0, 0.1, 0.3, 0.7, 1.2, 2.0, 4.0])
    rows: dict[str, list[float]] = {}
    for r in range(REPLICATIONS):
        lengths, times, _ = sharing(name, rho, 1, r)
        for low, high in pairwise(edges):
            chosen = (lengths > low) & (lengths <= high)
            if chosen.sum() > 200:
                # the stretch of the band: one number for lengths that differ a little
                rows.setdefault(f"{low:g} to {high:g} s", []).append(times[chosen].sum() / lengths[chosen].sum())
    assert len(rows) >= 5
    check(rows, dict.fromkeys(rows, 1.0 / (1.0 - rho)), sharp=0.06)


@pytest.mark.parametrize("name", ["fixed", "hyperexponential"])
def test_the_number_in_ps_is_geometric(name: str) -> None:
    """P(N = k) = (1 - rho) rho^k as an arrival sees it, whatever the law of service."""
    rho, n = 0.6, 20_000
    rows: dict[str, list[float]] = {f"{k} there": [] for k in range(6)}
    for r in range(REPLICATIONS):
        _, _, found = sharing(name, rho, 1, r, n, log=4 * n)
        change = np.where(found.log[:, 1] == ARRIVAL, 1, np.where(found.log[:, 1] == END, -1, 0))
        there = (np.cumsum(change) - 1)[found.log[:, 1] == ARRIVAL][inner(n)]
        for k in range(6):
            rows[f"{k} there"].append(float((there == k).mean()))
    check(rows, {f"{k} there": (1.0 - rho) * rho**k for k in range(6)}, sharp=0.1)


def test_the_order_of_service_does_not_change_the_mean_wait_but_its_spread() -> None:
    """fifo and lifo have one mean (Little and conservation of work); lifo's wait varies 1/(1-rho) as much again.

    M/M/1: E[W^2] is 2 rho/(1-rho)^2 first in, first out; for lifo the second moment is 1/(1-rho) times that
    (Takacs 1963).
    """
    rho = 0.5
    rows: dict[str, list[float]] = {"mean": [], "fifo, second": [], "lifo, second": []}
    for r in range(REPLICATIONS):
        rng = generator(34, r)
        queue = sessions_of(poisson(rng, rho, N), np.rint(rng.exponential(1e9, N)), np.ones(N), True)
        fifo, lifo = (run(queue, 1, policy).waited_ns[inner(N)] * 1e-9 for policy in ("fifo", "lifo"))
        rows["mean"].append(float(lifo.mean()))
        rows["fifo, second"].append(float((fifo**2).mean()))
        rows["lifo, second"].append(float((lifo**2).mean()))
    second = 2.0 * rho / (1.0 - rho) ** 2
    check(rows, {"mean": rho / (1.0 - rho), "fifo, second": second, "lifo, second": second / (1.0 - rho)}, sharp=0.1)


def test_joint_intervals_are_wider_than_single_ones_and_hold() -> None:
    """Of 400 sets of five normal means, the joint 99.9 % intervals all hold but for a few."""
    rng = generator(35)
    missed = 0
    for _ in range(400):
        found = joint({str(k): rng.normal(k, 1.0, 12).tolist() for k in range(5)})
        missed += any(abs(mean - float(k)) > half for k, (mean, half) in found.items())
    assert missed <= 4
    one = joint({"a": [1.0, 2.0, 3.0]})["a"][1]
    assert joint({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]})["a"][1] > one
