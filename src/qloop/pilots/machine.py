"""What this machine gives to tasks: the cores, the memory and the GPUs that this process may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from qloop.model.needs import Capacity

_CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
_DEVICES: Final = Path("/dev")


class Node(NamedTuple):
    """A node as its workers announce it."""

    name: str
    capacity: Capacity


def here(name: str, workers: int) -> Node:
    """This machine under a name, with a core for each of so many workers at least: more were asked for on purpose."""
    return Node(name, Capacity(max(cores(), workers), memory_bytes(), gpus()))


def cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's memory, or what the control group leaves of it; 0 if the system does not tell."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
    try:
        return min(physical, int(_CGROUP.read_text()))
    except (OSError, ValueError):       # no control group of version 2, or no limit in it
        return physical


def gpus(visible: str | None = None) -> tuple[str, ...]:
    """The ids of the GPUs in `visible` (by default CUDA_VISIBLE_DEVICES; all of NVIDIA's if that is not set)."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
    if told is not None:
        return tuple(part.strip() for part in told.split(",") if part.strip() and part.strip() != "-1")
    numbers = [path.name.removeprefix("nvidia") for path in _DEVICES.glob("nvidia[0-9]*")]
    return tuple(sorted((number for number in numbers if number.isdigit()), key=int))
