"""Predicting values that are not there yet: from values that are, or from part of the shots.

All predictors are pure functions of what they are given. In the exact mode they only weigh guesses.
"""

from __future__ import annotations

import math
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput, UnknownName
from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.protocol import Array

PREDICTORS = ("linear", "gp")
LENGTHS = tuple(float(factor) for factor in np.geomspace(0.3, 30.0, 6))
"""Length scales that are tried, in units of the typical distance between the points."""
NOISES = (1e-8, 1e-5, 1e-3, 1e-1)
"""Variances of the noise that are tried, in units of the function's own."""


class Prediction(msgspec.Struct, frozen=True, eq=False):
    """Predicted `values` (k,) and their standard deviations `sd` (k,), infinite where nothing is known of them."""

    values: Array
    sd: Array


class Predictor(Protocol):
    """What predicts values of points (k, P)."""

    def predict(self, points: Array) -> Prediction:
        """The values at the points, and how far off they may be."""


class Linear(msgspec.Struct, frozen=True, eq=False):
    """The plane of least squares through values (m,) at points (m, P), of the least slope where they leave it open.

    Exact on linear functions from P + 1 points in general position. The standard deviations are those of a linear
    function with noise (the textbook's prediction interval); infinite with no more points than unknowns.
    """

    centre: Array
    mean: float
    slope: Array
    inverse: Array
    variance: float
    n: int

    def predict(self, points: Array) -> Prediction:
        """The plane at the points."""
        offsets = np.asarray(points, dtype=np.float64) - self.centre
        leverage = 1.0 + 1.0 / self.n + np.einsum("ij,jk,ik->i", offsets, self.inverse, offsets)
        sd = np.sqrt(self.variance * np.maximum(leverage, 0.0)) if math.isfinite(self.variance) else (
            np.full(len(offsets), np.inf))
        return Prediction(self.mean + offsets @ self.slope, sd)


def linear(points: ArrayLike, values: ArrayLike) -> Linear:
    """The plane of least squares; `InvalidInput` without points, or for shapes that do not fit."""
    where, told = _checked(points, values)
    centre, mean = where.mean(axis=0), float(told.mean())
    offsets, rises = where - centre, told - mean
    slope, _, rank, _ = np.linalg.lstsq(offsets, rises, rcond=None)
    free = len(told) - 1 - int(rank)
    variance = float(np.sum((rises - offsets @ slope) ** 2)) / free if free > 0 else math.inf
    inverse = np.linalg.pinv(offsets.T @ offsets)
    return Linear(centre, mean, np.asarray(slope), np.asarray(inverse), variance, len(told))


class Gaussian(msgspec.Struct, frozen=True, eq=False):
    """A Gaussian process with the kernel s^2 exp(-d^2 / 2 l^2), a constant mean, and noise of its own.

    Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eqs. 2.23 to 2.26. Without noise it
    interpolates.
    """

    points: Array
    mean: float
    length: float
    scale: float
    noise: float
    weights: Array
    inverse: Array

    def predict(self, points: Array) -> Prediction:
        """Mean and standard deviation of the process at the points, those of the noise included."""
        cross = np.exp(-0.5 * _squares(np.asarray(points, dtype=np.float64), self.points) / self.length**2)
        explained = np.einsum("ij,jk,ik->i", cross, self.inverse, cross)
        # Never below the noise; the difference itself may lose all its digits.
        variance = self.scale * np.maximum(1.0 + self.noise - explained, self.noise)
        return Prediction(self.mean + cross @ self.weights, np.sqrt(variance))


def gaussian(points: ArrayLike, values: ArrayLike, like: Gaussian | None = None) -> Gaussian:
    """The process whose length scale and noise, of a grid, have the largest marginal likelihood (eq. 5.8).

    The amplitude follows in closed form. `like`: an earlier process whose length scale and noise are taken over, which
    is many times as fast. `InvalidInput` without points, or for shapes that do not fit.
    """
    where, told = _checked(points, values)
    squares, mean = _squares(where, where), float(told.mean())
    apart = squares[squares > 0]
    typical = math.sqrt(float(np.median(apart))) if apart.size else 1.0
    rises = told - mean
    best, fitted = -math.inf, (typical, 0.0, NOISES[0], np.zeros_like(told), np.zeros_like(squares))
    lengths = [typical * factor for factor in LENGTHS] if like is None else [like.length]
    noises = NOISES if like is None else (like.noise,)
    for length in lengths:
        kernel = np.exp(-0.5 * squares / length**2)
        for noise in noises:
            # One factorization for each noise: eigenvectors would serve them all, but LAPACK looks for them in threads
            # that wait for each other, 20 ms on a busy machine.
            covariance = kernel + noise * np.eye(len(told))
            inverse = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
            weights, spread = inverse @ rises, float(np.sum(np.log(np.diag(np.linalg.cholesky(covariance)))))
            scale = float(rises @ weights) / len(told)
            if scale <= 0.0:
                continue
            likelihood = -0.5 * len(told) * math.log(scale) - spread
            if likelihood > best:
                best, fitted = likelihood, (length, scale, noise, weights, inverse)
    return Gaussian(where, mean, *fitted)


def fit(name: str, points: ArrayLike, values: ArrayLike, like: Predictor | None = None) -> Predictor:
    """The predictor of this name (`linear` or `gp`), fitted, `like` an earlier one; `UnknownName` for another."""
    if name == "linear":
        return linear(points, values)
    if name == "gp":
        return gaussian(points, values, like if isinstance(like, Gaussian) else None)
    raise UnknownName("predictor", name, PREDICTORS)


def _checked(points: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    where, told = arguments.array("points", points), arguments.array("values", values)
    if where.ndim != 2 or told.shape != where.shape[:1] or not told.size:
        raise InvalidInput(f"Points of shape {where.shape} have values of shape {told.shape}", "",
                           "Give points (m, P) and their values (m,), m at least 1")
    return where, told


def _squares(one: Array, other: Array) -> Array:
    """Squared distances (a, b) of points (a, P) and (b, P)."""
    return np.asarray(np.sum((one[:, None, :] - other[None, :, :]) ** 2, axis=2))
