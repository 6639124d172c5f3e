"""What of a campaign is still to be run: spans of replications, handed out in units of about equal time.

With a fixed number of replications everything is known beforehand. With `until`, a point gets more replications after
each look at its interval, until these do.

Only points that are begun and not done are held number by number, so memory goes with the points and the processes,
not with the replications that there may be.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.campaign.plan import Plan
from qloop.simulator.campaign.unit import Columns, Span

Floats = NDArray[np.float64]
UNIT_S, LEAST_S = 2.0, 0.2
MOST_OF_A_UNIT = 5000


class _Begun:
    """The replications of one point, by number: which are finished, and their values if these decide."""

    __slots__ = ("made", "values")

    def __init__(self) -> None:
        self.made: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.values: Floats = np.zeros(0)

    def room(self, numbers: int, valued: bool) -> None:
        """Make room for so many."""
        more = numbers - len(self.made)
        if more > 0:
            self.made = np.concatenate((self.made, np.zeros(more, np.bool_)))
            self.values = np.concatenate((self.values, np.full(more, np.nan))) if valued else self.values

    def count(self, first: int, last: int) -> int:
        """How many of these are finished."""
        return int(np.count_nonzero(self.made[first:last]))


class Agenda:
    """The replications that are finished, and those to be run next."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.points = len(plan.grid)
        self.finished = 0       # of those that are wanted
        self.settled = 0        # points that need no more
        self._wanted = np.full(self.points, plan.until.next_look(0) if plan.until else plan.replications, np.int32)
        self._enough = np.zeros(self.points, np.bool_)
        self._begun: dict[int, _Begun] = {}
        self._queue: deque[Span] = deque()
        self._first: Iterator[Span] = iter(())
        self._reached = 0       # points whose first spans were handed out

    def has(self, point: int, number: int) -> bool:
        """Whether a replication is finished."""
        if self._enough[point]:
            return number < int(self._wanted[point])
        held = self._begun.get(point)
        return held is not None and number < len(held.made) and bool(held.made[number])

    def known(self, rows: Columns) -> None:
        """Take note of finished replications, such as those found on disk; others than those asked for are left out."""
        until = self.plan.until
        point, number = rows["point"], rows["replication"]
        asked = np.flatnonzero((point >= 0) & (point < self.points) & (number >= 0) & (number < self.plan.most))
        asked = asked[np.argsort(point[asked], kind="stable")]
        ends = np.flatnonzero(np.diff(point[asked])) + 1
        for chosen in np.split(asked, ends) if len(asked) else ():
            self._note(int(point[chosen[0]]), number[chosen], rows[until.quantity][chosen] if until else None)

    def begin(self) -> None:
        """Everything that was finished before is known: begin to hand out the rest."""
        self._queue.clear()
        self._reached = 0
        self._first = self._spans()

    def ended(self, rows: Columns) -> None:
        """A unit ended: note its rows, and see whether its points need more."""
        self.known(rows)

    def _note(self, point: int, numbers: NDArray[np.integer[Any]], values: Floats | None) -> None:
        """Take note of replications of a point; if all that was wanted is there, decide whether more is."""
        if self._enough[point]:
            return
        held, wanted = self._begun.setdefault(point, _Begun()), int(self._wanted[point])
        held.room(max(wanted, int(numbers.max()) + 1), values is not None)
        before = held.count(0, wanted)
        held.made[numbers] = True
        if values is not None:
            held.values[numbers] = values
        self.finished += held.count(0, wanted) - before
        if held.made[:wanted].all():
            self._look(point, held)

    def _look(self, point: int, held: _Begun) -> None:
        """All that was wanted of a point is there: it is done with, or more is wanted and queued."""
        until = self.plan.until
        wanted = int(self._wanted[point])
        while held.made[:wanted].all():
            if until is None or until.enough(held.values[:wanted]):
                self._enough[point] = True
                self.settled += 1
                del self._begun[point]
                return
            before, wanted = wanted, until.next_look(wanted)
            self._wanted[point] = wanted
            held.room(wanted, True)
            self.finished += held.count(before, wanted)
        if point < self._reached:
            self._queue.extend(self._missing(point))

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
            missing = self._missing(point)
            self._reached = point + 1
            yield from missing

    def _missing(self, point: int) -> list[Span]:
        """The gaps in what is wanted of a point."""
        if self._enough[point]:
            return []
        wanted, held = int(self._wanted[point]), self._begun.get(point)
        if held is None:
            return [Span(point, 0, wanted)]
        edges = np.flatnonzero(np.diff(np.concatenate(([True], held.made[:wanted], [True])).astype(np.int8)))
        return [Span(point, int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
