"""What a function says of itself while it runs: how far it is, and numbers to watch. Outside of a worker: nothing."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from qloop.errors import InvalidInput
from qloop.pilots import inside

PROGRESS: Final = "progress"
METRIC: Final = "metric"
MOST_TEXT: Final = 200          # characters of a text or a name


class Progress(msgspec.Struct, frozen=True):
    """How far a call is: `fraction` from 0 to 1, and what it says of that."""

    fraction: float = 0.0
    text: str = ""


class Metric(msgspec.Struct, frozen=True):
    """A number that a call reported; `step` None: it did not count."""

    name: str
    value: float
    step: int | None = None


def progress(fraction: float, text: str = "") -> None:
    """Say how far this call is (0 to 1), for whoever watches its future. Outside of a worker nothing happens.

    What lies outside of 0 to 1 counts as 0 or 1: a sum that is rounded up is no reason to end a long run.
    """
    if isinstance(fraction, bool) or not _is_number(fraction) or float(fraction) != float(fraction):
        raise InvalidInput(f"The progress is {fraction!r:.80}", "", "Give a number from 0 to 1")
    if not isinstance(text, str):
        raise InvalidInput(f"The progress says {text!r:.80}", "", "Give a text")
    inside.tell(PROGRESS, msgspec.msgpack.encode(Progress(min(1.0, max(0.0, float(fraction))), text[:MOST_TEXT])))


def log_metric(name: str, value: float, step: int | None = None) -> None:
    """Report a number under a name, for whoever watches this call's future. Outside of a worker nothing happens.

    Best effort: of more than about 1,000 numbers in a second some are left out.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MOST_TEXT or not name.isprintable():
        raise InvalidInput(f"A metric's name is {name!r:.80}", "",
                           f"Give a printable name of at most {MOST_TEXT} characters")
    if isinstance(value, bool) or not _is_number(value):
        raise InvalidInput(f"The metric {name!r} is {value!r:.80}", "", "Give a number")
    if step is not None and (isinstance(step, bool) or not _is_number(step) or float(step) % 1.0 != 0.0):
        raise InvalidInput(f"The step of the metric {name!r} is {step!r:.80}", "", "Give an integer, or None")
    inside.tell(METRIC, msgspec.msgpack.encode(Metric(name, float(value), None if step is None else int(step))))


def _is_number(value: Any) -> bool:
    """Whether it is a real number, NumPy's included; NaN and infinity are numbers to watch out for."""
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, str | bytes | bytearray | complex)
