"""The search for the cheapest platform: along the border between those that meet the goals and those that do not.

More capacity meets more goals: so for each number of workers of each speed the least number of QPUs is looked for, from
a guess, and only where it can be cheaper than the best known. This is not always true (more workers send more sessions
to the QPUs, which may then refuse more): platforms just cheaper than the answer are judged as well, and if any judged
platform does worse than a smaller one, nothing is left out any more: all cheaper ones are judged, in order of cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from qloop.errors import InvalidInput
from qloop.simulator.capacity.bounds import Bounds, Point
from qloop.simulator.capacity.goals import MET, MISSED
from qloop.simulator.capacity.judging import Judge, Judged

MOST_JUDGED = 5_000
T = TypeVar("T", int, float)
Guess = Callable[[float], tuple[int, int]]


@dataclass(slots=True)
class Search:
    """Looks for the cheapest platform within the bounds; `judge` remembers all that it judged.

    `guess` gives workers and QPUs for a speed. `exhaustive`: leave nothing out.
    """

    judge: Judge
    bounds: Bounds
    guess: Guess
    exhaustive: bool = False
    best: Judged | None = None
    worse: list[tuple[Judged, Judged]] = field(default_factory=list)

    def run(self) -> Judged | None:
        """The cheapest platform that meets all goals, and does so again in fresh replications; None if none does."""
        while (found := self._search()) is not None:
            self.best = self.judge.confirm(found.point)
            if self.best.status == MET:
                return self.best
            self.best, self.worse = None, []      # it is undecided now: search on, with all that is known
        return None

    def _search(self) -> Judged | None:
        """The cheapest platform that was judged to meet all goals."""
        if self.exhaustive or not all(goal.monotone for goal in self.judge.goals):
            self._judge_all()
            return self.best
        if self._see(self.bounds.largest).status == MISSED and not self._smaller_is_better():
            return None
        for speed in self.bounds.speeds:
            for workers in self._columns(speed):
                self._column(workers, speed)
        self._neighbours()
        self._contradictions()
        if self.worse:
            self._judge_all()
        return self.best

    def neighbours(self, of: Point) -> list[Point]:
        """The platforms with one step less of one thing, where there is such a step."""
        b = self.bounds
        less = [of._replace(workers=count) for count in _below(b.workers, of.workers)]
        less += [of._replace(speed=speed) for speed in _below(b.speeds, of.speed)]
        return less + [of._replace(qpus=count) for count in _below(b.qpus, of.qpus)]

    def _see(self, point: Point) -> Judged:
        """Judge, and keep the best: the cheapest, of equals the one with fewer QPUs, then workers, then slower."""
        found = self.judge(point)
        if found.status == MET and (self.best is None or _order(found) < _order(self.best)):
            self.best = found
        return found

    def _smaller_is_better(self) -> bool:
        """Whether a smaller platform meets the goals though the largest does not: few workers, or as guessed."""
        largest, b = self.bounds.largest, self.bounds
        workers, qpus = self.guess(largest.speed)
        tried = {largest._replace(workers=b.workers[0]), largest._replace(workers=_nearest(b.workers, workers)),
                 largest._replace(workers=_nearest(b.workers, workers), qpus=_nearest(b.qpus, qpus))}
        return any(self._see(point).status == MET for point in sorted(tried))

    def _columns(self, speed: float) -> Iterator[int]:
        """The numbers of workers from the guess on, outwards."""
        counts = self.bounds.workers
        wanted = self.guess(speed)[0]
        return iter(sorted(counts, key=lambda count: (abs(count - wanted), -count)))

    def _column(self, workers: int, speed: float) -> None:
        """Find the least number of QPUs for these workers, if it may be cheaper than the best."""
        open_ = [qpus for qpus in self.bounds.qpus if self._may_be_better(Point(workers, speed, qpus))]
        if not open_:
            return
        at = self._begin(open_, speed)
        low, high = -1, len(open_)              # open_[low] does not meet the goals, open_[high] does or is unknown
        step = 1
        while low + 1 < high:
            at = min(max(at, low + 1), high - 1)
            if self._see(Point(workers, speed, open_[at])).status == MET:
                high, at = at, at - step
            else:
                low, at = at, at + step
            step *= 2
            if not low < at < high:             # the border lies between: halve
                at = (low + high) // 2
        self._fence()

    def _fence(self) -> None:
        """Judge the largest platforms with one QPU or one worker less than the best: if they miss, all below do."""
        if self.best is None:
            return
        of, largest = self.best.point, self.bounds.largest
        fences = [largest._replace(qpus=count) for count in _below(self.bounds.qpus, of.qpus)]
        fences += [largest._replace(workers=count, speed=of.speed) for count in _below(self.bounds.workers, of.workers)]
        for point in fences:
            if not self._below_a_miss(point):
                self._see(point)

    def _begin(self, open_: list[int], speed: float) -> int:
        """The place in what is open of the best's QPUs, or of those guessed."""
        known = self.best is not None and self.best.point != self.bounds.largest
        wanted = self.best.point.qpus if self.best is not None and known else self.guess(speed)[1]
        return min(range(len(open_)), key=lambda place: abs(open_[place] - wanted))

    def _may_be_better(self, point: Point) -> bool:
        """Whether it is cheaper than the best, and not smaller than one that misses the goals."""
        if self.best is not None and not self._cheaper(point, self.best):
            return False
        return not self._below_a_miss(point)

    def _below_a_miss(self, point: Point) -> bool:
        """Whether a platform with at least as much of everything misses the goals."""
        return any(one.status == MISSED and point.within(one.point) for one in self.judge.judged.values())

    def _cheaper(self, point: Point, than: Judged) -> bool:
        cost = self.judge.prices.per_hour(point)
        return _rank(cost, point) < _order(than)

    def _neighbours(self) -> None:
        """Judge what is one step cheaper than the best, until nothing better is found."""
        seen = None
        while self.best is not None and self.best is not seen:
            seen = self.best
            for point in self.neighbours(seen.point):
                if self._cheaper(point, seen):
                    self._see(point)

    def _contradictions(self) -> None:
        """Find platforms that miss a goal which a smaller one meets."""
        rows = list(self.judge.judged.values())
        self.worse = [(small, large) for large in rows if large.status == MISSED for small in rows
                      if small.status == MET and small.point.within(large.point)]

    def _judge_all(self) -> None:
        """Judge every platform in order of cost until one meets the goals."""
        if len(self.bounds) > MOST_JUDGED:
            raise InvalidInput(f"Each of {len(self.bounds):,} platforms would have to be judged",
                               "More capacity does not always bring these goals nearer, so none can be left out",
                               f"Narrow the ranges to at most {MOST_JUDGED:,} platforms")
        points = [Point(c, s, q) for c in self.bounds.workers for s in self.bounds.speeds for q in self.bounds.qpus]
        for cost, point in sorted(((self.judge.prices.per_hour(one), one) for one in points),
                                  key=lambda pair: _rank(*pair)):
            if self.best is not None and _rank(cost, point) >= _order(self.best):
                return
            self._see(point)


def _below(values: tuple[T, ...], value: T) -> tuple[T, ...]:
    """The next smaller value, if there is one."""
    at = values.index(value)
    return values[at - 1:at] if at else ()


def _nearest(values: tuple[int, ...], wanted: int) -> int:
    return min(values, key=lambda value: abs(value - wanted))


def frontier(judged: list[Judged]) -> list[Judged]:
    """The platforms that meet the goals while none that is smaller does, by cost."""
    met = [one for one in judged if one.status == MET]
    return sorted((one for one in met if not any(other.point.within(one.point) for other in met if other is not one)),
                  key=_order)


def _order(found: Judged) -> tuple[float, int, int, float]:
    return _rank(found.per_hour, found.point)


def _rank(cost: float, point: Point) -> tuple[float, int, int, float]:
    return cost, point.qpus, point.workers, point.speed
