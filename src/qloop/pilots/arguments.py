"""Checks of what a pilot is asked; each refusal says what, why, and what to do."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import MAX_TIMEOUT_S, SECOND
from qloop.model.needs import Share
from qloop.pilots.allocator import Allotment
from qloop.pilots.protocol import MOST_PAYLOAD_BYTES, MOST_WORKERS

MOST_RANKS = 1024               # of one task


def size(given: int, least: int = 1, most: int = MOST_WORKERS) -> int:
    """A number of workers."""
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise InvalidInput(f"A pilot cannot have {given!r} workers", "", f"Ask for {least} to {most}")
    return given


def growth(given: int, now: int, most: int = MOST_WORKERS) -> int:
    """A number of workers more than there are."""
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most - now:
        raise InvalidInput(f"A pilot of {now} workers cannot have {given!r} more workers",
                           f"it can have {most} in all", f"Ask for 1 to {most - now}" if now < most else "")
    return given


def share(given: Share) -> Share:
    """A part of a node."""
    whole = (given.cores, given.memory_bytes, given.ranks)
    if not all(isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**62 for number in whole):
        raise InvalidInput(f"A task cannot have {given}", "its numbers must be whole and not negative")
    if given.cores < 1 or not 1 <= given.ranks <= MOST_RANKS:
        raise InvalidInput(f"A task cannot run on {given.cores} cores in {given.ranks} ranks", "",
                           f"Give it a core at least, and 1 to {MOST_RANKS} ranks")
    for gpu in given.gpus:
        if not gpu or not gpu.isprintable() or "," in gpu:
            raise InvalidInput(f"A GPU cannot have the id {gpu!r}")
    return given


def pilot_name(given: str) -> str:
    """A name that can begin the names of workers."""
    if not isinstance(given, str) or not given or not given.isprintable() or given != given.strip():
        raise InvalidInput(f"A pilot cannot be named {given!r}", "its workers are named after it",
                           "Choose a short printable name, such as 'local'")
    return given


def allotment(given: Allotment, most_nodes: int) -> Allotment:
    """What an allocation gives, and how many nodes there may be at a time."""
    numbers = {"nodes": (given.nodes, 1), "cores": (given.cores, 0), "memory_bytes": (given.memory_bytes, 0),
               "gpus": (given.gpus, 0), "workers": (given.workers, 0), "most_nodes": (most_nodes, given.nodes)}
    for name, (number, least) in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 2**62:
            raise InvalidInput(f"A pilot cannot have {name}={number!r}", "", f"Give a whole number, at least {least}")
    walltime = given.walltime_s
    if isinstance(walltime, bool) or not isinstance(walltime, (int, float)) or not 0 <= walltime <= MAX_TIMEOUT_S:
        raise InvalidInput(f"A walltime of {walltime!r} s makes no sense", "", "Give seconds, or 0 for no end")
    return given


def options(kind: str, given: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The options of a pilot, which a kind that knows these can have."""
    for name in given:
        if name not in known:
            raise UnknownName(f"option of a {kind} pilot", name, known)
    return dict(given)


def silence_s(given: float) -> float:
    """How long an agent may say nothing."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 1 <= given <= MAX_TIMEOUT_S:
        raise InvalidInput(f"An agent cannot be lost after {given!r} s of silence", "", "Give 1 s or more")
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
