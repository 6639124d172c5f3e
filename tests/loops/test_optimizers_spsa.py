"""SPSA against Spall's formulas, and its perturbations against what chance allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.optimizers import draws
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.protocol import Array, Stop
from qloop.loops.optimizers.spsa import SPSA


def tilted(points: Array) -> Array:
    return points @ np.array([1.0, -2.0, 0.5]) + 0.1 * np.sum(points**2, axis=1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), a=st.floats(0.01, 2), c=st.floats(0.01, 1), alpha=st.floats(0.1, 1),
       gamma=st.floats(0.05, 0.5), stability=st.floats(0, 30))
def test_points_and_steps_follow_spall(seed: int, a: float, c: float, alpha: float, gamma: float,
                                       stability: float) -> None:
    optimizer = SPSA([0.2, -0.1, 0.4], maxiter=8, seed=seed, a=a, c=c, alpha=alpha, gamma=gamma, stability=stability)
    for k in range(8):
        x = optimizer.x
        plus, minus = optimizer.ask()
        c_k, a_k = c / (k + 1) ** gamma, a / (stability + k + 1) ** alpha
        sign = np.sign(plus - minus)
        assert set(np.abs(sign)) == {1.0}
        assert plus == pytest.approx(x + c_k * sign, abs=1e-9)
        assert minus == pytest.approx(x - c_k * sign, abs=1e-9)
        high, low = tilted(np.stack([plus, minus]))
        optimizer.tell(np.array([high, low]))
        assert optimizer.x == pytest.approx(x - a_k * (high - low) / (2 * c_k) / sign, rel=1e-9, abs=1e-9)
        assert optimizer.value == pytest.approx((high + low) / 2)
    assert optimizer.reason is Stop.MAXITER


def test_calibration_makes_the_first_step_as_long_as_wanted() -> None:
    """On a linear slope along one axis every pair sees the same slope, so the first step is exactly `first_step`."""
    optimizer = SPSA([1.0], first_step=0.3, calibration_pairs=4, maxiter=50)
    assert optimizer.ask().shape == (8, 1)
    optimizer.tell(7.0 * optimizer.ask()[:, 0])
    assert optimizer.iteration == 0
    assert optimizer.x.tolist() == [1.0]
    optimizer.tell(7.0 * optimizer.ask()[:, 0])
    assert optimizer.x == pytest.approx([0.7], abs=1e-12)


def test_a_flat_calibration_still_gives_finite_gains() -> None:
    outcome = drive(SPSA([1.0, 2.0], maxiter=5), lambda points: np.full(len(points), 3.0))
    assert (outcome.x.tolist(), outcome.value, outcome.reason) == ([1.0, 2.0], 3.0, Stop.MAXITER)


def test_blocking_drops_steps_that_raise_the_value_too_much() -> None:
    optimizer = SPSA([0.0], a=1.0, stability=0, blocking=0.5, maxiter=3)
    optimizer.tell(np.array([10.0])) if len(optimizer.ask()) == 1 else pytest.fail("x0 is evaluated first")
    moves = []
    for raised in (0.5, 0.6, -1.0):
        before, value = optimizer.x, optimizer.value
        optimizer.ask()
        optimizer.tell(np.array([1.0, 2.0]))
        candidate = optimizer.ask()
        assert candidate.shape == (1, 1)
        assert value is not None
        optimizer.tell(np.array([value + raised]))
        moves.append(not np.array_equal(optimizer.x, before))
        assert optimizer.x.tolist() == (candidate[0].tolist() if moves[-1] else before.tolist())
        assert optimizer.value == (value + raised if moves[-1] else value)
    assert moves == [True, False, True]
    assert (optimizer.iteration, optimizer.reason) == (3, Stop.MAXITER)


def test_the_last_evaluation_is_of_the_last_point() -> None:
    optimizer = SPSA([0.5, 0.5, 0.5], maxiter=2, last_evaluation=True, a=0.1)
    for _ in range(2):
        optimizer.tell(tilted(optimizer.ask()))
    assert not optimizer.done
    assert np.array_equal(optimizer.ask(), optimizer.x[None])
    optimizer.tell(np.array([-4.5]))
    assert (optimizer.value, optimizer.reason, optimizer.iteration) == (-4.5, Stop.MAXITER, 2)


def test_evaluations_are_two_an_iteration_whatever_the_dimension() -> None:
    for n in (1, 30):
        outcome = drive(SPSA(np.zeros(n), maxiter=40, calibration_pairs=6), lambda points: np.sum(points**2, axis=1))
        assert outcome.evaluations == 12 + 2 * 40


def test_signs_are_fair_and_independent() -> None:
    """Means and correlations of 200 x 500 signs stay within 5 standard deviations of chance."""
    drawn = np.array([draws.signs(9, k, draws.Stream.SPSA_PERTURBATION, (500,)) for k in range(200)])
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert abs(drawn.mean()) < 5 / np.sqrt(drawn.size)
    overlaps = (drawn @ drawn.T)[np.triu_indices(200, 1)] / np.sqrt(500)
    assert np.max(np.abs(overlaps)) < 5.5
    assert np.std(overlaps) == pytest.approx(1, abs=0.05)


def test_draws_depend_on_seed_iteration_and_purpose_alone() -> None:
    def drawn(seed: int, iteration: int, stream: draws.Stream) -> bytes:
        return draws.signs(seed, iteration, stream, (256,)).tobytes()

    keys = [(seed, k, stream) for seed in (0, 1, 2**64 - 1) for k in (0, 1, 2**40) for stream in draws.Stream]
    assert len({drawn(*key) for key in keys}) == len(keys)
    assert [drawn(*key) for key in keys] == [drawn(*key) for key in reversed(keys)][::-1]
