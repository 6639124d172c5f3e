"""The kernel's heaps against `heapq`, with equal keys and other heaps beside them."""

from __future__ import annotations

import heapq
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qloop.simulator.paper.heap import pop, push

ROOM = 40


@given(st.lists(st.none() | st.integers(0, 4), max_size=200), st.integers(0, 3))
def test_entries_leave_in_the_order_of_heapq(steps: list[int | None], at: int) -> None:
    """Small keys, so that most are equal and the numbers decide; None takes the first entry out."""
    columns = SimpleNamespace(keys=np.full(at + ROOM + 3, -7.0), numbers=np.full(at + ROOM + 3, -7),
                              items=np.full(at + ROOM + 3, -7))
    model: list[tuple[float, int, int]] = []
    for number, key in enumerate(steps):
        if key is None and model:
            first = (columns.keys[at], columns.numbers[at], columns.items[at])
            pop(columns, at, len(model))
            assert first == heapq.heappop(model)
        elif key is not None and len(model) < ROOM:
            push(columns, at, len(model), float(key), number, 10 * number)
            heapq.heappush(model, (float(key), number, 10 * number))
    for column in (columns.keys, columns.numbers, columns.items):
        assert (column[:at] == -7).all()
        assert (column[at + ROOM + 1:] == -7).all()
