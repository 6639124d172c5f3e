"""Gradient descent: its steps by hand, and the minimum of circuits that Adam finds too."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.adam import GradientAdam
from qloop.loops.optimizers.descent import GradientDescent
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.protocol import Array, Stop


def energy(points: Array) -> Array:
    return np.cos(points[:, 0]) * np.cos(points[:, 1] - 0.4) + 0.3 * np.sin(points[:, 0])


def gradient(x: Array) -> Array:
    return np.array([-np.sin(x[0]) * np.cos(x[1] - 0.4) + 0.3 * np.cos(x[0]), -np.cos(x[0]) * np.sin(x[1] - 0.4)])


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_every_step_is_that_of_the_formula(momentum: float) -> None:
    optimizer = GradientDescent([0.9, -0.7], learning_rate=0.2, momentum=momentum, evaluate_incumbent=False)
    theta, velocity = np.array([0.9, -0.7]), np.zeros(2)
    for _ in range(30):
        batch = optimizer.ask()
        assert batch.shape == (4, 2)
        optimizer.tell(energy(batch))
        velocity = momentum * velocity + gradient(theta)
        theta = theta - 0.2 * velocity
        assert optimizer.x == pytest.approx(theta, abs=1e-12)


def test_it_finds_the_minimum_and_asks_what_adam_asks() -> None:
    first = GradientDescent([0.5, 0.1]).ask()
    assert np.array_equal(first, GradientAdam([0.5, 0.1]).ask())
    outcome = drive(GradientDescent([0.5, 0.1], learning_rate=0.8, maxiter=500), energy)
    assert outcome.reason is Stop.TOLERANCE
    assert gradient(outcome.x) == pytest.approx([0.0, 0.0], abs=1e-5)
    assert outcome.value == pytest.approx(-np.hypot(1.0, 0.3))


def test_options() -> None:
    with pytest.raises(InvalidInput, match=r"momentum is 1\.0\. it must be a finite number >= 0 and < 1"):
        by_name.make("gradient-descent", [0.1], momentum=1.0)
    with pytest.raises(InvalidInput, match=r"learning_rate is 0\. it must be a finite number > 0"):
        by_name.make("gradient_descent", [0.1], learning_rate=0)
