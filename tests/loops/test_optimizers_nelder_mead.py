"""Nelder-Mead against SciPy's, point by point, and against the rules of the paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import _optimize, minimize

from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.nelder_mead import NelderMead
from qloop.loops.optimizers.protocol import Array, Stop
from qloop.loops.optimizers.simplex import Phase


def rosenbrock(x: Array) -> float:
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2) + 0.1 * (x[0] - 1) ** 2)


def ripples(x: Array) -> float:
    return float(np.sum(0.1 * (x - 0.77) ** 2 + np.sin(4 * x + np.arange(len(x)))))


def edges(x: Array) -> float:
    return float(np.max(np.abs(x - 0.31)) + np.sum(np.abs(x)) / 3)


def powell_like(x: Array) -> float:
    return float(np.sum((np.arange(1, len(x) + 1) * (x - 0.5)) ** 4) + np.prod(np.cos(x)))


FUNCTIONS = (rosenbrock, ripples, edges, powell_like)


def ours(function: Callable[[Array], float], optimizer: NelderMead) -> tuple[list[bytes], NelderMead]:
    points = []
    while not optimizer.done:
        batch = optimizer.ask()
        points += [row.tobytes() for row in batch]
        optimizer.tell(np.array([function(row) for row in batch]))
    return points, optimizer


class SumsExactly:
    """NumPy as SciPy's simplex sees it, but with an exact sum over the vertices, as ours is."""

    add = SimpleNamespace(reduce=lambda terms, axis: np.array([math.fsum(column) for column in terms.T]))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


@pytest.fixture(scope="module")
def exact_sums() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_optimize, "np", SumsExactly())
        yield


@pytest.mark.usefixtures("exact_sums")
@settings(max_examples=200, deadline=None)
@given(function=st.sampled_from(FUNCTIONS), n=st.integers(1, 6), adaptive=st.booleans(), seed=st.integers(0, 2**32),
       maxiter=st.integers(1, 150))
def test_every_point_is_scipys(function: Callable[[Array], float], n: int, adaptive: bool, seed: int,
                               maxiter: int) -> None:
    adaptive = adaptive and n >= 2
    simplex = np.random.default_rng(seed).normal(size=(n + 1, n))
    theirs: list[bytes] = []

    def recorded(x: Array) -> float:
        theirs.append(x.tobytes())
        return function(x)

    # SciPy counts the initial simplex as its first iteration.
    options = {"initial_simplex": simplex, "adaptive": adaptive, "maxiter": maxiter + 1, "xatol": 1e-5, "fatol": 1e-5}
    expected = minimize(recorded, simplex[0], method="Nelder-Mead", options=options)
    points, optimizer = ours(function, NelderMead(simplex[0], maxiter=maxiter, initial_simplex=simplex,
                                                  adaptive=adaptive, xatol=1e-5, fatol=1e-5))
    assert points == theirs
    assert optimizer.x.tobytes() == expected.x.tobytes()
    assert optimizer.value == expected.fun
    assert optimizer.iteration == expected.nit - 1
    if expected.success:
        assert optimizer.reason is Stop.TOLERANCE


@pytest.mark.parametrize(("values", "phase"), [
    ([0.5], Phase.EXPAND), ([1.0], Phase.REFLECT), ([1.5], Phase.REFLECT), ([2.0], Phase.OUTSIDE),
    ([2.5], Phase.OUTSIDE), ([3.0], Phase.INSIDE), ([9.0], Phase.INSIDE),
    ([0.5, 0.4], Phase.REFLECT), ([2.5, 2.5], Phase.REFLECT), ([2.5, 2.6], Phase.SHRINK),
    ([9.0, 2.9], Phase.REFLECT), ([9.0, 3.0], Phase.SHRINK),
])
def test_decisions_at_their_borders(values: list[float], phase: Phase) -> None:
    """Steps 2 to 4 of the paper with the values 1, 2, 3 at the vertices; equality goes the way the paper says."""
    optimizer = NelderMead([0.0, 0.0])
    optimizer.ask()
    optimizer.tell(np.array([1.0, 2.0, 3.0]))
    for value in values:
        assert optimizer.ask().shape == (1, 2)
        optimizer.tell(np.array([value]))
    assert optimizer._state.phase is phase
    assert optimizer.iteration == (phase is Phase.REFLECT)


def test_the_four_candidates_lie_where_the_paper_puts_them() -> None:
    simplex = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    asked = {}
    for first, name in ((0.5, "expand"), (2.5, "outside"), (9.0, "inside")):
        optimizer = NelderMead([0.0, 0.0], initial_simplex=simplex)
        optimizer.ask()
        optimizer.tell(np.array([1.0, 2.0, 3.0]))
        assert np.array_equal(optimizer.ask(), [[1.0, -2.0]])
        optimizer.tell(np.array([first]))
        asked[name] = optimizer.ask()[0].tolist()
    assert asked == {"expand": [1.5, -4.0], "outside": [0.75, -1.0], "inside": [0.25, 1.0]}


def test_a_shrink_is_one_batch_towards_the_best_vertex() -> None:
    optimizer = NelderMead([0.0, 0.0], initial_simplex=[[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    for values in ([1.0, 2.0, 3.0], [9.0], [9.0]):
        optimizer.ask()
        optimizer.tell(np.array(values))
    assert np.array_equal(optimizer.ask(), [[0.5, 0.0], [0.0, 1.0]])
    optimizer.tell(np.array([1.0, 0.5]))
    assert (optimizer.x.tolist(), optimizer.value, optimizer.iteration) == ([0.0, 1.0], 0.5, 1)


def test_ties_keep_the_older_vertex() -> None:
    optimizer = NelderMead([0.0, 0.0])
    optimizer.ask()
    optimizer.tell(np.array([1.0, 1.0, 1.0]))
    assert optimizer.x.tolist() == [0.0, 0.0]
    assert np.array_equal(optimizer._state.simplex, [[0, 0], [0.25, 0], [0, 0.25]])


def test_one_parameter_with_adaptive_does_not_collapse() -> None:
    outcome = drive(NelderMead([3.0], adaptive=True), lambda points: np.abs(points[:, 0] - 0.2))
    assert outcome.reason is Stop.TOLERANCE
    assert outcome.x[0] == pytest.approx(0.2, abs=1e-3)


def test_tolerance_needs_both_width_and_spread() -> None:
    flat = drive(NelderMead([0.0, 1.0], maxiter=60), lambda points: np.zeros(len(points)))
    assert flat.reason is Stop.TOLERANCE
    assert flat.iterations > 1
    steep = NelderMead([0.0], step=1e-6, maxiter=500)
    steep.ask()
    steep.tell(np.array([0.0, 1.0]))
    assert not steep.done


@pytest.mark.parametrize("n", [2, 40])
def test_a_shrink_that_ties_keeps_the_order_and_the_best_vertex(n: int) -> None:
    """After the shrink one vertex is worse than the rest, which tie: it goes last and all others stay in order."""
    optimizer = NelderMead(np.zeros(n))
    for values in (np.append(np.ones(n), 5.0), [9.0], [9.0]):
        optimizer.ask()
        optimizer.tell(values)
    shrunk = optimizer.ask()
    optimizer.tell(np.append(2.0, np.ones(n - 1)))
    assert np.array_equal(optimizer._state.simplex[1:], np.roll(shrunk, -1, axis=0))
    assert optimizer.x.tolist() == [0.0] * n


def test_an_expansion_that_ties_gives_way_to_the_reflection() -> None:
    optimizer = NelderMead([0.0, 0.0], initial_simplex=[[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    for values in ([1.0, 2.0, 3.0], [0.5], [0.5]):
        optimizer.ask()
        optimizer.tell(np.array(values))
    assert (optimizer.x.tolist(), optimizer.value) == ([1.0, -2.0], 0.5)
