"""The pairing heap against a sorted list, operation by operation."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qloop.simulator.platform.nodes import NODE, NUMBER, PREVIOUS, Heap, add, remove, take

NODES, QUEUES = 12, 3


class Queues(RuleBasedStateMachine):
    """Twelve nodes in three queues; keys and numbers are few, so that ties are many."""

    def __init__(self) -> None:
        super().__init__()
        self.heap = Heap(np.zeros(NODES), np.full((NODES, NODE), -1, np.int64), np.full(QUEUES, -1, np.int64))
        self.lists: list[list[tuple[float, int, int]]] = [[] for _ in range(QUEUES)]

    def free(self) -> list[int]:
        inside = {node for entries in self.lists for _, _, node in entries}
        return [node for node in range(NODES) if node not in inside]

    @precondition(lambda self: self.free())
    @rule(queue=st.integers(0, QUEUES - 1), key=st.sampled_from([-1.0, 0.0, 0.5, 2.0, 2.0**52]), data=st.data())
    def put(self, queue: int, key: float, data: st.DataObject) -> None:
        node = data.draw(st.sampled_from(self.free()))
        taken = {number for _, number, _ in self.lists[queue]}
        number = data.draw(st.integers(0, 40).filter(lambda one: one not in taken))
        add(self.heap, queue, node, key, number)
        self.lists[queue] = sorted([*self.lists[queue], (key, number, node)])

    @rule(queue=st.integers(0, QUEUES - 1))
    def take_first(self, queue: int) -> None:
        if self.lists[queue]:
            assert take(self.heap, queue) == self.lists[queue].pop(0)[2]

    @rule(queue=st.integers(0, QUEUES - 1), data=st.data())
    def take_any(self, queue: int, data: st.DataObject) -> None:
        if self.lists[queue]:
            entry = data.draw(st.sampled_from(self.lists[queue]))
            remove(self.heap, queue, entry[2])
            self.lists[queue].remove(entry)

    @rule(queue=st.integers(0, QUEUES - 1))
    def take_all_and_put_back(self, queue: int) -> None:
        """As a lane is read when a policy scans it."""
        taken = [take(self.heap, queue) for _ in self.lists[queue]]
        assert taken == [node for _, _, node in self.lists[queue]]
        for node in taken:
            add(self.heap, queue, node, self.heap.keys[node], int(self.heap.nodes[node, NUMBER]))

    @invariant()
    def heads_are_first(self) -> None:
        for queue, entries in enumerate(self.lists):
            assert self.heap.roots[queue] == (entries[0][2] if entries else -1)


TestQueues = Queues.TestCase
TestQueues.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def test_a_long_queue_is_served_in_order_whatever_leaves_from_its_middle() -> None:
    rng = np.random.default_rng(3)
    n = 2000
    heap = Heap(np.zeros(n), np.full((n, NODE), -1, np.int64), np.full(1, -1, np.int64))
    keys = rng.integers(0, 300, n).astype(float)
    for node in rng.permutation(n):
        add(heap, 0, int(node), float(keys[node]), int(node))
    gone = set(rng.choice(n, 700, replace=False).tolist())
    for node in gone:
        remove(heap, 0, node)
    left = [node for node in range(n) if node not in gone]
    assert [take(heap, 0) for _ in left] == sorted(left, key=lambda node: (keys[node], node))
    assert heap.roots[0] == -1


def test_queues_cost_nothing_beyond_their_head() -> None:
    heap = Heap(np.zeros(2), np.full((2, NODE), -1, np.int64), np.full(100_000, -1, np.int64))
    add(heap, 99_999, 1, 3.0, 0)
    add(heap, 99_999, 0, 3.0, 1)
    assert heap.roots[99_999] == 1
    assert heap.nodes[0, PREVIOUS] == 1
    remove(heap, 99_999, 0)
    assert take(heap, 99_999) == 1
    assert (heap.roots == -1).all()
