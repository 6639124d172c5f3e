"""Parameters of a dataclass in a TOML table, both ways: names without the suffix of the unit, values with units.

The declarations (`simulator/platform/fields.py`) say the unit, the bounds and the meaning of each.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.platform.fields import check_number
from qloop.simulator.units import quantity, text

INFINITE = ("inf", "never", "unlimited")
DIMENSIONS = {"s": "s", "operations/s": "operations/s", "1/h": "1/s", "": "number"}
Field = dataclasses.Field[Any]


def declared(kind: type) -> dict[str, Field]:
    """The parameters of a dataclass that have a declaration, by their names in a file."""
    return {key_of(field): field for field in dataclasses.fields(kind) if field.metadata}


def key_of(field: Field) -> str:
    """The name of a parameter in a file: `keep_alive_s` is `keep_alive`."""
    return field.name.removesuffix("_s")


def check_keys(given: Mapping[str, Any], known: Mapping[str, Any] | tuple[str, ...], label: str) -> None:
    """Raise UnknownName for a key that a table does not have, with the nearest."""
    for key in given:
        if key not in known:
            raise UnknownName(f"key in {label}", key, known)


def read(field: Field, value: Any, name: str) -> Any:
    """The value of a parameter, from what stands in the file; `name` is what messages call it.

    Raises InvalidInput or UnknownName, in the words of the file.
    """
    told = field.metadata
    if "names" in told:
        if value not in told["names"]:
            raise UnknownName(f"choice for {name}", value, told["names"])
        return value
    if "flag" in told:
        if not isinstance(value, bool):
            raise InvalidInput(f"{name} is {value!r}", told["what"], "Give true or false, without quotes")
        return value
    found = _number(value, told, name)
    if told["whole"] and math.isfinite(found) and found == int(found):
        found = int(found)
    check_number(name, found, told)
    return found


def _number(value: Any, told: Mapping[str, Any], name: str) -> float:
    """A number in the unit of its declaration; bounds are not looked at."""
    if value in INFINITE or (isinstance(value, float) and math.isinf(value)):
        return -math.inf if value == -math.inf else math.inf
    unit = told["unit"]
    if unit == "1/h":
        return _per_hour(value, name)
    if unit == "" and isinstance(value, str) and "%" in value:
        return quantity(value, "share", name, -math.inf)
    return quantity(value, DIMENSIONS.get(unit, "number"), name, -math.inf)


def _per_hour(value: Any, name: str) -> float:
    """A rate of so many an hour; a plain number is one."""
    if not isinstance(value, str):
        return quantity(value, "number", name, least=-math.inf)
    return float(f"{quantity(value, '1/s', name, least=-math.inf) * 3600.0:.15g}")


def written(field: Field, value: Any) -> Any:
    """A value as it is written into a file: with its unit where it has one."""
    unit = field.metadata.get("unit", "")
    if isinstance(value, float) and math.isinf(value):
        return "never" if unit == "s" else "unlimited"
    if unit in ("s", "operations/s") and not isinstance(value, str):
        return text(value, unit)
    return value


def bounds(field: Field) -> str:
    """What a parameter may be, in words."""
    told = field.metadata
    if "names" in told:
        return ", ".join(told["names"])
    if "flag" in told:
        return "true, false"
    unit = told["unit"] if told["unit"] in DIMENSIONS else ""
    return f"{_bound(field, told['least'], unit)} to {_bound(field, told['most'], unit)}"


def _bound(field: Field, value: float, unit: str) -> str:
    if math.isinf(value):
        return str(written(field, value))
    return text(value, unit) if unit in ("s", "operations/s") else f"{value:,.12g}"
