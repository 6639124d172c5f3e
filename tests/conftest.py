"""What tests of several rooms need."""

from __future__ import annotations

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
