"""Priority queues as pairing heaps over nodes of the caller, each node in at most one queue at a time.

A queue is the number of its first node, -1 if it is empty, so the queues' array is at once the array of heads that
policies see. Adding costs O(1), taking out (also from the middle) O(log n) amortised, and memory is by node and not by
queue: thousands of lanes cost nothing (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", 1986).

`keys` (float64) and the columns of `nodes` (int64) belong to the nodes, `roots` are the queues; the order is by
(key, number).
"""

from __future__ import annotations

from typing import Any, NamedTuple

CHILD, NEXT, PREVIOUS, NUMBER = 0, 1, 2, 3
NODE = 4


class Heap(NamedTuple):
    """The arrays of all queues."""

    keys: Any
    nodes: Any
    roots: Any


def link(h: Any, a: int, b: int) -> int:
    """Join two heaps; returns the first node."""
    ka, kb = h.keys[a], h.keys[b]
    if kb < ka or (kb == ka and h.nodes[b, NUMBER] < h.nodes[a, NUMBER]):
        a, b = b, a
    child = h.nodes[a, CHILD]
    h.nodes[b, NEXT], h.nodes[b, PREVIOUS] = child, a
    if child >= 0:
        h.nodes[child, PREVIOUS] = b
    h.nodes[a, CHILD] = b
    return a


def add(h: Any, queue: int, node: int, key: float, number: int) -> None:
    """Put a node into a queue."""
    h.keys[node] = key
    h.nodes[node, CHILD], h.nodes[node, NUMBER] = -1, number
    root = h.roots[queue]
    h.roots[queue] = node if root < 0 else link(h, root, node)


def join_children(h: Any, node: int) -> int:
    """The heap of what is below a node: pairs from left to right, then all pairs from right to left."""
    one, pairs = h.nodes[node, CHILD], -1
    while one >= 0:
        two = h.nodes[one, NEXT]
        if two < 0:
            h.nodes[one, NEXT] = pairs
            pairs = one
            break
        after = h.nodes[two, NEXT]
        pair = link(h, one, two)
        h.nodes[pair, NEXT] = pairs
        pairs, one = pair, after
    if pairs < 0:
        return -1
    root, rest = pairs, h.nodes[pairs, NEXT]
    while rest >= 0:
        after = h.nodes[rest, NEXT]
        root = link(h, root, rest)
        rest = after
    return int(root)


def take(h: Any, queue: int) -> int:
    """Take the first node out of a queue that is not empty."""
    node = h.roots[queue]
    h.roots[queue] = join_children(h, node)
    return int(node)


def remove(h: Any, queue: int, node: int) -> None:
    """Take any node out of the queue in which it is."""
    if h.roots[queue] == node:
        take(h, queue)
        return
    before, after = h.nodes[node, PREVIOUS], h.nodes[node, NEXT]
    if h.nodes[before, CHILD] == node:
        h.nodes[before, CHILD] = after
    else:
        h.nodes[before, NEXT] = after
    if after >= 0:
        h.nodes[after, PREVIOUS] = before
    below = join_children(h, node)
    if below >= 0:
        h.roots[queue] = link(h, h.roots[queue], below)
