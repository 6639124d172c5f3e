"""Gradients from the parameter-shift rule: all points of a gradient are known ahead, so they are one batch."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.asktell import AskTell, Progress, Settings
from qloop.loops.optimizers.protocol import Array, Stop

MOST_FREQUENCIES = 4096


class ShiftSettings(Settings, frozen=True, kw_only=True):
    """What every descent along parameter-shift gradients is told; `frequencies` one per parameter."""

    learning_rate: float
    gtol: float
    frequencies: tuple[int, ...]
    evaluate_incumbent: bool


class ShiftState(Progress, kw_only=True):
    """The iterate (P,), which is not the incumbent where that is the best one evaluated."""

    theta: Array


S = TypeVar("S", bound=ShiftSettings)
T = TypeVar("T", bound=ShiftState)


class ShiftDescent(AskTell[S, T], abc.ABC, Generic[S, T]):
    """Asks for a whole gradient as one batch, and leaves to the method how far to move along it."""

    def __init__(self, settings: S, state: T) -> None:
        self._rule = shift_rule(settings.frequencies)
        super().__init__(settings, state)

    @abc.abstractmethod
    def _move(self, gradient: Array) -> Array:
        """What to take off the iterate, given the gradient (P,) there."""

    @property
    def keeps_incumbent(self) -> bool:
        """If iterates are evaluated: the best so far is compared with later ones."""
        return self._settings.evaluate_incumbent and self._state.value is not None

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


def per_parameter(frequencies: int | Sequence[int], n: int, most: int = MOST_FREQUENCIES) -> tuple[int, ...]:
    """One number of frequencies per parameter; else `InvalidInput`."""
    given = list(frequencies) if isinstance(frequencies, Sequence | np.ndarray) else [frequencies] * n
    if len(given) != n:
        raise InvalidInput(f"frequencies has {len(given)} entries", f"there are {n} parameters",
                           "Pass one number, or one per parameter")
    return tuple(arguments.whole("frequencies", r, 1, most) for r in given)
