"""Bounds in time and number, at the bound and beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.policies.lifetimes import has_lapsed, is_kept, is_refused


def test_a_container_is_kept_to_the_end_of_its_time() -> None:
    assert is_kept(10.0, 40.0, 30.0)
    assert not is_kept(10.0, 40.000001, 30.0)
    assert is_kept(10.0, 10.0, 0.0)
    assert is_kept(10.0, 1e9, float("inf"))


def test_a_session_lapses_when_its_time_is_over() -> None:
    assert has_lapsed(10.0, 40.0, 30.0)
    assert not has_lapsed(10.0, 39.999999, 30.0)
    assert not has_lapsed(10.0, 1e9, float("inf"))


@pytest.mark.parametrize(("classical", "waiting", "running", "compatible", "paper"), [
    (4, 4, 0, False, False), (5, 0, 0, True, False), (6, 0, 0, True, True),
    (0, 5, 0, True, False), (0, 5, 1, True, True), (0, 4, 2, False, True), (0, 0, 6, False, True),
])
def test_the_two_rules_of_admission_with_bounds_of_five(classical: int, waiting: int, running: int,
                                                         compatible: bool, paper: bool) -> None:
    assert is_refused(classical, waiting, running, 5, 5, False) is compatible
    assert is_refused(classical, waiting, running, 5, 5, True) is paper


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_more_tasks_never_help(classical: int, waiting: int, running: int, paper: bool) -> None:
    if is_refused(classical, waiting, running, 8, 8, paper):
        assert is_refused(classical + 1, waiting, running, 8, 8, paper)
        assert is_refused(classical, waiting + 1, running, 8, 8, paper)
        assert is_refused(classical, waiting, running + 1, 8, 8, paper)
