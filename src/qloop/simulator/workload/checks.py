"""Checks of the parameters of arrival processes and session models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qloop.errors import InvalidInput


def positive(kind: str, name: str, value: Any, least: float, most: float) -> None:
    """Raise InvalidInput unless the value is a number within its bounds."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or math.isnan(value) or not least <= value <= most:
        raise InvalidInput(f"{name} of the {kind} arrivals is {value!r}", "",
                           f"Give a number from {least:g} to {most:g}")


def positives(kind: str, name: str, values: Any, least: float, most: float) -> tuple[float, ...]:
    """The values as a tuple of numbers; raises InvalidInput, with the place of the first that is out of bounds."""
    if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
        raise InvalidInput(f"{name} of the {kind} arrivals is {values!r}", "", "Give a list of numbers")
    for place, value in enumerate(values, 1):
        positive(kind, f"Number {place} of {name}", value, least, most)
    return tuple(map(float, values))


def whole(what: str, value: Any, least: int, most: int) -> None:
    """Raise InvalidInput unless the value is a whole number within its bounds."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(f"{what} is {value!r}", "", f"Give a whole number from {least} to {most}")


def on_or_off(name: str, value: object) -> None:
    """Raise InvalidInput unless the value is true or false."""
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} is {value!r}", "It is on or off", "Give true or false")
