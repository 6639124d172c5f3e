"""Gradient descent with Adam (Kingma and Ba, ICLR 2015) on gradients from the parameter-shift rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput
from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.asktell import AskTell, Progress, Settings
from qloop.loops.optimizers.protocol import Array, Stop

MOST_FREQUENCIES = 4096


class AdamSettings(Settings, frozen=True, kw_only=True):
    """Constructor arguments of GradientAdam; `frequencies` one per parameter."""

    learning_rate: float
    beta1: float
    beta2: float
    eps: float
    gtol: float
    frequencies: tuple[int, ...]
    evaluate_incumbent: bool


class AdamState(Progress, kw_only=True):
    """The iterate and the moments of its gradients, each (P,)."""

    theta: Array
    first: Array
    second: Array


class GradientAdam(AskTell[AdamSettings, AdamState]):
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
            frequencies=_per_parameter(frequencies, len(start)),
            evaluate_incumbent=arguments.flag("evaluate_incumbent", evaluate_incumbent))
        self._rule = shift_rule(settings.frequencies)
        theta = np.array(start)
        super().__init__(settings, AdamState(x=theta.copy(), theta=theta, first=np.zeros_like(theta),
                                             second=np.zeros_like(theta)))

    def _propose(self) -> Array:
        index, shifts, _ = self._rule
        points = np.tile(self._state.theta, (len(index) + self._settings.evaluate_incumbent, 1))
        points[np.arange(len(index)), index] += shifts
        return points

    def _absorb(self, batch: Array, values: Array) -> Stop | None:
        state = self._state
        index, _, weights = self._rule
        products = weights * values[:len(index)]
        gradient = np.bincount(index, products, minlength=len(state.x)).astype(np.float64)
        if self._settings.evaluate_incumbent:
            self._remember(float(values[-1]))
        # Squares join the second moment, so a gradient beyond 1e154 has already diverged.
        if not np.isfinite(gradient**2).all():
            return Stop.DIVERGED
        state.iteration += 1
        if np.max(np.abs(gradient)) <= self._settings.gtol:
            return Stop.TOLERANCE
        moved = state.theta - self._move(gradient)
        if not np.isfinite(moved).all():
            return Stop.DIVERGED
        state.theta = moved
        if not self._settings.evaluate_incumbent:
            state.x = moved.copy()
        return Stop.MAXITER if state.iteration >= self._settings.maxiter else None

    def _remember(self, value: float) -> None:
        """The evaluated iterate becomes the incumbent if it is the best so far."""
        if self._state.value is None or value < self._state.value:
            self._state.x, self._state.value = self._state.theta.copy(), value

    def _move(self, gradient: Array) -> Array:
        """Adam's step for the gradient, with bias-corrected moments (their algorithm 1)."""
        state, terms, t = self._state, self._settings, self._state.iteration
        state.first = terms.beta1 * state.first + (1 - terms.beta1) * gradient
        state.second = terms.beta2 * state.second + (1 - terms.beta2) * gradient**2
        mean = state.first / (1 - terms.beta1**t)
        size = np.sqrt(state.second / (1 - terms.beta2**t))
        return np.asarray(terms.learning_rate * mean / (size + terms.eps))


def shift_rule(frequencies: Sequence[int]) -> tuple[Array, Array, Array]:
    """The points and weights of the exact gradient: parameter index, shift and weight per point, each (2 * sum(R),).

    For a function that is in parameter j a trigonometric polynomial of degree R_j,
    df/dtheta_j = sum_m (-1)^(m-1) / (4 R_j sin^2(s_m / 2)) f(theta + s_m e_j), s_m = (2m - 1) pi / (2 R_j), m = 1..2R_j
    (Wierichs et al. 2022, eq. 17); for R = 1 this is (f(+pi/2) - f(-pi/2)) / 2.
    """
    index, shifts, weights = [], [], []
    for j, r in enumerate(frequencies):
        m = np.arange(1, 2 * r + 1)
        shift = (2 * m - 1) * math.pi / (2 * r)
        index.append(np.full(2 * r, j))
        weights.append((-1.0) ** (m - 1) / (4 * r * np.sin(shift / 2) ** 2))
        shifts.append(np.where(m <= r, shift, -shift[::-1]))
    rule = np.concatenate(index), np.concatenate(shifts), np.concatenate(weights)
    for part in rule:
        part.setflags(write=False)  # forks share the rule
    return rule


def _per_parameter(frequencies: int | Sequence[int], n: int) -> tuple[int, ...]:
    """One number of frequencies per parameter; else `InvalidInput`."""
    given = list(frequencies) if isinstance(frequencies, Sequence | np.ndarray) else [frequencies] * n
    if len(given) != n:
        raise InvalidInput(f"frequencies has {len(given)} entries", f"there are {n} parameters",
                           "Pass one number, or one per parameter")
    return tuple(arguments.whole("frequencies", r, 1, MOST_FREQUENCIES) for r in given)
