"""The simplex method of Nelder and Mead, as stated by Lagarias et al. (SIAM J. Optim. 9, 112, 1998)."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput
from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.asktell import AskTell, Progress, Settings
from qloop.loops.optimizers.protocol import Array, Branch, Stop
from qloop.loops.optimizers.simplex import ROWS, TURNS, Phase, branches, turn


class NelderMeadSettings(Settings, frozen=True, kw_only=True):
    """Constructor arguments of NelderMead."""

    initial_simplex: tuple[tuple[float, ...], ...] | None
    step: float
    adaptive: bool
    xatol: float
    fatol: float


class NelderMeadState(Progress, kw_only=True):
    """The simplex (P+1, P), best vertex first, its values (P+1,), and the reflected point of this iteration.

    `turns` counts which way the search went from each phase, by which the next one is guessed.
    """

    phase: Phase
    simplex: Array
    values: Array
    reflected: Array
    reflected_value: float = 0.0
    turns: Array = msgspec.field(default_factory=lambda: np.zeros((len(ROWS), TURNS)))


class NelderMead(AskTell[NelderMeadSettings, NelderMeadState]):
    """Minimizes by moving a simplex of P + 1 points, without gradients or randomness (`seed` is not used).

    Asks the initial simplex as one batch, a shrink as a batch of P, all else point by point. The initial simplex is x0
    and x0 + `step` along each axis, or `initial_simplex` (P+1, P), which then replaces x0. `adaptive` takes the
    coefficients for many parameters (Gao and Han, Comput. Optim. Appl. 51, 259, 2012) from P = 2 on.
    Stops when all vertices are within `xatol` and all values within `fatol` of the best. Ties keep the older vertex
    (Lagarias section 2). `x` is the best vertex and `value` its told value. What it asks next is one of at most four
    known points (P + 1 after a whole simplex), so it can be asked ahead. Errors: `InvalidInput`.
    """

    name = "nelder-mead"
    settings_type = NelderMeadSettings
    state_type = NelderMeadState

    def __init__(self, x0: ArrayLike, *, maxiter: int = 200, seed: int = 0, initial_simplex: ArrayLike | None = None,
                 step: float = 0.25, adaptive: bool = False, xatol: float = 1e-4, fatol: float = 1e-4) -> None:
        start = arguments.point(x0)
        given = None if initial_simplex is None else _checked_simplex(initial_simplex, len(start))
        settings = NelderMeadSettings(
            x0=start, maxiter=arguments.whole("maxiter", maxiter, 1), seed=arguments.seed(seed),
            initial_simplex=None if given is None else tuple(map(tuple, given.tolist())),
            step=arguments.real("step", step, above=0), adaptive=arguments.flag("adaptive", adaptive),
            xatol=arguments.real("xatol", xatol, least=0), fatol=arguments.real("fatol", fatol, least=0))
        simplex = _axis_simplex(np.array(start), settings.step) if given is None else given
        super().__init__(settings, NelderMeadState(
            x=simplex[0].copy(), phase=Phase.SIMPLEX, simplex=simplex, values=np.zeros(len(simplex)),
            reflected=np.zeros(len(start))))

    def branches(self) -> list[Branch]:
        """One branch for each batch that may be asked next: none is missing."""
        return [] if self.done else branches(self._state, self._state.turns, self._settings.fatol)

    @property
    def keeps_incumbent(self) -> bool:
        """Once the first simplex is told: new vertices are compared with the best one."""
        return self._state.phase is not Phase.SIMPLEX

    def _renew(self, value: float) -> None:
        """The best vertex has this value, and all others have moved with it.

        They are of the same epoch: left as they are, the next best of them would be an incumbent that none can beat.
        """
        state = self._state
        moved = value - float(state.values[0])
        state.values, state.reflected_value = state.values + moved, state.reflected_value + moved
        state.value = state.values[0] = value

    def _propose(self) -> Array:
        simplex = self._state.simplex
        rho, chi, gamma, sigma = self._coefficients()
        match self._state.phase:
            case Phase.SIMPLEX:
                return simplex.copy()
            case Phase.REFLECT:
                return self._along(rho)
            case Phase.EXPAND:
                return self._along(rho * chi)
            case Phase.OUTSIDE:
                return self._along(rho * gamma)
            case Phase.INSIDE:
                return self._along(-gamma)
            case Phase.SHRINK:
                return np.asarray(simplex[0] + sigma * (simplex[1:] - simplex[0]))

    def _absorb(self, batch: Array, values: Array) -> Stop | None:
        state, value = self._state, float(values[0])
        if state.phase in ROWS:
            state.turns[ROWS.index(state.phase), turn(state, value)] += 1
        match state.phase:
            case Phase.SIMPLEX:
                state.values = values.copy()
                return self._sort()
            case Phase.REFLECT:
                return self._after_reflection(batch[0], value)
            case Phase.EXPAND:
                better = value < state.reflected_value
                return self._accept(batch[0], value) if better else self._accept(state.reflected, state.reflected_value)
            case Phase.OUTSIDE if value <= state.reflected_value:
                return self._accept(batch[0], value)
            case Phase.INSIDE if value < state.values[-1]:
                return self._accept(batch[0], value)
            case Phase.OUTSIDE | Phase.INSIDE:
                state.phase = Phase.SHRINK
                return None
            case Phase.SHRINK:
                state.simplex[1:], state.values[1:] = batch, values
                return self._finish()

    def _after_reflection(self, point: Array, value: float) -> Stop | None:
        """Accept the reflected point, or say which point to try next (Lagarias, steps 2 to 4)."""
        state = self._state
        state.reflected, state.reflected_value = point.copy(), value
        best, second_worst, worst = state.values[0], state.values[-2], state.values[-1]
        if best <= value < second_worst:
            return self._accept(point, value)
        if value < best:
            state.phase = Phase.EXPAND
        else:
            state.phase = Phase.OUTSIDE if value < worst else Phase.INSIDE
        return None

    def _accept(self, point: Array, value: float) -> Stop | None:
        """The point takes the place of the worst vertex."""
        self._state.simplex[-1], self._state.values[-1] = point, value
        return self._finish()

    def _finish(self) -> Stop | None:
        self._state.iteration += 1
        reason = self._sort()
        spent = self._state.iteration >= self._settings.maxiter
        return reason or (Stop.MAXITER if spent else None)

    def _sort(self) -> Stop | None:
        """Order the vertices by value, start the next iteration, and test convergence."""
        state = self._state
        # A stable sort is the tie-breaking rule of the paper: the newest vertex sits last and loses ties.
        order = np.argsort(state.values, kind="stable")
        state.simplex, state.values = state.simplex[order], state.values[order]
        state.x, state.value, state.phase = state.simplex[0].copy(), float(state.values[0]), Phase.REFLECT
        width = np.max(np.abs(state.simplex[1:] - state.simplex[0]))
        spread = np.max(np.abs(state.values[1:] - state.values[0]))
        return Stop.TOLERANCE if width <= self._settings.xatol and spread <= self._settings.fatol else None

    def _along(self, t: float) -> Array:
        """The point m + t (m - worst) as a batch of one; m is the mean of all vertices but the worst.

        The sum is exact, so that the point does not depend on the order of the vertices, which is not known ahead.
        """
        simplex = self._state.simplex
        mean = np.array([_exact_sum(column) for column in simplex[:-1].T.tolist()]) / (len(simplex) - 1)
        return np.asarray((1 + t) * mean - t * simplex[-1])[None]

    def _coefficients(self) -> tuple[float, float, float, float]:
        """Reflection, expansion, contraction, shrinkage."""
        n = len(self._state.x)
        # The adaptive shrinkage would be 0 for one parameter.
        if self._settings.adaptive and n >= 2:
            return 1.0, 1 + 2 / n, 0.75 - 1 / (2 * n), 1 - 1 / n
        return 1.0, 2.0, 0.5, 0.5


def _exact_sum(terms: list[float]) -> float:
    """The sum, rounded once; infinite where it leaves what doubles hold, which stops the search as diverged."""
    try:
        return math.fsum(terms)
    except OverflowError:
        return math.inf


def _axis_simplex(start: Array, step: float) -> Array:
    """The start and one vertex a step along each axis, (P+1, P)."""
    return np.concatenate([start[None], start + step * np.eye(len(start))])


def _checked_simplex(given: ArrayLike, n: int) -> Array:
    """The given simplex (n+1, n), not flat; else `InvalidInput`."""
    simplex = arguments.array("initial_simplex", given)
    if simplex.shape != (n + 1, n):
        raise InvalidInput(f"initial_simplex has the shape {simplex.shape}",
                           f"{n} parameters need {n + 1} vertices", f"Pass an array of shape ({n + 1}, {n})")
    if np.linalg.matrix_rank(simplex[1:] - simplex[0]) < n:
        raise InvalidInput("initial_simplex is flat", "its edges do not span all parameters",
                           "Move a vertex, so that no direction is missing")
    return simplex
