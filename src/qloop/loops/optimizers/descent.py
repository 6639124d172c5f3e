"""Plain gradient descent, with momentum if wished, on gradients from the parameter-shift rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.protocol import Array
from qloop.loops.optimizers.shift import ShiftDescent, ShiftSettings, ShiftState, per_parameter


class DescentSettings(ShiftSettings, frozen=True, kw_only=True):
    """Constructor arguments of GradientDescent."""

    momentum: float


class DescentState(ShiftState, kw_only=True):
    """The sum (P,) of earlier gradients, each the weaker the older."""

    velocity: Array


class GradientDescent(ShiftDescent[DescentSettings, DescentState]):
    """Moves against the gradient by `learning_rate` times it; each ask is the whole gradient as one batch.

    v <- momentum v + g, theta <- theta - learning_rate v (Polyak, USSR Comput. Math. Math. Phys. 4, 1, 1964); without
    momentum (default), steepest descent. `frequencies`, `evaluate_incumbent` and `gtol` as for `adam`. On a function
    whose gradient changes by at most L per unit of theta, a learning rate up to 2 / L descends. No randomness (`seed`
    is not used). Errors: `InvalidInput`.
    """

    name = "gradient-descent"
    settings_type = DescentSettings
    state_type = DescentState

    def __init__(self, x0: ArrayLike, *, maxiter: int = 200, seed: int = 0, learning_rate: float = 0.1,
                 momentum: float = 0.0, gtol: float = 1e-6, frequencies: int | Sequence[int] = 1,
                 evaluate_incumbent: bool = True) -> None:
        start = arguments.point(x0)
        settings = DescentSettings(
            x0=start, maxiter=arguments.whole("maxiter", maxiter, 1), seed=arguments.seed(seed),
            learning_rate=arguments.real("learning_rate", learning_rate, above=0),
            momentum=arguments.real("momentum", momentum, least=0, below=1),
            gtol=arguments.real("gtol", gtol, least=0), frequencies=per_parameter(frequencies, len(start)),
            evaluate_incumbent=arguments.flag("evaluate_incumbent", evaluate_incumbent))
        theta = np.array(start)
        super().__init__(settings, DescentState(x=theta.copy(), theta=theta, velocity=np.zeros_like(theta)))

    def _move(self, gradient: Array) -> Array:
        """The step, by the gradient and those before it."""
        self._state.velocity = self._settings.momentum * self._state.velocity + gradient
        return np.asarray(self._settings.learning_rate * self._state.velocity)
