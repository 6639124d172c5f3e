"""Sets of half-open intervals of integer nanoseconds, as sorted lists of disjoint (begin, end)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

Span = tuple[int, int]


def union(spans: Iterable[Span], low: int = -(2**63), high: int = 2**63 - 1) -> list[Span]:
    """The points in any of the intervals and in [low, high), as disjoint intervals in order."""
    merged: list[Span] = []
    for begin, end in sorted((max(b, low), min(e, high)) for b, e in spans):
        if begin >= end:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def intersection(left: list[Span], right: list[Span]) -> list[Span]:
    """The points in both sets; each must be disjoint and in order."""
    common: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        begin, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if begin < end:
            common.append((begin, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return common


def difference(left: list[Span], right: list[Span]) -> list[Span]:
    """The points of the first set that are not in the second; each must be disjoint and in order."""
    rest: list[Span] = []
    at = 0
    for begin, end in left:
        while at < len(right) and right[at][1] <= begin:
            at += 1
        for low, high in right[at:]:
            if low >= end:
                break
            if begin < low:
                rest.append((begin, low))
            begin = max(begin, high)
        if begin < end:
            rest.append((begin, end))
    return rest


def length(spans: Iterable[Span]) -> int:
    """The total length of disjoint intervals."""
    return sum(end - begin for begin, end in spans)


class Clockwork:
    """How much of a set of disjoint intervals in order lies before a time; a query is a binary search."""

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans
        self._begins = [begin for begin, _ in spans]
        self._before = list(accumulate((end - begin for begin, end in spans), initial=0))

    def until(self, time: int) -> int:
        """The length of the set before a time."""
        nth = bisect_right(self._begins, time)
        if nth == 0:
            return 0
        begin, end = self._spans[nth - 1]
        return self._before[nth - 1] + min(time, end) - begin

    def between(self, begin: int, end: int) -> int:
        """The length of the set inside [begin, end); 0 if the end is before the begin."""
        return self.until(end) - self.until(begin) if begin < end else 0
