"""What a primitive takes where a PUB says nothing: attributes that are checked when they are set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import MAX_SHOTS


class Options:
    """Options by name, None where the session decides; `UnknownName` for what there is not."""

    def __init__(self, names: tuple[str, ...], given: Mapping[str, Any] | None, **values: Any) -> None:
        object.__setattr__(self, "_values", dict.fromkeys(names))
        if given is not None and not isinstance(given, Mapping):
            raise InvalidInput(f"The options are {given!r:.80}", "", f"Give a mapping of {', '.join(names)}")
        for name, value in {**(given or {}), **{name: value for name, value in values.items() if value is not None}
                            }.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        values = object.__getattribute__(self, "_values")
        if name not in values:
            raise AttributeError(f"There is no option {name!r}")
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._values:
            raise UnknownName("option", name, self._values)
        self._values[name] = None if value is None else CHECKS[name](value)

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def precision_of(value: Any) -> float:
    """A precision; `InvalidInput` unless it is a finite real number, 0 or above, within reach of `MAX_SHOTS`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidInput(f"The precision is {value!r:.80}", "", "Give a number from 0, which means exact, or None")
    number = float(value)
    if not (math.isfinite(number) and number >= 0.0):
        raise InvalidInput(f"The precision is {number}", "It is a standard error",
                           "Give a finite number from 0, which means exact")
    if number and number < 1.0 / math.sqrt(MAX_SHOTS):
        raise InvalidInput(f"The precision is {number:g}", f"It would take more than {MAX_SHOTS} shots",
                           "Give a larger one, or 0 for exact values")
    return number


def shots_of(value: Any) -> int:
    """A number of shots; `InvalidInput` unless it is an integer from 1 to `MAX_SHOTS`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidInput(f"The number of shots is {value!r:.80}", "", f"Give an integer from 1 to {MAX_SHOTS}")
    if not 1 <= int(value) <= MAX_SHOTS:
        raise InvalidInput(f"The number of shots is {int(value)}", "", f"Give an integer from 1 to {MAX_SHOTS}")
    return int(value)


def shots_for(precision: float) -> int:
    """`ceil(1 / precision^2)`: the standard error of a variable between -1 and 1 is then no larger; 0 for 0."""
    return math.ceil(1.0 / precision**2) if precision else 0


CHECKS: Mapping[str, Callable[[Any], Any]] = {"default_precision": precision_of, "default_shots": shots_of}
