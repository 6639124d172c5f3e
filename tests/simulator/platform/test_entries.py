"""The remembered first entries of a lane are those of the sorted lane, whatever joins and leaves."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.policies.columns import SCAN_LIMIT
from qloop.simulator.platform.entries import COUNT, KEPT, first_entries, forget, join, part
from qloop.simulator.platform.nodes import NODE, Heap

NODES = 400
STEPS = st.lists(st.tuples(st.sampled_from("jjjpppfff!"), st.integers(0, 2**32)), max_size=300)


def empty() -> SimpleNamespace:
    heap = Heap(np.zeros(NODES), np.full((NODES, NODE), -1, np.int64), np.full(2, -1, np.int64))
    return SimpleNamespace(heap=heap, entries=np.zeros((2, KEPT), np.int64), known=np.full((2, 2), -1, np.int64))


def read(m: SimpleNamespace, lane: int) -> list[int]:
    return [int(node) for node in m.entries[lane, :first_entries(m, lane)]]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 300), st.integers(1, 12), STEPS)
def test_they_are_the_first_of_the_sorted_lane(count: int, keys: int, steps: list[tuple[str, int]]) -> None:
    m, here = empty(), {}
    for node in range(count):
        here[node] = (float(node * 7919 % keys), node)
        join(m, 1, node, *here[node])
    for kind, number in steps:
        if kind == "j" and len(here) < NODES:
            node = next(n for n in range(NODES) if n not in here)
            here[node] = (float(number % keys), number * NODES + node)
            join(m, 1, node, *here[node])
        elif kind == "p" and here:
            among = sorted(here, key=here.__getitem__)[:1 + number % (2 * len(here))]
            part(m, 1, among[-1])
            del here[among[-1]]
        elif kind == "f":
            assert read(m, 1) == sorted(here, key=here.__getitem__)[:SCAN_LIMIT]
        elif kind == "!":
            forget(m, 1)
    assert read(m, 1) == sorted(here, key=here.__getitem__)[:SCAN_LIMIT]
    assert m.known[0, COUNT] == -1      # the other lane was never read


def test_a_lane_is_read_again_only_when_too_few_are_left() -> None:
    m = empty()
    for node in range(NODES):
        join(m, 0, node, float(node), node)
    assert read(m, 0) == list(range(SCAN_LIMIT))
    for gone in range(KEPT - SCAN_LIMIT):
        part(m, 0, gone)
        assert m.known[0, COUNT] == KEPT - gone - 1
        assert read(m, 0)[0] == gone + 1
    part(m, 0, KEPT - SCAN_LIMIT)
    assert read(m, 0) == list(range(KEPT - SCAN_LIMIT + 1, KEPT + 1))
    assert m.known[0, COUNT] == KEPT
