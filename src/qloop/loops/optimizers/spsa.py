"""SPSA: simultaneous perturbation stochastic approximation (J. C. Spall, IEEE Trans. AES 34, 817, 1998)."""

from __future__ import annotations

import enum
import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from qloop.loops.optimizers import arguments, draws
from qloop.loops.optimizers.asktell import AskTell, Progress, Settings
from qloop.loops.optimizers.protocol import Array, Branch, Stop

FLAT = 1e-10
"""A mean slope below this calibrates nothing."""


class Phase(enum.StrEnum):
    """What the values of the batch are for."""

    CALIBRATE = "calibrate"
    START = "start"
    PAIR = "pair"
    CANDIDATE = "candidate"
    LAST = "last"


class SpsaSettings(Settings, frozen=True, kw_only=True):
    """Constructor arguments of SPSA."""

    a: float | None
    c: float
    alpha: float
    gamma: float
    stability: float
    first_step: float
    calibration_pairs: int
    blocking: float | None
    last_evaluation: bool


class SpsaState(Progress, kw_only=True):
    """`a` after calibration, and the candidate that blocking has under test.

    `judged` counts the candidates that blocking kept and dropped, by which the next one is guessed.
    """

    a: float
    phase: Phase
    candidate: Array
    judged: Array = msgspec.field(default_factory=lambda: np.zeros(2))


class SPSA(AskTell[SpsaSettings, SpsaState]):
    """Minimizes with two evaluations an iteration, whatever the number of parameters.

    x_{k+1} = x_k - a_k g_k, g_k = (y+ - y-) / (2 c_k) D with random signs D (P,), y+- = f(x_k +- c_k D),
    a_k = a / (stability + k + 1)^alpha, c_k = c / (k + 1)^gamma. `stability` is Spall's A (maxiter / 10).

    `a` None calibrates it: one ask of 2 * `calibration_pairs` points around x0, then the first step is `first_step`
    in each parameter (Spall 1998, section III.B). `c` should be near the noise of a value. `blocking` is the rise in
    value that a step may bring before it is dropped; it costs one evaluation an iteration and one of x0.
    `last_evaluation` evaluates the final x. `value` is told with either of the two; else it is an estimate: the mean of
    the last pair, around the iterate before the last step. Ahead is known what follows calibration, the value of x0, or
    a candidate under test; after a pair, only the line on which the next point lies. Errors: `InvalidInput`.
    """

    name = "spsa"
    settings_type = SpsaSettings
    state_type = SpsaState

    def __init__(self, x0: ArrayLike, *, maxiter: int = 200, seed: int = 0, a: float | None = None, c: float = 0.2,
                 alpha: float = 0.602, gamma: float = 0.101, stability: float | None = None,
                 first_step: float = 0.2 * math.pi, calibration_pairs: int = 10, blocking: float | None = None,
                 last_evaluation: bool = False) -> None:
        limit = arguments.whole("maxiter", maxiter, 1)
        settings = SpsaSettings(
            x0=arguments.point(x0), maxiter=limit, seed=arguments.seed(seed),
            a=None if a is None else arguments.real("a", a, above=0),
            c=arguments.real("c", c, above=0),
            alpha=arguments.real("alpha", alpha, above=0),
            gamma=arguments.real("gamma", gamma, above=0),
            stability=0.1 * limit if stability is None else arguments.real("stability", stability, least=0),
            first_step=arguments.real("first_step", first_step, above=0),
            calibration_pairs=arguments.whole("calibration_pairs", calibration_pairs, 1, 10_000),
            blocking=None if blocking is None else arguments.real("blocking", blocking, least=0),
            last_evaluation=arguments.flag("last_evaluation", last_evaluation))
        start = np.array(settings.x0)
        first = Phase.START if settings.blocking is not None else Phase.PAIR
        super().__init__(settings, SpsaState(
            x=start, a=settings.a or 0.0, phase=Phase.CALIBRATE if settings.a is None else first,
            candidate=start.copy()))

    def branches(self) -> list[Branch]:
        """What follows calibration and the value of x0 is certain; a candidate has two ways, a pair too many."""
        state = self._state
        if self.done:
            return []
        match state.phase:
            case Phase.CALIBRATE | Phase.START:
                return [Branch(np.zeros(len(state.batch)))]
            case Phase.CANDIDATE:
                return self._both_judgements()
            case Phase.PAIR | Phase.LAST:
                return []

    def _both_judgements(self) -> list[Branch]:
        """A value with which the candidate is kept, and one with which it is dropped, as often as that was so."""
        limit = (self._state.value or 0.0) + (self._settings.blocking or 0.0)
        with np.errstate(over="ignore"):
            above = float(np.nextafter(limit, np.inf))
        kept, dropped = (float(count) + 1.0 for count in self._state.judged)
        ways = [Branch(np.array([self._state.value or 0.0]), kept), Branch(np.array([above]), dropped)]
        return [way for way in ways if np.isfinite(way.values).all()]

    @property
    def keeps_incumbent(self) -> bool:
        """With blocking: a candidate is compared with the value of x. Without, no value is used again."""
        return self._settings.blocking is not None and self._state.value is not None

    def _propose(self) -> Array:
        state = self._state
        match state.phase:
            case Phase.CALIBRATE:
                moves = self._settings.c * self._calibration_signs()
                return np.concatenate([state.x + moves, state.x - moves])
            case Phase.PAIR:
                move = self._c() * self._signs()
                return np.stack([state.x + move, state.x - move])
            case Phase.CANDIDATE:
                return state.candidate[None].copy()
            case Phase.START | Phase.LAST:
                return state.x[None].copy()

    def _absorb(self, batch: Array, values: Array) -> Stop | None:
        match self._state.phase:
            case Phase.CALIBRATE:
                return self._calibrate(values)
            case Phase.START:
                self._state.value, self._state.phase = float(values[0]), Phase.PAIR
                return None
            case Phase.PAIR:
                return self._step(values)
            case Phase.CANDIDATE:
                return self._judge(float(values[0]))
            case Phase.LAST:
                self._state.value = float(values[0])
                return Stop.MAXITER

    def _calibrate(self, values: Array) -> Stop | None:
        """Choose `a` such that the first step has the wanted size; all entries of a gradient estimate are equal."""
        plus, minus = np.split(values, 2)
        slope = float(np.mean(np.abs(plus - minus))) / (2 * self._settings.c)
        damping = (self._settings.stability + 1) ** self._settings.alpha
        self._state.a = self._settings.first_step * damping / (slope if slope > FLAT else 1.0)
        self._state.phase = Phase.START if self._settings.blocking is not None else Phase.PAIR
        return None if 0 < self._state.a < math.inf else Stop.DIVERGED

    def _step(self, values: Array) -> Stop | None:
        """One SPSA step, taken at once or, with blocking, put under test."""
        state, k = self._state, self._state.iteration
        a_k = state.a / (self._settings.stability + k + 1) ** self._settings.alpha
        slope = (values[0] - values[1]) / (2 * self._c())
        moved = state.x - a_k * slope * self._signs()
        if not np.isfinite(moved).all():
            return Stop.DIVERGED
        if self._settings.blocking is not None:
            state.candidate, state.phase = moved, Phase.CANDIDATE
            return None
        mean = 0.5 * float(values[0]) + 0.5 * float(values[1])
        state.x, state.value = moved, mean
        return self._finish()

    def _judge(self, value: float) -> Stop | None:
        """Keep the candidate unless it raises the value by more than is allowed."""
        state, allowed = self._state, self._settings.blocking or 0.0
        kept = state.value is None or value <= state.value + allowed
        state.judged[0 if kept else 1] += 1
        if kept:
            state.x, state.value = state.candidate.copy(), value
        state.phase = Phase.PAIR
        return self._finish()

    def _finish(self) -> Stop | None:
        """Count the iteration; at the last one, evaluate x if that is wanted and not known."""
        self._state.iteration += 1
        if self._state.iteration < self._settings.maxiter:
            return None
        if self._settings.last_evaluation and self._settings.blocking is None:
            self._state.phase = Phase.LAST
            return None
        return Stop.MAXITER

    def _c(self) -> float:
        return self._settings.c / float((self._state.iteration + 1) ** self._settings.gamma)

    def _signs(self) -> Array:
        return draws.signs(self._settings.seed, self._state.iteration, draws.Stream.SPSA_PERTURBATION,
                           (len(self._state.x),))

    def _calibration_signs(self) -> Array:
        return draws.signs(self._settings.seed, 0, draws.Stream.SPSA_CALIBRATION,
                           (self._settings.calibration_pairs, len(self._state.x)))
