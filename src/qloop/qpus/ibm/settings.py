"""The options of an IBM QPU, checked before anything is asked of anybody."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from qloop.errors import InvalidInput, UnknownName

LONGEST_SESSION_S = 8 * 3600
"""IBM closes sessions and batches after at most 8 hours (IBM Quantum documentation, "Maximum execution time")."""

DEFAULT_SHOTS = 4096
MOST_SHOTS = 10_000_000
_UNITS = {"s": 1, "m": 60, "h": 3600}
_TIME = re.compile(r"(\d+)\s*([smh])")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,20}")


class Mode(enum.StrEnum):
    """How tasks are grouped at IBM: each on its own, in a batch, or in a session that holds the QPU."""

    JOB = enum.auto()
    BATCH = enum.auto()
    SESSION = enum.auto()


class Settings(msgspec.Struct, frozen=True):
    """Checked options; see `IbmQpu` for what they mean."""

    mode: Mode
    max_time_s: int
    default_shots: int
    optimization_level: int
    resilience_level: int
    max_execution_s: int
    tag_prefix: str
    call_s: float
    settle_s: float
    poll_s: float
    extra: dict[str, Any]


def settings_of(*, mode: str, max_time: int | str | None, default_shots: int, optimization_level: int,
                resilience_level: int, max_execution_s: int, tag_prefix: str, call_s: float,
                settle_s: float, poll_s: float, options: Mapping[str, Any] | None) -> Settings:
    """The options as settings; `InvalidInput` or `UnknownName` says which is wrong."""
    if mode not in list(Mode):
        raise UnknownName("execution mode", mode, map(str, Mode))
    _whole("default_shots", default_shots, 1, MOST_SHOTS)
    _whole("optimization_level", optimization_level, 0, 3)
    _whole("resilience_level", resilience_level, 0, 2)
    _whole("max_execution_s", max_execution_s, 0, LONGEST_SESSION_S)
    if not isinstance(tag_prefix, str) or not _PREFIX.fullmatch(tag_prefix):
        raise InvalidInput(f"The tag prefix is {tag_prefix!r:.80}", "", "Use up to 20 letters, digits, - and _")
    for name, value, low in (("call_s", call_s, 0.1), ("settle_s", settle_s, 0.0), ("poll_s", poll_s, 0.01)):
        _duration(name, value, low)
    return Settings(Mode(mode), _seconds(max_time), default_shots, optimization_level, resilience_level,
                    max_execution_s, tag_prefix, float(call_s), float(settle_s), float(poll_s), _options(options))


def _options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Further options of IBM's primitives, of which some are ours to set."""
    wishes = dict(options or {})
    for taken in ("default_shots", "default_precision", "resilience_level", "max_execution_time", "environment"):
        if taken in wishes:
            raise InvalidInput(f"The option {taken!r} is set by qloop", "It depends on the request or on a setting of "
                               "the QPU", "Use the QPU's own options instead")
    return wishes


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(f"{name} is {value!r:.80}", "", f"Give a whole number from {low} to {high}")


def _duration(name: str, value: object, low: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= 3600.0:
        raise InvalidInput(f"{name} is {value!r:.80}", "", f"Give {low:g} to 3600 seconds")


def _seconds(wish: int | float | str | None) -> int:
    """A session's longest time: seconds or '2h 30m'; 0 leaves it to IBM."""
    if wish is None:
        return 0
    total = _parsed(wish) if isinstance(wish, str) else wish
    if isinstance(total, bool) or not isinstance(total, int | float) or not math.isfinite(total) or total < 1:
        raise InvalidInput(f"max_time is {wish!r:.80}", "", "Give seconds, at least 1, or a text such as '2h 30m'")
    if total > LONGEST_SESSION_S:
        raise InvalidInput(f"max_time is {wish!r:.80}", f"IBM closes a session after {LONGEST_SESSION_S // 3600} hours",
                           "Ask for less; qloop opens the next session by itself")
    return int(total)


def _parsed(text: str) -> float:
    if text.strip().isdigit():
        return float(text)
    if not text.strip() or _TIME.sub("", text).strip():
        return -1.0
    return float(sum(int(number) * _UNITS[unit] for number, unit in _TIME.findall(text)))
