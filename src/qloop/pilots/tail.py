"""What is kept of a task's output: its end, however long it is; and how much of it may be told while the task runs."""

from __future__ import annotations

import time
from typing import Final

from qloop.model.limits import SECOND
from qloop.pilots.protocol import TAIL_BYTES

_BURST_BYTES: Final = 262_144       # may be told at once, and then in each second
_LEAST_BYTES: Final = 256           # what telling costs at least: at most 1,024 events in a second


class Tail:
    """The last `TAIL_BYTES` of a stream, however long it is."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """More of the stream."""
        self._kept += data
        if len(self._kept) > 4 * TAIL_BYTES:
            self._cut()

    def text(self) -> str:
        """The end of the stream; says first how much is missing."""
        self._cut()
        text = self._kept.decode(errors="replace")
        return f"[the first {self._dropped} bytes were dropped]\n{text}" if self._dropped else text

    def clear(self) -> None:
        """A new stream begins."""
        if self._kept:
            self._kept.clear()
        self._dropped = 0

    def _cut(self) -> None:
        over = len(self._kept) - TAIL_BYTES
        if over > 0:
            del self._kept[:over]
            self._dropped += over


class Allowance:
    """How much a worker may tell now; it grows with time and is bounded. Nothing is bought on credit."""

    def __init__(self) -> None:
        self._left, self._at_ns = float(_BURST_BYTES), time.monotonic_ns()

    def take(self, n_bytes: int) -> bool:
        """Whether so much may be told now; if so it is taken."""
        now = time.monotonic_ns()
        self._left = min(_BURST_BYTES, self._left + (now - self._at_ns) / SECOND * _BURST_BYTES)
        self._at_ns = now
        cost = max(n_bytes, _LEAST_BYTES)
        if cost > self._left:
            return False
        self._left -= cost
        return True
