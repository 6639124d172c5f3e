"""Runtimes for the tests of functions: in virtual time, and with worker processes."""

from collections.abc import Iterator

import pytest

from qloop.runtime.embedded import Runtime


@pytest.fixture
def virtual() -> Iterator[Runtime]:
    with Runtime(clock="virtual", workers=2, journal=":memory:") as runtime:
        yield runtime


@pytest.fixture(scope="module")
def real() -> Iterator[Runtime]:
    """Two worker processes."""
    with Runtime(workers=2, journal=":memory:") as runtime:
        yield runtime
