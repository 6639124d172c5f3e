"""Priority queues as pairing heaps over nodes of the caller, each node in at most one queue at a time.

A queue is the number of its first node, -1 if it is empty, so the queues' array is at once the array of heads that
policies see. Adding costs O(1), taking out (also from the middle) O(log n) amortised, and memory is by node and not by
queue: thousands of lanes cost nothing (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", 1986).

`m.keys` (float64) and the columns of `m.nodes` (int64) belong to the nodes; the order is by (key, number).
"""

from __future__ import annotations

from typing import Any

CHILD, NEXT, PREVIOUS, NUMBER = 0, 1, 2, 3
NODE = 4


def link(m: Any, a: int, b: int) -> int:
    """Join two heaps; returns the first node."""
    ka, kb = m.keys[a], m.keys[b]
    if kb < ka or (kb == ka and m.nodes[b, NUMBER] < m.nodes[a, NUMBER]):
        a, b = b, a
    child = m.nodes[a, CHILD]
    m.nodes[b, NEXT], m.nodes[b, PREVIOUS] = child, a
    if child >= 0:
        m.nodes[child, PREVIOUS] = b
    m.nodes[a, CHILD] = b
    return a


def add(m: Any, queue: int, node: int, key: float, number: int) -> None:
    """Put a node into a queue."""
    m.keys[node] = key
    m.nodes[node, CHILD], m.nodes[node, NUMBER] = -1, number
    root = m.roots[queue]
    m.roots[queue] = node if root < 0 else link(m, root, node)


def join_children(m: Any, node: int) -> int:
    """The heap of what is below a node: pairs from left to right, then all pairs from right to left."""
    one, pairs = m.nodes[node, CHILD], -1
    while one >= 0:
        two = m.nodes[one, NEXT]
        if two < 0:
            m.nodes[one, NEXT] = pairs
            pairs = one
            break
        after = m.nodes[two, NEXT]
        pair = link(m, one, two)
        m.nodes[pair, NEXT] = pairs
        pairs, one = pair, after
    if pairs < 0:
        return -1
    root, rest = pairs, m.nodes[pairs, NEXT]
    while rest >= 0:
        after = m.nodes[rest, NEXT]
        root = link(m, root, rest)
        rest = after
    return int(root)


def take(m: Any, queue: int) -> int:
    """Take the first node out of a queue that is not empty."""
    node = m.roots[queue]
    m.roots[queue] = join_children(m, node)
    return int(node)


def remove(m: Any, queue: int, node: int) -> None:
    """Take any node out of the queue in which it is."""
    if m.roots[queue] == node:
        take(m, queue)
        return
    before, after = m.nodes[node, PREVIOUS], m.nodes[node, NEXT]
    if m.nodes[before, CHILD] == node:
        m.nodes[before, CHILD] = after
    else:
        m.nodes[before, NEXT] = after
    if after >= 0:
        m.nodes[after, PREVIOUS] = before
    below = join_children(m, node)
    if below >= 0:
        m.roots[queue] = link(m, m.roots[queue], below)
