"""Parameters with a unit, bounds and a meaning: declared once, checked, and shown in the reference and in errors."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from qloop.errors import InvalidInput, UnknownName


def number(default: float, unit: str, least: float, most: float, what: str, *, whole: bool = False) -> Any:
    """A numeric parameter; `unit` is s, operations/s, qubits, ... or empty for a plain number or a share."""
    told = {"unit": unit, "least": least, "most": most, "what": what, "whole": whole}
    return dataclasses.field(default=default, metadata=told)


def choice(default: str, names: tuple[str, ...], what: str) -> Any:
    """A parameter that is one of a few names."""
    return dataclasses.field(default=default, metadata={"names": names, "what": what})


def flag(default: bool, what: str) -> Any:
    """A parameter that is on or off."""
    return dataclasses.field(default=default, metadata={"flag": True, "what": what})


def check(record: Any, noun: str) -> None:
    """Raise InvalidInput or UnknownName for the first parameter of a dataclass that is out of its bounds."""
    for field in dataclasses.fields(record):
        value, told = getattr(record, field.name), field.metadata
        if "least" in told:
            check_number(f"{noun}.{field.name}", value, told)
        elif "names" in told and value not in told["names"]:
            raise UnknownName(f"{noun}.{field.name}", value, told["names"])
        elif "flag" in told and not isinstance(value, bool):
            raise InvalidInput(f"{noun}.{field.name} is {value!r}", "It is on or off", "Give true or false")


def check_number(name: str, value: Any, told: Any) -> None:
    """Raise InvalidInput unless the value is a number within the bounds of `told`; infinity only where it is one."""
    number_ = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    unit = f" {told['unit']}" if told["unit"] else ""
    if not number_ or not told["least"] <= value <= told["most"]:
        kind = "a whole number" if told["whole"] else "a number"
        raise InvalidInput(f"{name} is {value!r}", told["what"],
                           f"Give {kind} from {told['least']:g} to {told['most']:g}{unit}")
    if told["whole"] and value != math.inf and int(value) != value:
        raise InvalidInput(f"{name} is {value!r}", "It counts things", "Give a whole number")
