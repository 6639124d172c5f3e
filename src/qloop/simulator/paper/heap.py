"""Binary heaps in three columns of the caller: (key, number, item), smallest (key, number) first.

`m` has the columns `keys` (float64), `numbers` and `items` (int64); `at` is where a heap begins and `length` how many
entries it has, which the caller counts. Columns and not rows: the next key is then found without a multiplication.
"""

from __future__ import annotations

from typing import Any


def push(m: Any, at: int, length: int, key: float, number: int, item: int) -> None:
    """Add an entry."""
    keys, numbers, items = m.keys, m.numbers, m.items
    hole = length
    while hole > 0:
        above = (hole - 1) >> 1
        if keys[at + above] < key or (keys[at + above] == key and numbers[at + above] < number):
            break
        keys[at + hole], numbers[at + hole], items[at + hole] = keys[at + above], numbers[at + above], items[at + above]
        hole = above
    keys[at + hole], numbers[at + hole], items[at + hole] = key, number, item


def pop(m: Any, at: int, length: int) -> None:
    """Take the first entry out.

    The hole sinks to the bottom along the smaller entries, and the last entry rises from there: it came from the
    bottom and seldom rises far, so this needs half the comparisons.
    """
    keys, numbers, items = m.keys, m.numbers, m.items
    last = length - 1
    hole, below = 0, 1
    while below < last:
        left, right = keys[at + below], keys[at + below + 1]
        # added, not branched upon: which of two is smaller cannot be foretold
        side = int(right < left)
        if right == left:
            side = int(numbers[at + below + 1] < numbers[at + below])
        # the last entry is on its way to the hole, and stays a sentinel until then
        below += side
        keys[at + hole], numbers[at + hole], items[at + hole] = keys[at + below], numbers[at + below], items[at + below]
        hole, below = below, 2 * below + 1
    if hole < last:
        push(m, at, hole, keys[at + last], numbers[at + last], items[at + last])
