"""Parameters of mini-apps: declared with their range and unit, checked when they are made, read from words."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

import msgspec

from qloop.errors import InvalidInput, UnknownName

P = TypeVar("P", bound="Parameters")


class Whole(msgspec.Struct, frozen=True):
    """A whole number from `low` to `high`, in `unit`; `even` or a `power` of two if so said."""

    low: int
    high: int
    unit: str
    what: str
    even: bool = False
    power: bool = False

    @property
    def bounds(self) -> str:
        """The range in words."""
        kind = "power of two" if self.power else "even number" if self.even else "whole number"
        return f"{kind} from {self.low:,} to {self.high:,}"

    def checked(self, name: str, value: object) -> int:
        """The value, if it is one; `InvalidInput` for anything else, True and 4.0 included."""
        try:
            if isinstance(value, bool):
                raise TypeError
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            raise InvalidInput(f"{name} is {value!r:.60}", "It must be a whole number", self._advice(name)) from None
        odd = (self.even and number % 2) or (self.power and (number < 1 or number & (number - 1)))
        if not self.low <= number <= self.high or odd:
            raise InvalidInput(f"{name} is {number}", "It is not of this kind" if odd else "It is out of range",
                               self._advice(name))
        return number

    def read(self, name: str, word: str) -> int:
        """The number that a word means."""
        try:
            return int(word)
        except ValueError:
            raise InvalidInput(f"{name} is {word!r:.60}", "It must be a whole number", self._advice(name)) from None

    def _advice(self, name: str) -> str:
        return f"Give {name} as a {self.bounds}{f' ({self.unit})' if self.unit else ''}"


class Real(msgspec.Struct, frozen=True):
    """A finite number from `low` to `high`, in `unit`."""

    low: float
    high: float
    unit: str
    what: str

    @property
    def bounds(self) -> str:
        """The range in words."""
        return f"number from {self.low:g} to {self.high:g}"

    def checked(self, name: str, value: object) -> float:
        """The value, if it is one; `InvalidInput` for anything else."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidInput(f"{name} is {value!r:.60}", "It must be a finite number", self._advice(name))
        if not self.low <= value <= self.high:
            raise InvalidInput(f"{name} is {value:g}", "It is out of range", self._advice(name))
        return float(value)

    def read(self, name: str, word: str) -> float:
        """The number that a word means."""
        try:
            return float(word)
        except ValueError:
            raise InvalidInput(f"{name} is {word!r:.60}", "It must be a number", self._advice(name)) from None

    def _advice(self, name: str) -> str:
        return f"Give {name} as a {self.bounds}{f' ({self.unit})' if self.unit else ''}"


class Choice(msgspec.Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]
    what: str
    unit: str = ""

    @property
    def bounds(self) -> str:
        """The words."""
        return ", ".join(self.words)

    def checked(self, name: str, value: object) -> str:
        """The word, if it is one of them; `UnknownName`, with the nearest, otherwise."""
        if value not in self.words:
            raise UnknownName(name, str(value)[:60], self.words)
        return str(value)

    def read(self, name: str, word: str) -> str:
        """The word itself."""
        return word


Range = Whole | Real | Choice


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a mini-app; each is `Annotated` with its range, and checked when the record is made."""

    def __post_init__(self) -> None:
        for name, span in ranges(type(self)).items():
            span.checked(name, getattr(self, name))
        self.agree()

    def agree(self) -> None:
        """Raise `InvalidInput` for parameters that do not go together."""


def ranges(kind: type[Parameters]) -> Mapping[str, Range]:
    """The range of each parameter, in the order of their declaration."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name].__metadata__[0] for name in kind.__struct_fields__}


def defaults(kind: type[Parameters]) -> Mapping[str, Any]:
    """The default of each parameter."""
    made = kind()
    return {name: getattr(made, name) for name in kind.__struct_fields__}


def read(kind: type[P], words: Mapping[str, str], owner: str) -> P:
    """The parameters that words mean; `owner` is what messages call the mini-app.

    Raises `UnknownName`, with the nearest name, for one that does not exist, `InvalidInput` for a value out of range.
    """
    known = ranges(kind)
    given: dict[str, Any] = {}
    for word, value in words.items():
        name = word.replace("-", "_")
        if name not in known:
            raise UnknownName(f"parameter of {owner}", word, known)
        given[name] = known[name].read(name, value)
    return kind(**given)


def as_dict(parameters: Parameters) -> dict[str, Any]:
    """The parameters by name."""
    return {name: getattr(parameters, name) for name in parameters.__struct_fields__}
