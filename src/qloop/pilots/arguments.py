"""Checks of what a pilot is asked; each refusal says what, why, and what to do."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from qloop.errors import InvalidInput
from qloop.model.limits import MAX_TIMEOUT_S, SECOND
from qloop.pilots.protocol import MOST_PAYLOAD_BYTES, MOST_WORKERS


def size(given: int) -> int:
    """A number of workers."""
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_WORKERS:
        raise InvalidInput(f"A pilot cannot have {given!r} workers", "", f"Ask for 1 to {MOST_WORKERS}")
    return given


def pilot_name(given: str) -> str:
    """A name that can begin the names of workers."""
    if not isinstance(given, str) or not given or not given.isprintable() or given != given.strip():
        raise InvalidInput(f"A pilot cannot be named {given!r}", "its workers are named after it",
                           "Choose a short printable name, such as 'local'")
    return given


def payload(given: bytes) -> bytes:
    """A packed call."""
    if not isinstance(given, bytes):
        raise InvalidInput(f"A payload must be bytes, not {type(given).__name__}", "",
                           "Make it with qloop.pilots.payload.pack")
    if len(given) > MOST_PAYLOAD_BYTES:
        raise InvalidInput(f"A payload of {len(given)} bytes is too large", f"the limit is {MOST_PAYLOAD_BYTES}",
                           "Pass the name of a file instead")
    return given


def deadline_ns(limit_s: float) -> int:
    """When (`time.monotonic_ns`) a time limit that begins now is over; 0 for none."""
    if isinstance(limit_s, bool) or not isinstance(limit_s, (int, float)) or not 0 <= limit_s <= MAX_TIMEOUT_S:
        raise InvalidInput(f"A time limit of {limit_s!r} s makes no sense", "",
                           f"Give seconds above 0 and up to {MAX_TIMEOUT_S:.0f}, or 0 for no limit")
    return time.monotonic_ns() + math.ceil(limit_s * SECOND) if limit_s else 0


def memory_bytes(given: int) -> int:
    """A limit on a worker's address space; 0 for none."""
    least = 2**26
    if isinstance(given, bool) or not isinstance(given, int) or (given != 0 and not least <= given < 2**62):
        raise InvalidInput(f"A worker cannot live in {given!r} bytes of memory", "",
                           f"Give at least {least} bytes, or 0 for no limit")
    return given


def environments(given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Names of environments, each with the modules it needs; all must be installed."""
    from importlib.util import find_spec

    checked = {}
    for name, modules in given.items():
        if isinstance(modules, str) or not all(isinstance(module, str) for module in modules):
            raise InvalidInput(f"The environment {name!r} must be a list of module names, not {modules!r}")
        for module in modules:
            if not module or find_spec(module.partition(".")[0]) is None:
                raise InvalidInput(f"The environment {name!r} names the module {module!r}", "it is not installed",
                                   "Install it, or correct its name")
        checked[str(name)] = tuple(modules)
    return checked
