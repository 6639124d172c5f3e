"""What tests of several rooms need."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is answered as at a terminal, in this process and in those that it starts.

    A shell without job control starts what it puts into the background (`make test-ci &`) with Ctrl-C ignored, and
    that is inherited: no KeyboardInterrupt would ever come.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_collection_finish() -> None:
    """Seven thousand tests and what they import stay: looking through all of it again and again costs minutes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
