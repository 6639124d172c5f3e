"""What an engine is asked for: allocations, each of which runs an agent on every node it has.

An allocator lives in a process of its own (`qloop.pilots.engine_process`), so it may block, import what it likes, and
die.
"""

from __future__ import annotations

import os
from typing import Protocol

import msgspec

TOKEN_VARIABLE = "QLOOP_AGENT_TOKEN"


class Invitation(msgspec.Struct, frozen=True):
    """How agents find the hub. `token` is a secret: for an environment or a file of mode 0600, and nowhere else."""

    address: str
    token: str
    python: str

    def __repr__(self) -> str:
        return f"Invitation({self.address!r}, token=...)"


class Allotment(msgspec.Struct, frozen=True, kw_only=True):
    """What every allocation gives: `nodes` of so many cores, bytes of memory (0: not said) and GPUs, for a walltime.

    `workers` of a node at most (0: one for each core); `walltime_s` 0: no end. Some engines know a node's cores
    themselves (0).
    """

    nodes: int = 1
    cores: int = 1
    memory_bytes: int = 0
    gpus: int = 0
    workers: int = 0
    walltime_s: float = 0.0


class Gone(msgspec.Struct, frozen=True):
    """An allocation has ended and does not come back. `final`: to ask for another one makes no sense."""

    name: str
    reason: str = ""
    final: bool = False


class Allocator(Protocol):
    """Acquires allocations from an engine.

    Made with an `Invitation`, an `Allotment`, and settings of its own, in which `folder` names an empty folder that is
    removed after `close`.
    """

    period_s: float

    def acquire(self, name: str) -> None:
        """Ask for one allocation, without waiting for it. `QloopError` if there can be none: the pilot fails."""

    def release(self, name: str) -> None:
        """This allocation is not wanted any more; its agents, if it has any, were told to end. Unknown is no error."""

    def poll(self) -> list[Gone]:
        """The allocations that have ended since the last call; called every `period_s` seconds."""

    def close(self) -> None:
        """End all that this allocator started, and nothing else."""


def command(invitation: Invitation, allotment: Allotment, name: str, *more: str) -> list[str]:
    """What an allocation of this name runs on its node, and `more` options of the agent; holds no secret."""
    told = [invitation.python, "-m", "qloop.pilots.agent", "--hub", invitation.address, "--name", name]
    options = (("--cores", allotment.cores), ("--memory-bytes", allotment.memory_bytes),
               ("--workers", allotment.workers), ("--walltime", allotment.walltime_s))
    none = () if allotment.gpus else ("--gpus", "")
    return [*told, *(word for option, value in options if value for word in (option, f"{value}")), *none, *more]


def environment(invitation: Invitation) -> dict[str, str]:
    """The environment of an agent: this process's, and the token."""
    return {**os.environ, TOKEN_VARIABLE: invitation.token}
