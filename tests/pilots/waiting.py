"""Waiting in tests: for what must become true, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0


def until(true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return when `true()`; fail, naming `what`, if it does not become so in time."""
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, f"in {patience_s} s never: {what}"
        time.sleep(0.01)
