"""What of a campaign is still to be run: spans of replications, handed out in units of about equal time.

With a fixed number of replications everything is known beforehand. With `until`, a point gets more replications after
each look at its interval, until these do.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.campaign.plan import Plan
from qloop.simulator.campaign.unit import Columns, Span

UNIT_S, LEAST_S = 2.0, 0.2
MOST_OF_A_UNIT = 5000


class Agenda:
    """The replications that are finished, and those to be run next."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.points = len(plan.grid)
        self.made: NDArray[np.bool_] = np.zeros((self.points, plan.most), np.bool_)
        self.finished = 0
        self.settled = 0        # points that need no more, under `until`
        self._values = np.full(self.made.shape, np.nan) if plan.until else np.zeros((0, 0))
        self._wanted = np.full(self.points, plan.until.next_look(0) if plan.until else plan.replications, np.int32)
        self._enough = np.zeros(self.points, np.bool_)
        self._queue: deque[Span] = deque()
        self._first: Iterator[Span] = iter(())

    def known(self, rows: Columns) -> None:
        """Take note of finished replications, such as those found on disk; others than those asked for are left out."""
        point, number = rows["point"], rows["replication"]
        asked = (point < self.points) & (number < self.plan.most)
        point, number = point[asked], number[asked]
        self.made[point, number] = True
        if self.plan.until:
            self._values[point, number] = rows[self.plan.until.quantity][asked]
        self.finished = int(np.count_nonzero(self.made)) if len(point) > 1000 else self.finished + len(point)

    def begin(self) -> None:
        """Everything that was finished before is known: begin to hand out the rest."""
        self.finished = int(np.count_nonzero(self.made))
        self._first = self._spans()

    def ended(self, rows: Columns) -> None:
        """A unit ended: note its rows, and see whether its points need more."""
        self.known(rows)
        if self.plan.until:
            for point in np.unique(rows["point"]):
                self._look(int(point))

    def take(self, seconds: float, processes: int) -> tuple[Span, ...]:
        """The next spans, about UNIT_S of work if a replication takes `seconds`; none if there is nothing to do now."""
        each = max(seconds, 1e-6)
        fair = self.left / (4 * processes) if processes > 1 else self.left
        room = max(1, min(MOST_OF_A_UNIT, int(UNIT_S / each), math.ceil(max(fair, LEAST_S / each))))
        found: list[Span] = []
        while room > 0:
            span = self._queue.popleft() if self._queue else next(self._first, None)
            if span is None:
                break
            cut = min(span.last, span.first + room)
            if cut < span.last:
                self._queue.appendleft(Span(span.point, cut, span.last))
            found.append(Span(span.point, span.first, cut))
            room -= cut - span.first
        return tuple(found)

    @property
    def total(self) -> int:
        """How many replications there will be; under `until`, as many as are known to be needed."""
        return int(self._wanted.sum())

    @property
    def left(self) -> int:
        """How many of these are not finished."""
        return max(0, self.total - self.finished)

    def _spans(self) -> Iterator[Span]:
        """What is left at each point, in order."""
        for point in range(self.points):
            yield from self._missing(point)
            if self.plan.until:
                self._look(point)
                while self._queue:
                    yield self._queue.popleft()

    def _look(self, point: int) -> None:
        """Under `until`: if all that was wanted of a point is there, decide whether more is, and queue it."""
        until = self.plan.until
        assert until is not None
        if self._enough[point] or not self.made[point, :self._wanted[point]].all():
            return
        while self.made[point, :self._wanted[point]].all():
            if until.enough(self._values[point, :self._wanted[point]]):
                self._enough[point] = True
                self.settled += 1
                return
            self._wanted[point] = until.next_look(int(self._wanted[point]))
        self._queue.extend(self._missing(point))

    def _missing(self, point: int) -> Iterator[Span]:
        """The gaps in what is wanted of a point."""
        made = self.made[point, :self._wanted[point]]
        if made.all():
            return
        edges = np.flatnonzero(np.diff(np.concatenate(([True], made, [True])).astype(np.int8)))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            yield Span(point, int(first), int(last))
