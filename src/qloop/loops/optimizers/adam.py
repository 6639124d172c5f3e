"""Gradient descent with Adam (Kingma and Ba, ICLR 2015) on gradients from the parameter-shift rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.protocol import Array
from qloop.loops.optimizers.shift import ShiftDescent, ShiftSettings, ShiftState, per_parameter


class AdamSettings(ShiftSettings, frozen=True, kw_only=True):
    """Constructor arguments of GradientAdam."""

    beta1: float
    beta2: float
    eps: float


class AdamState(ShiftState, kw_only=True):
    """The moments of the gradients, each (P,)."""

    first: Array
    second: Array


class GradientAdam(ShiftDescent[AdamSettings, AdamState]):
    """Follows the gradient, all of whose points are known ahead: each ask is the whole gradient as one batch.

    With one frequency per parameter (default), the batch is 2P points at +-pi/2 and the gradient is exact for circuits
    in which each parameter enters one gate exp(-i theta G / 2) with G^2 = 1, as it is (Pauli rotations RX, RY, RZ, RXX,
    RZZ: EfficientSU2, RealAmplitudes; Schuld et al., PRA 99, 032331, 2019). A parameter that enters R such gates (QAOA:
    one angle, many edges) needs `frequencies=R` for it, a number or one per parameter; then 2R points give its exact
    gradient (Wierichs et al., Quantum 6, 677, 2022). Angles scaled by a non-integer are outside of both rules.

    `evaluate_incumbent` adds the iterate as a last point; `x` is then the best iterate evaluated and `value` its told
    value. Without it, `x` is the last iterate and `value` None. Stops when no entry of the gradient exceeds `gtol`.
    No randomness (`seed` is not used). Errors: `InvalidInput`.
    """

    name = "adam"
    settings_type = AdamSettings
    state_type = AdamState

    def __init__(self, x0: ArrayLike, *, maxiter: int = 200, seed: int = 0, learning_rate: float = 0.1,
                 beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, gtol: float = 1e-6,
                 frequencies: int | Sequence[int] = 1, evaluate_incumbent: bool = True) -> None:
        start = arguments.point(x0)
        settings = AdamSettings(
            x0=start, maxiter=arguments.whole("maxiter", maxiter, 1), seed=arguments.seed(seed),
            learning_rate=arguments.real("learning_rate", learning_rate, above=0),
            beta1=arguments.real("beta1", beta1, least=0, below=1),
            beta2=arguments.real("beta2", beta2, least=0, below=1),
            eps=arguments.real("eps", eps, above=0), gtol=arguments.real("gtol", gtol, least=0),
            frequencies=per_parameter(frequencies, len(start)),
            evaluate_incumbent=arguments.flag("evaluate_incumbent", evaluate_incumbent))
        theta = np.array(start)
        super().__init__(settings, AdamState(x=theta.copy(), theta=theta, first=np.zeros_like(theta),
                                             second=np.zeros_like(theta)))

    def _move(self, gradient: Array) -> Array:
        """Adam's step for the gradient, with bias-corrected moments (their algorithm 1)."""
        state, terms, t = self._state, self._settings, self._state.iteration
        state.first = terms.beta1 * state.first + (1 - terms.beta1) * gradient
        state.second = terms.beta2 * state.second + (1 - terms.beta2) * gradient**2
        mean = state.first / (1 - terms.beta1**t)
        size = np.sqrt(state.second / (1 - terms.beta2**t))
        return np.asarray(terms.learning_rate * mean / (size + terms.eps))
