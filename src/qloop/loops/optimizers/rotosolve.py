"""Rotosolve: one parameter after the other goes to the exact minimum of the sinusoid that the energy is in it.

Ostaszewski, Grant and Benedetti, Quantum 5, 391 (2021); Nakanishi, Fujii and Todo, Phys. Rev. Res. 2, 043158 (2020);
for parameters of several gates: Vidal and Theis, arXiv:1812.06323, and Wierichs et al., Quantum 6, 677 (2022).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Annotated, cast

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.asktell import AskTell, Progress, Settings, misfit
from qloop.loops.optimizers.protocol import Array, Stop
from qloop.loops.optimizers.shift import per_parameter

MOST_FREQUENCIES = 64


class Phase(enum.StrEnum):
    """What the values of the batch are for."""

    SINUSOID = "sinusoid"
    LAST = "last"


class RotosolveSettings(Settings, frozen=True, kw_only=True):
    """Constructor arguments of Rotosolve; `frequencies` one per parameter."""

    frequencies: tuple[int, ...]
    ftol: float
    last_evaluation: bool


class RotosolveState(Progress, kw_only=True):
    """The parameter whose turn it is, and the value with which the sweep began."""

    turn: Annotated[int, msgspec.Meta(ge=0)] = 0
    phase: Phase = Phase.SINUSOID
    began: float | None = None


class Rotosolve(AskTell[RotosolveSettings, RotosolveState]):
    """Minimizes along one parameter after the other, each in closed form, without gradients or step sizes.

    In a parameter that enters one Pauli rotation, the energy is a sinusoid, which three points determine: the iterate
    and it shifted by +-2 pi/3. They are one batch, then the parameter goes to the minimum. A parameter of R rotations
    (QAOA) needs `frequencies=R` for it, a number or one per parameter: 2R + 1 points, and the least value of the
    trigonometric polynomial through them. An iteration is a sweep over all parameters. Stops when a sweep has changed
    the value by at most `ftol`. `x` is the iterate; `value` is the minimum through the last points, not told, unless it
    stopped by `ftol` or `last_evaluation` evaluates the final x. No randomness (`seed` is not used). Errors:
    `InvalidInput`.
    """

    name = "rotosolve"
    settings_type = RotosolveSettings
    state_type = RotosolveState

    def __init__(self, x0: ArrayLike, *, maxiter: int = 200, seed: int = 0, frequencies: int | Sequence[int] = 1,
                 ftol: float = 1e-6, last_evaluation: bool = False) -> None:
        start = arguments.point(x0)
        super().__init__(RotosolveSettings(
            x0=start, maxiter=arguments.whole("maxiter", maxiter, 1), seed=arguments.seed(seed),
            frequencies=per_parameter(frequencies, len(start), MOST_FREQUENCIES),
            ftol=arguments.real("ftol", ftol, least=0),
            last_evaluation=arguments.flag("last_evaluation", last_evaluation)), RotosolveState(x=np.array(start)))

    def _propose(self) -> Array:
        state = self._state
        if state.phase is Phase.LAST:
            return state.x[None].copy()
        shifts = _shifts(self._settings.frequencies[state.turn])
        points = np.tile(state.x, (len(shifts), 1))
        points[:, state.turn] += shifts
        return points

    def _absorb(self, batch: Array, values: Array) -> Stop | None:
        state, told = self._state, float(values[0])
        if state.phase is Phase.LAST:
            state.value = told
            return Stop.MAXITER
        if state.turn == 0:
            before, state.began = state.began, told
            if before is not None and abs(before - told) <= self._settings.ftol:
                state.value = told
                return Stop.TOLERANCE
        shift, state.value = lowest(values)
        state.x[state.turn] += shift
        if not math.isfinite(state.value) or not np.isfinite(state.x).all():
            return Stop.DIVERGED
        state.turn = (state.turn + 1) % len(state.x)
        return self._swept() if state.turn == 0 else None

    def _swept(self) -> Stop | None:
        """Count the sweep; after the last one, evaluate x if that is wanted."""
        self._state.iteration += 1
        if self._state.iteration < self._settings.maxiter:
            return None
        if self._settings.last_evaluation:
            self._state.phase = Phase.LAST
            return None
        return Stop.MAXITER

    def _resume(self, state: Progress) -> None:
        if cast(RotosolveState, state).turn >= len(self._state.x):
            raise misfit(f"there is no parameter {cast(RotosolveState, state).turn}")
        super()._resume(state)


def _shifts(frequencies: int) -> Array:
    """2R + 1 shifts at equal distances around the circle, 0 first, in (-pi, pi]."""
    shifts = 2 * math.pi * np.arange(2 * frequencies + 1) / (2 * frequencies + 1)
    return np.where(shifts > math.pi, shifts - 2 * math.pi, shifts)


def lowest(values: Array) -> tuple[float, float]:
    """Where the trigonometric polynomial through equidistant values (2R + 1,), the first at 0, is least, and its value.

    The shift is in (-pi, pi]; 0 if the values are all equal. For R = 1 in closed form: a sinusoid of the amplitude
    2|c1| is least where its phase is pi. Else among the zeros of the derivative, a polynomial in exp(i phi).
    """
    c = np.fft.rfft(values) / len(values)
    mean, waves = float(c[0].real), c[1:]
    size = float(np.max(np.abs(waves)))
    if not size > 1e-15 * float(np.max(np.abs(values))):
        return 0.0, mean
    if len(waves) == 1:
        shift = math.pi - math.atan2(waves[0].imag, waves[0].real)
        return shift - 2 * math.pi * (shift > math.pi), mean - 2 * size
    n = np.arange(1, len(waves) + 1)
    slope = 1j * np.concatenate([(-n * waves.conj())[::-1], [0], n * waves])
    zeros = np.asarray(np.angle(np.roots(slope[::-1])), dtype=np.float64)
    shift = _refined(_least(zeros, waves, n), waves, n)
    return shift, mean + float(_wave(np.array([shift]), waves, n)[0])


def _wave(phi: Array, waves: NDArray[np.complex128], n: NDArray[np.int_]) -> Array:
    """The polynomial without its mean, at angles (k,)."""
    return np.asarray(2 * (np.exp(1j * np.outer(phi, n)) @ waves).real)


def _least(zeros: Array, waves: NDArray[np.complex128], n: NDArray[np.int_]) -> float:
    """The best of the derivative's zeros and of a grid, which stands in where the zeros are inexact."""
    tried = np.concatenate([zeros, np.linspace(-math.pi, math.pi, 16 * len(n), endpoint=False)])
    return float(tried[int(np.argmin(_wave(tried, waves, n)))])


def _refined(phi: float, waves: NDArray[np.complex128], n: NDArray[np.int_]) -> float:
    """A few steps of Newton's method towards the minimum, each taken only if it leads down."""
    for _ in range(4):
        turned = np.exp(1j * n * phi) * waves
        slope, bend = -2 * float(np.sum(n * turned.imag)), -2 * float(np.sum(n**2 * turned.real))
        moved = phi - slope / bend if bend > 0 else phi
        before, after = _wave(np.array([phi, moved]), waves, n)
        if not after < before:
            break
        phi = moved
    return phi
