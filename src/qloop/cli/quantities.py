"""Times, sizes and settings as people write them on the command line."""

from __future__ import annotations

import re
from typing import Any

from qloop.errors import InvalidInput
from qloop.model.limits import MAX_TIMEOUT_S

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.IGNORECASE)
POWERS = " KMGTP"


def seconds(option: str, text: str) -> float:
    """`2h 30m`, `90s`, or a number of seconds; 0 stands for none."""
    from qloop.loops.duration import seconds as read

    word = text.strip()
    try:
        found = float(word)
    except ValueError:
        return read(option, word)
    if not 0.0 <= found <= MAX_TIMEOUT_S:
        raise InvalidInput(f"{option} is {text!r:.80}", "", f"Give 0 to {MAX_TIMEOUT_S:.0f} s, or a text like '2h 30m'")
    return found


def told(seconds_: float) -> str:
    """A time in a few characters."""
    whole = round(seconds_)
    if whole < 120:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 7200 else f"{whole / 3600:.1f} h"


def size(option: str, text: str) -> int:
    """Bytes of `16GiB`, `512 MB`, `1.5G`, or a number; K, M, ... are powers of 1,000, Ki, Mi, ... of 1,024."""
    found = SIZE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{option} is {text!r:.80}", "", "Give a size such as 16GiB or 512MB")
    unit: int = (1024 if found[3] else 1000) ** POWERS.index(found[2].upper() or " ")
    return round(float(found[1]) * unit)


def setting(text: str) -> tuple[str, Any]:
    """A key and its value, which is read as TOML if it is any, and as text else."""
    import tomllib

    key, found, value = text.partition("=")
    if not found or not key.strip():
        raise InvalidInput(f"--option {text!r:.80} sets nothing", "", "Write it as KEY=VALUE")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
