"""A cache of a few entries: warm or not, and who leaves."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.policies.caches import empty, find, is_warm, oldest, refresh, touch


def entries(count: int) -> list[list[float]]:
    return [list(row) for row in empty(count)]


def test_what_is_warm() -> None:
    assert is_warm(10.0, 3.0, 70.0, 3.0, 60.0)
    assert not is_warm(10.0, 3.0, 70.000001, 3.0, 60.0)
    assert not is_warm(10.0, 3.0, 11.0, 4.0, 60.0)


def test_the_first_use_is_cold_and_the_next_is_not() -> None:
    cache = entries(2)
    assert [touch(cache, 0, 2, 7.0, when, 0.0, 60.0) for when in (0.0, 1.0, 61.0, 121.5)] == [False, True, True, False]


def test_its_time_begins_when_the_use_ends() -> None:
    cache = entries(2)
    touch(cache, 0, 2, 7.0, 0.0, 0.0, 60.0)
    refresh(cache, 0, 2, 7.0, 50.0)
    refresh(cache, 0, 2, 8.0, 50.0)     # not there: nothing happens
    assert touch(cache, 0, 2, 7.0, 110.0, 0.0, 60.0)
    assert find(cache, 0, 2, 8.0) == -1


def test_a_new_epoch_makes_it_cold_once() -> None:
    cache = entries(2)
    assert [touch(cache, 0, 2, 7.0, float(k), epoch, 60.0) for k, epoch in enumerate((0.0, 0.0, 1.0, 1.0))] == [
        False, True, False, True]


def test_empty_places_are_taken_before_anybody_leaves() -> None:
    cache = entries(3)
    touch(cache, 0, 3, 1.0, 5.0, 0.0, 60.0)
    touch(cache, 0, 3, 2.0, 6.0, 0.0, 60.0)
    assert {row[0] for row in cache} == {1.0, 2.0, -1.0}
    assert oldest(cache, 0, 3) == 2


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 5))
def test_it_is_least_recently_used_out_first(keys: list[int], capacity: int) -> None:
    cache = entries(capacity)
    known: OrderedDict[int, None] = OrderedDict()
    for when, key in enumerate(keys):
        assert touch(cache, 0, capacity, float(key), float(when), 0.0, 1e9) == (key in known)
        known[key] = None
        known.move_to_end(key)
        if len(known) > capacity:
            known.popitem(last=False)
        assert {row[0] for row in cache if row[0] >= 0.0} == set(known)


@pytest.mark.parametrize(("capacity", "hits"), [(2, 0), (3, 27), (5, 27)])
def test_keys_in_turn_hit_always_or_never(capacity: int, hits: int) -> None:
    cache = entries(capacity)
    assert sum(touch(cache, 0, capacity, float(k % 3), float(k), 0.0, 1e9) for k in range(30)) == hits


def test_caches_of_several_qpus_lie_side_by_side() -> None:
    table = entries(5)
    touch(table, 0, 2, 7.0, 1.0, 0.0, 60.0)
    assert find(table, 0, 2, 7.0) == 0
    assert find(table, 2, 3, 7.0) == -1
    assert not touch(table, 2, 3, 7.0, 2.0, 0.0, 60.0)
    assert touch(table, 2, 3, 7.0, 3.0, 0.0, 60.0)
    assert table[0][1] == 1.0
