"""What every event of a trace has."""

from __future__ import annotations

import msgspec


def _snake(name: str) -> str:
    """`QpuBegin` -> `qpu_begin`, the kind as it stands in a file."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class Event(msgspec.Struct, frozen=True, tag_field="kind", tag=_snake, omit_defaults=True, gc=False):
    """What every event has: its time and its number."""

    t: int
    seq: int


class TaskEvent(Event, frozen=True, kw_only=True):
    """What every event of a quantum task has."""

    session: str
    iteration: int
    task: str
