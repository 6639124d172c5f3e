"""What tests ask about processes that are not theirs."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE_S = 60.0


def alive(pid: int) -> bool:
    """Whether a process of this id runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_gone(pids: list[int]) -> bool:
    """Wait until none of them runs; False if one still does at the deadline."""
    end = time.monotonic() + PATIENCE_S
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def children() -> set[int]:
    """The child processes of this one, zombies included."""
    try:
        return {int(pid) for thread in Path("/proc/self/task").iterdir()
                for pid in (thread / "children").read_text().split()}
    except OSError:
        return set()


def descriptors() -> int:
    """How many descriptors this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def threads(pid: int) -> int:
    """How many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def parent(pid: int) -> int:
    """The process id of its parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def below(pid: int) -> list[int]:
    """The process ids of all that descend from a process now, itself included."""
    found = [pid]
    for above in found:
        try:
            found += [int(child) for thread in Path(f"/proc/{above}/task").iterdir()
                      for child in (thread / "children").read_text().split()]
        except OSError:
            continue
    return found


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children."""
    return [child for child in below(pid) if child != pid and parent(child) == pid]
