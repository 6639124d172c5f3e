"""The arguments of optimizers, checked before anything is spent."""

from __future__ import annotations

import math
import operator
from typing import SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput
from qloop.loops.optimizers.protocol import Array

LARGEST_SEED = 2**64 - 1


def point(x0: ArrayLike) -> tuple[float, ...]:
    """The starting point as floats, shape (P,), P >= 1, all finite; else `InvalidInput`."""
    start = array("x0", x0)
    if start.ndim != 1 or start.size == 0:
        raise InvalidInput(f"x0 has the shape {start.shape}", "it must be one-dimensional with at least one parameter",
                           "Pass the starting parameters as a flat list or array")
    return tuple(start.tolist())


def array(name: str, given: ArrayLike) -> Array:
    """The argument as a float64 array of finite numbers; else `InvalidInput`."""
    try:
        numbers = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} is not an array of real numbers", str(error),
                           f"Pass {name} as a list or array of floats") from None
    if not np.isfinite(numbers).all():
        where = ", ".join(str(i) for i in np.flatnonzero(~np.isfinite(numbers.ravel()))[:5])
        raise InvalidInput(f"{name} holds NaN or infinity (at {where})", "",
                           f"Make every entry of {name} a finite number")
    return numbers


def whole(name: str, given: SupportsIndex, least: int, most: int | None = None) -> int:
    """The argument as an int in [least, most]; else `InvalidInput`."""
    wanted = f"a whole number of at least {least}" + (f" and at most {most}" if most is not None else "")
    try:
        number = operator.index(given)
    except TypeError:
        number = least - 1
    if isinstance(given, bool) or number < least or (most is not None and number > most):
        raise InvalidInput(f"{name} is {given!r}", f"it must be {wanted}", f"Choose another {name}")
    return number


def seed(given: SupportsIndex) -> int:
    """A seed as an int in [0, 2^64); else `InvalidInput`."""
    return whole("seed", given, 0, LARGEST_SEED)


def real(name: str, given: SupportsFloat, *, above: float = -math.inf, least: float = -math.inf,
         below: float = math.inf) -> float:
    """The argument as a finite float with above < it < below and it >= least; else `InvalidInput`."""
    bounds = [f"{sign} {bound:g}" for sign, bound in ((">", above), (">=", least), ("<", below))
              if math.isfinite(bound)]
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and above < number < below and number >= least):
        wanted = " ".join(["a finite number", " and ".join(bounds)]).strip()
        raise InvalidInput(f"{name} is {given!r}", f"it must be {wanted}", f"Choose another {name}")
    return number


def flag(name: str, given: object) -> bool:
    """The argument as a bool; else `InvalidInput`."""
    if not isinstance(given, bool | np.bool_):
        raise InvalidInput(f"{name} is {given!r}", "it must be True or False", f"Choose another {name}")
    return bool(given)
