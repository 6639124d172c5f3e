"""One warm reader for the tests of a process, and after each test the proof that nothing is left of its children."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qloop.intake.reader import Reader
from tests.pilots.processes import all_gone

from .leftovers import below


@pytest.fixture(scope="session")
def warm() -> Iterator[Reader]:
    with Reader() as made:
        yield made


@pytest.fixture
def reader(warm: Reader) -> Iterator[Reader]:
    """Reads within the default bounds; its children are gone when the test is over."""
    yield warm
    assert all_gone(below(warm))
