"""Every test of pilots ends as it began: without a child process and without a descriptor more."""

from __future__ import annotations

import gc

import pytest

from .processes import children, descriptors


@pytest.fixture(autouse=True)
def _nothing_is_left():
    gc.collect()
    processes, files = children(), descriptors()
    yield
    assert children() == processes
    gc.collect()
    assert descriptors() <= files
