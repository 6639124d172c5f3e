"""The first entries of a lane in order, as `scan` reads them: kept while tasks come and go, not sorted out anew.

A lane is read when a policy asks for it, and its first KEPT entries are remembered. What joins or leaves the lane is
then put in or taken out there, too, until too few are left.
"""

from __future__ import annotations

from typing import Any

from qloop.policies.columns import SCAN_LIMIT
from qloop.simulator.platform.nodes import NUMBER, add, remove, take

COUNT, WHOLE = 0, 1     # columns of `known`: how many entries are remembered, -1 for none; 1 if these are all
KEPT = 2 * SCAN_LIMIT


def join(m: Any, lane: int, node: int, key: float, number: int) -> None:
    """Put a node into a lane."""
    add(m.heap, lane, node, key, number)
    if m.known[lane, COUNT] >= 0:
        note_joined(m, lane, node)


def part(m: Any, lane: int, node: int) -> None:
    """Take a node out of the lane in which it is."""
    remove(m.heap, lane, node)
    if m.known[lane, COUNT] >= 0:
        note_parted(m, lane, node)


def note_joined(m: Any, lane: int, node: int) -> None:
    """Remember an entry that joined, if it is among the first."""
    known, entries = m.known[lane], m.entries[lane]
    count = k = known[COUNT]
    while k > 0 and is_before(m.heap, node, entries[k - 1]):
        k -= 1
    if k == KEPT or (k == count and known[WHOLE] == 0):
        known[WHOLE] = 0
        return
    if count == KEPT:
        known[WHOLE] = 0        # the last one is forgotten
    else:
        known[COUNT] = count = count + 1
    for at in range(count - 1, k, -1):
        entries[at] = entries[at - 1]
    entries[k] = node


def note_parted(m: Any, lane: int, node: int) -> None:
    """Forget an entry that left."""
    known, entries = m.known[lane], m.entries[lane]
    count, k = known[COUNT], 0
    while k < count and entries[k] != node:
        k += 1
    if k == count:
        return
    for at in range(k, count - 1):
        entries[at] = entries[at + 1]
    known[COUNT] = count - 1


def is_before(h: Any, a: int, b: int) -> bool:
    """Whether node a comes before node b of the same lane."""
    return bool(h.keys[a] < h.keys[b] or (h.keys[a] == h.keys[b] and h.nodes[a, NUMBER] < h.nodes[b, NUMBER]))


def first_entries(m: Any, lane: int) -> int:
    """See to it that the first tasks of a lane are in `entries`, in order; returns how many may be read."""
    known = m.known[lane]
    if known[COUNT] < 0 or (known[COUNT] < SCAN_LIMIT and known[WHOLE] == 0):
        read_lane(m, lane)
    return int(min(known[COUNT], SCAN_LIMIT))


def read_lane(m: Any, lane: int) -> None:
    """Remember the first KEPT entries of a lane, which is left as it was."""
    entries, count = m.entries[lane], 0
    while count < KEPT and m.heap.roots[lane] >= 0:
        entries[count] = take(m.heap, lane)
        count += 1
    m.known[lane, COUNT], m.known[lane, WHOLE] = count, 1 if m.heap.roots[lane] < 0 else 0
    for k in range(count - 1, -1, -1):     # last first: each is put on top of the others, and comes off again at once
        node = entries[k]
        add(m.heap, lane, node, m.heap.keys[node], m.heap.nodes[node, NUMBER])


def forget(m: Any, lane: int) -> None:
    """Remember nothing of a lane."""
    m.known[lane, COUNT] = -1
