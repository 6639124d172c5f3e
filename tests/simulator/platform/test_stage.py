"""The check of means that the other tests use can fail in both ways."""

from __future__ import annotations

import pytest

from .stage import near


def test_a_mean_is_near_only_if_its_interval_is_narrow() -> None:
    assert near([0.99, 1.0, 1.01], 1.0)
    assert not near([0.99, 1.0, 1.01], 1.1)
    with pytest.raises(AssertionError, match=r"4 standard errors are 1\.15 of 1"):
        near([0.5, 1.0, 1.5], 1.0)
    assert near([0.5, 1.0, 1.5], 1.0, within=1.2)
