"""Folders of Slurm pilots that died without their end, so that what they left in the queue is cancelled.

An allocation that still waits when its pilot dies would start later, find no hub, and end; until then it holds a place
in the queue that nobody wants. The next pilot of the same user and machine cancels it.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_OWNER: Final = "owner.json"
_MOST: Final = 16           # folders that one pilot looks after


def sign(folder: Path, pids: Sequence[int] = ()) -> None:
    """Write down that these processes own the folder: by default this one and the program that started it."""
    owners = {str(pid): _begun(pid) for pid in pids or (os.getpid(), os.getppid()) if pid > 1}
    (folder / _OWNER).write_text(json.dumps({"host": platform.node(), "boot": _boot(), "begun": owners}))


def orphans(root: Path) -> list[Path]:
    """The folders in `root` whose owners were processes of this machine and are no more; others are left alone."""
    return [folder for folder in sorted(root.iterdir()) if _orphaned(folder)][:_MOST]


def called(folder: Path) -> list[str]:
    """The names under which allocations of this folder were submitted."""
    serials = sorted(int(plan.stem.partition("-")[2]) for plan in folder.glob("plan-*.json"))
    return [f"qloop-{folder.name}-{serial}" for serial in serials]


def _orphaned(folder: Path) -> bool:
    """Whether all owners are dead: agents may still work for a program that has lost its engine process."""
    try:
        owner = json.loads((folder / _OWNER).read_text())
        if owner["host"] != platform.node():
            return False
        return owner["boot"] != _boot() or all(_begun(int(pid)) != begun for pid, begun in owner["begun"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _begun(pid: int) -> str:
    """When a process began, in ticks since the start of the machine: its id may be another's later. "": not known."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return about[19] if about[0] not in "ZX" else "ended"


def _boot() -> str:
    """This run of the machine; "" if it does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
