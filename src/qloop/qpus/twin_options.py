"""The one way in which a twin's options are checked: numbers that are numbers, finite, and within their range."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TypeGuard

from qloop.errors import InvalidInput

MAX_SEED = 2**63 - 1


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a real number, and neither a truth value nor infinite nor NaN."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:       # an integer that no double can hold
        return False


def whole(what: str, value: object, low: int, high: int) -> int:
    """An integer from `low` to `high`, or `InvalidInput`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise InvalidInput(f"{what} is {value!r:.40}", "", f"Give an integer from {low} to {high}")
    return int(value)


def nanoseconds(what: str, seconds: object, low_ns: int, high_ns: int) -> int:
    """Seconds within bounds in ns, as whole nanoseconds, or `InvalidInput`."""
    if not (is_number(seconds) and abs(seconds) <= 1e12 and low_ns <= round(float(seconds) * 1e9) <= high_ns):
        raise InvalidInput(f"{what} is {seconds!r:.40}",
                           f"it must be from {low_ns * 1e-9:g} to {high_ns * 1e-9:g} seconds",
                           "Choose a value in that range")
    return round(float(seconds) * 1e9)
