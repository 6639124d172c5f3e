"""Non-negative least squares on relative errors: constants that explain times of very different size equally well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

Vector = NDArray[np.float64]


def fitted(features: Sequence[Vector], seconds: Sequence[float], known: Sequence[float] | None = None,
           robust: int = 8) -> Vector:
    """Constants c >= 0 that minimise `sum w_i ((known_i + features_i . c) / seconds_i - 1)**2`.

    `known` is the part of each time that is explained already (default: none). `robust` rounds lower the weight of rows
    that a disturbed clock spoiled (Huber's weights, at 3 times the median error); 0 fits all alike. `InvalidInput`
    for no rows, rows of other lengths, and times that are not positive.
    """
    from scipy.optimize import nnls

    table, times = np.array(features, dtype=np.float64), np.array(seconds, dtype=np.float64)
    _check(table, times)
    scaled = table / times[:, None]
    wanted = np.ones(len(times)) if known is None else 1.0 - np.asarray(known, dtype=np.float64) / times
    norms = np.linalg.norm(scaled, axis=0)
    norms[norms == 0] = 1.0
    weights = np.ones(len(times))
    found = np.zeros(table.shape[1])
    for _ in range(robust + 1):
        root = np.sqrt(weights)
        found = np.asarray(nnls(scaled / norms * root[:, None], wanted * root)[0]) / norms
        errors = np.abs(scaled @ found - wanted)
        bound = max(3.0 * float(np.median(errors)), 1e-9)
        weights = np.minimum(1.0, bound / np.maximum(errors, 1e-300))
    return found


def accuracy(predicted: float, actual: float) -> float:
    """`100 min / max` of two positive numbers, in per cent; the measure of the Q-Dreamer paper."""
    if not (np.isfinite(predicted) and np.isfinite(actual) and predicted > 0 and actual > 0):
        raise InvalidInput(f"The accuracy of {predicted!r} for {actual!r} is not defined", "",
                           "Give finite numbers above 0")
    return 100.0 * min(predicted, actual) / max(predicted, actual)


def _check(table: Vector, times: Vector) -> None:
    if table.ndim != 2 or len(table) != len(times) or not len(times):
        raise InvalidInput(f"Features of shape {table.shape} do not fit {len(times)} times", "",
                           "Give a row of features for each time, and at least one")
    if not (np.isfinite(times).all() and (times > 0).all() and np.isfinite(table).all()):
        raise InvalidInput("Times must be positive and all numbers finite", "", "Leave out what was not measured")
