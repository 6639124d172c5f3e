"""Numbers with units, as people write them in scenario files: "600 s", "2h 30m", "6 per hour", "1.5 GB/s", "15 %".

A plain number is taken in the unit that stands in the name of its dimension. Arithmetic is in fractions, rounded once:
"600 ms" is 0.6, to the last bit.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput, UnknownName

_TIME = {"ns": "1e-9", "us": "1e-6", "µs": "1e-6", "ms": "1e-3", "s": "1", "sec": "1", "second": "1", "seconds": "1",
         "m": "60", "min": "60", "minute": "60", "minutes": "60", "h": "3600", "hour": "3600", "hours": "3600",
         "d": "86400", "day": "86400", "days": "86400", "week": "604800", "weeks": "604800"}
_WORK = {f"{prefix}{noun}": factor for noun in ("op", "ops", "operation", "operations")
         for prefix, factor in (("", "1"), ("k", "1e3"), ("M", "1e6"), ("G", "1e9"), ("T", "1e12"))
         if prefix == "" or noun == "op"}
_BYTES = {"B": "1", "byte": "1", "bytes": "1", "kB": "1e3", "KB": "1e3", "MB": "1e6", "GB": "1e9", "TB": "1e12",
          "KiB": "1024", "MiB": "1048576", "GiB": "1073741824", "TiB": "1099511627776",
          "bit": "1/8", "kbit": "125", "Mbit": "125e3", "Gbit": "125e6"}
_EACH = {f"/{unit}": 1 / Fraction(factor) for unit, factor in _TIME.items()}


def _table(units: Mapping[str, str | Fraction], suffix: str = "") -> Mapping[str, Fraction]:
    """Units of one dimension, each with its worth."""
    return MappingProxyType({f"{unit}{suffix}": Fraction(factor) for unit, factor in units.items()})


# a dimension is named by the unit of a plain number
UNITS: Mapping[str, Mapping[str, Fraction]] = MappingProxyType({
    "s": _table(_TIME),
    "1/s": _table({**_EACH, "1/s": "1", "Hz": "1", "kHz": "1e3"}),
    "operations": _table(_WORK),
    "operations/s": _table(_WORK, "/s"),
    "bytes": _table(_BYTES),
    "bytes/s": MappingProxyType({**_table(_BYTES, "/s"), **_table({"kbps": "125", "Mbps": "125e3", "Gbps": "125e6"})}),
    "share": _table({"%": "1/100", "percent": "1/100"}),
    "count": _table({"thousand": "1e3", "million": "1e6"}),
    "number": _table({}),
})
EXAMPLES = MappingProxyType({
    "s": "600, '600 s', '12 h' or '2h 30m'", "1/s": "0.01, '6 /h', '6 per hour' or 'every 10 min'",
    "operations": "1e9 or '2.5 Gop'", "operations/s": "1e9 or '1 Gop/s'", "bytes": "1000000 or '1 MB'",
    "bytes/s": "1e9, '1.5 GB/s' or '10 Gbit/s'", "share": "0.15 or '15 %'", "count": "40 or '1e6'", "number": "1.5"})
# the units of `text`, the plainest first
WRITTEN = MappingProxyType({
    "s": ("s", "min", "h", "d", "ms", "us", "ns"), "1/s": ("/s", "/min", "/h", "/d"),
    "operations": ("op", "Mop", "Gop"), "operations/s": ("op/s", "Mop/s", "Gop/s"),
    "bytes": ("B", "kB", "MB", "GB", "TB", "MiB", "GiB"), "bytes/s": ("B/s", "kB/s", "MB/s", "GB/s"),
    "share": ("%", ""), "count": ("",), "number": ("",)})
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
PART = re.compile(rf"\s*({NUMBER})\s*([^\d.+\-]*)")
NOUN = re.compile(r"^(?:sessions?|arrivals?|tasks?|users?)\s*(?=/)")
LONGEST = 100


def quantity(value: Any, unit: str, name: str = "the value", least: float = 0.0, most: float = math.inf, *,
             endless: bool = False) -> float:
    """The number that `value` (a number, or text such as "12 h") means in `unit`, a key of UNITS.

    `name` is what messages call it; `least` and `most` are bounds, both allowed. Shares end at 1, counts are whole.
    `endless` allows infinity: the number, "inf" or "never".
    Raises InvalidInput for text that is no quantity, an unknown unit, NaN or a value out of bounds.
    """
    if unit not in UNITS:
        raise UnknownName("dimension", unit, UNITS)
    if endless and (value in ("inf", "never") or value == math.inf):
        return math.inf
    if isinstance(value, str):
        found = _read(value, unit, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = _plain(value)
    else:
        raise _refusal(value, unit, name, f"It is of type {type(value).__name__}")
    most = min(most, 1.0) if unit == "share" else most
    if not math.isfinite(found):
        raise _refusal(value, unit, name, "It is not a finite number")
    if not least <= found <= most:
        raise InvalidInput(f"{_capital(name)} is {_shown(value)}", "", f"Give {_range(least, most, unit)}")
    if unit == "count" and found != math.floor(found):
        raise InvalidInput(f"{_capital(name)} is {_shown(value)}", "It counts things", "Give a whole number")
    return found


def seconds(value: Any, name: str = "the time", least: float = 0.0, most: float = math.inf) -> float:
    """A time in s, of a number (s) or text such as "2h 30m"; errors as in `quantity`."""
    return quantity(value, "s", name, least, most)


def text(value: float, unit: str) -> str:
    """The shortest text that `quantity` reads as exactly this value: "12 h" for 43200.0 of unit "s"."""
    found = [f"{float(value)!r}"]
    if math.isfinite(value):
        for known in WRITTEN[unit]:
            factor = UNITS[unit][known] if known else Fraction(1)
            number = float(Fraction(value) / factor)
            said = str(int(number)) if number == math.floor(number) and abs(number) < 1e9 else repr(number)
            if float(Fraction(said) * factor) == value:
                found.append(f"{said} {known}".strip())
    return min(found[1:] or found, key=len)


def _plain(value: float) -> float:
    """The number as a float; an integer beyond them is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read(value: str, unit: str, name: str) -> float:
    """The quantity that the text means."""
    said = value.strip()
    if len(said) > LONGEST:
        raise _refusal(value, unit, name, f"It is longer than {LONGEST} characters")
    if unit == "1/s" and said.startswith("every "):
        every = seconds(said.removeprefix("every "), f"{name}, {value!r},", 1e-9)
        return 1.0 / every
    parts = PART.findall(said)
    if not parts or "".join(PART.sub("", said).split()):
        raise _refusal(value, unit, name, "It is not a number with a unit")
    if len(parts) > 1 and (unit != "s" or any(not known.strip() for _, known in parts)):
        raise _refusal(value, unit, name, "It holds more than one number" if unit != "s" else
                       "Each number of several needs a unit")
    total = sum(_worth(number, known, unit, name, value) for number, known in parts)
    try:
        return float(total)
    except OverflowError:
        return math.inf


def _worth(number: str, known: str, unit: str, name: str, value: str) -> Fraction:
    """One number times its unit."""
    size = float(number)
    if not math.isfinite(size):
        raise _refusal(value, unit, name, "It is too large for a number")
    known = " ".join(known.split())
    if unit == "1/s":
        known = NOUN.sub("", re.sub(r"\s*(?:\bper\b|/)\s*", "/", known))
    if known and known not in UNITS[unit]:
        raise _unknown(known, unit, name, value)
    return (Fraction(number) if size else Fraction(0)) * (UNITS[unit][known] if known else 1)


def _unknown(known: str, unit: str, name: str, value: str) -> InvalidInput:
    """The error for a unit that is not one of this dimension, with the nearest that is."""
    if "," in known:
        return _refusal(value, unit, name, "A comma is no part of a number here")
    near = difflib.get_close_matches(known, UNITS[unit], n=1, cutoff=0.3)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    return _refusal(value, unit, name, f"{known!r} is no unit of {_dimension(unit)}{hint}")


def _dimension(unit: str) -> str:
    """What a person calls the dimension."""
    return {"s": "time", "1/s": "a rate", "operations": "work", "operations/s": "speed", "bytes": "data size",
            "bytes/s": "bandwidth", "share": "a share", "count": "a count", "number": "a number"}[unit]


def _refusal(value: Any, unit: str, name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{_capital(name)} is {_shown(value)}", why,
                        f"Give {_dimension(unit)} such as {EXAMPLES[unit]}")


def _range(least: float, most: float, unit: str) -> str:
    """The bounds in words."""
    said = "" if unit in ("share", "count", "number") else f" {unit}"
    if most == math.inf:
        return f"at least {least:g}{said}"
    return f"a value from {least:g} to {most:g}{said}"


def _shown(value: Any) -> str:
    """The value in a message, cut if long."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _capital(name: str) -> str:
    """A phrase begins a sentence with a capital; the name of a parameter stays as it is written."""
    return name[:1].upper() + name[1:] if name.startswith("the ") else name
