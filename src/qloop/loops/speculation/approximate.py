"""Foresight of values. The approximate mode steps a fork with them, and takes what it asks if it is close enough.

Off unless a user asks for it, and said in every result: the committed course is then another one than without it.
Whether a guess counts is decided by where it was evaluated and in which epoch, never by the value that came back: a
rule that looked at the value would choose among noisy results.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable

import msgspec
import numpy as np

from qloop.errors import UnknownName
from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.protocol import Array, Optimizer
from qloop.loops.speculation.guess import PENDING, Guess
from qloop.loops.speculation.predict import PREDICTORS, Prediction, Predictor, fit

WINDOW = 32
"""Evaluations that a prediction looks back on."""
REFIT = 8
"""Evaluations after which the predictor's own parameters are looked for anew, which is slow."""
LEAST = 3
"""Evaluations before which nothing is predicted."""


class Reason(enum.StrEnum):
    """Why a guess does not count."""

    THETA_MISMATCH = "theta_mismatch"
    EPOCH_CHANGE = "epoch_change"


class Verdict(msgspec.Struct, frozen=True):
    """Whether a guess counts; `deviation` is the largest difference of an angle, infinite for another shape."""

    commits: bool
    deviation: float
    reason: Reason | None = None


def verdict(guessed: Array, asked: Array, eps: float, *, same_epoch: bool = True) -> Verdict:
    """The commit rule: max |theta' - theta| <= eps, in an admissible epoch. It does not see the value."""
    off = deviation(guessed, asked)
    if off > eps:
        return Verdict(False, off, Reason.THETA_MISMATCH)
    return Verdict(same_epoch, off, None if same_epoch else Reason.EPOCH_CHANGE)


def deviation(guessed: Array, asked: Array) -> float:
    """max |theta' - theta| over all points and parameters; infinite if the batches have different shapes."""
    if guessed.shape != asked.shape:
        return math.inf
    return float(np.max(np.abs(guessed - asked)))


def step(optimizer: Optimizer, predict: Callable[[Array], Array]) -> Optimizer | None:
    """A fork that was told the predicted values of the batch asked; None if the optimizer then stops, or before."""
    if optimizer.done:
        return None
    fork = optimizer.fork()
    values = np.asarray(predict(fork.ask()), dtype=np.float64)
    if not np.isfinite(values).all():
        return None
    fork.tell(values)
    return None if fork.done else fork


class Foresight:
    """What is foreseen in one loop: by its last evaluations, and how often a guess came close enough.

    `predictor`: `linear` or `gp`; `eps`: the largest deviation of an angle, in radians, with which a guess still
    counts; `window`: evaluations that are looked back on. `InvalidInput` for a negative `eps`, `UnknownName` for an
    unknown predictor.
    """

    def __init__(self, predictor: str = "gp", eps: float = 1e-2, window: int = WINDOW) -> None:
        if predictor not in PREDICTORS:
            raise UnknownName("predictor", predictor, PREDICTORS)
        self.predicting, self.eps = predictor, arguments.real("eps", eps, least=0)
        self.window = arguments.whole("window", window, LEAST)
        self.judged = self.hits = 0
        self.deviations: list[float] = []
        self._points, self._values = np.empty((0, 0)), np.empty(0)
        self._where: object = None
        self._model: Predictor | None = None
        self._stale, self._since = True, 0

    def observe(self, points: Array, values: Array, where: object = None) -> None:
        """Take the values (k,) that points (k, P) were found to have on the committed course.

        `where`: their QPU and epoch; values from elsewhere cannot be compared with them and are forgotten.
        """
        if not len(self._values) or where != self._where:
            self._points, self._values, self._where = np.empty((0, points.shape[1])), np.empty(0), where
        self._stale, self._since = True, self._since + len(values)
        self._points = np.concatenate([self._points, points])[-self.window:]
        self._values = np.concatenate([self._values, values])[-self.window:]

    def guesses(self, optimizer: Optimizer, depth: int = 1) -> list[Guess]:
        """The batches that would come next, up to `depth` ahead, if the predictions held; none before 3 evaluations."""
        model, at, found = self.predictor(), optimizer, list[Guess]()
        if model is None:
            return []
        for level in range(arguments.whole("depth", depth, 0)):
            following = step(at, lambda points: model.predict(points).values)
            if following is None:
                break
            at, likely = following, self.probability ** (level + 1)
            found.append(Guess(at.ask(), likely, level - 1 if level else PENDING))
        return found

    def predict(self, points: Array) -> Prediction:
        """Values to expect at points (k, P), nan before 3 evaluations; the exact mode weighs its guesses by them."""
        model, unknown = self.predictor(), np.full(len(points), np.nan)
        return Prediction(unknown, unknown) if model is None else model.predict(points)

    def predictor(self) -> Predictor | None:
        """What the evaluations so far predict; None before there are 3."""
        if len(self._values) < LEAST:
            return None
        if self._stale:
            like = self._model if self._since < REFIT else None
            self._since = self._since if like is not None else 0
            self._model, self._stale = fit(self.predicting, self._points, self._values, like), False
        return self._model

    @property
    def probability(self) -> float:
        """How likely a guess is to count, by the run's own past with one hit and one miss more (Laplace)."""
        return (self.hits + 1) / (self.judged + 2)

    def judge(self, guessed: Array, asked: Array, *, same_epoch: bool = True) -> Verdict:
        """Decide on a guess for the next batch by the commit rule, and remember how it was."""
        decided = verdict(guessed, asked, self.eps, same_epoch=same_epoch)
        if decided.reason is not Reason.EPOCH_CHANGE:       # the epoch says nothing about the prediction
            self.judged += 1
            self.hits += decided.commits
            self.deviations.append(decided.deviation)
        return decided
