"""Durations as people write them: 90, "90s", "2h 30m"."""

from __future__ import annotations

import re

from qloop.errors import InvalidInput

UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def seconds(name: str, wish: float | str | None) -> float:
    """The duration in seconds, 0 for None; InvalidInput if it is none or negative."""
    if wish is None:
        return 0.0
    if isinstance(wish, str):
        return _parse(name, wish)
    if isinstance(wish, bool) or not isinstance(wish, int | float) or not 0.0 < wish < 1e300:
        raise InvalidInput(f"{name} is {wish!r:.80}", "", "Give seconds above 0, or a text such as '2h 30m'")
    return float(wish)


def _parse(name: str, text: str) -> float:
    total, at = 0.0, 0
    while at < len(text):
        part = PART.match(text, at)
        if part is None or part[2] not in UNITS:
            break
        total += float(part[1]) * UNITS[part[2]]
        at = part.end()
    if at < len(text) or total <= 0.0:
        raise InvalidInput(f"{name} is {text!r}", "", f"Write it as '2h 30m', with the units {', '.join(UNITS)}")
    return total
