"""Does a platform meet the goals? More replications are run until every interval says so, or as many as are allowed.

An interval that is looked at again and again misses the truth more often than its level says: the 5 % are divided
among the looks (Bonferroni). Sessions that did not finish count: see `analysis.tails.with_unfinished`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from math import fsum, isnan
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput
from qloop.simulator.analysis.measures import MEASURES, NS, measures
from qloop.simulator.analysis.statistics import LEVEL, Interval, share, student
from qloop.simulator.analysis.tails import lifetimes, with_unfinished
from qloop.simulator.capacity.bounds import CapacityPrices, Point, platform
from qloop.simulator.capacity.goals import MET, MISSED, UNDECIDED, Goal

if TYPE_CHECKING:
    from qloop.simulator.platform.result import Replication
    from qloop.simulator.scenario import Scenario

Run = Callable[[Any, int], "Replication"]
Row = dict[str, float]
FIRST, MOST = 10, 160
RARE = ("drop", "waited")
ALL, STRETCHES = "all:", "stretches"      # of a row: a measure of all admitted sessions; how often all of them changed


@dataclass(frozen=True, slots=True)
class Judged:
    """A platform, what it costs in an hour, and what it does: the interval and the verdict of each goal.

    `status`: MET if all goals are, MISSED if one is, else UNDECIDED. `row` has the means of all measures.
    `replications` were run in all. `confirmed`: the intervals are those of replications that the search did not see.
    """

    point: Point
    per_hour: float
    replications: int
    found: tuple[Interval, ...]
    verdicts: tuple[str, ...]
    row: Row
    confirmed: bool = False

    @property
    def status(self) -> str:
        """What all goals together say."""
        if MISSED in self.verdicts:
            return MISSED
        return UNDECIDED if UNDECIDED in self.verdicts else MET


@dataclass(slots=True)
class Judge:
    """Runs replications of platforms and judges them; each platform once.

    All platforms meet the same sessions (common random numbers: the same seed and replication numbers). The first
    `first` replications are doubled while a goal is undecided and none is missed, up to `most`. `confirm` takes those
    from number `most` on. `run` makes a
    replication of a scenario and a number; by default it is that of the platform model. `told` is called with each
    platform that is judged.
    """

    scenario: Scenario
    goals: tuple[Goal, ...]
    prices: CapacityPrices
    run: Run
    first: int = FIRST
    most: int = MOST
    kind: str | None = None
    executor: Executor | None = None
    told: Callable[[Judged], None] | None = None
    judged: dict[Point, Judged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 2 <= self.first <= self.most:
            raise InvalidInput(f"Platforms are judged by {self.first} to {self.most} replications", "",
                               "Give at least 2 for an interval, and at most as many first as in all")

    @property
    def replications(self) -> int:
        """How many were run in all."""
        return sum(one.replications for one in self.judged.values())

    def __call__(self, point: Point) -> Judged:
        """The verdict on a platform."""
        if point not in self.judged:
            self.judged[point] = self._look(point)
            if self.told:
                self.told(self.judged[point])
        return self.judged[point]

    @property
    def level(self) -> float:
        """The level of an interval at one look, such that all looks together have 95 %."""
        looks, count = 1, self.first
        while count < self.most:
            looks, count = looks + 1, min(self.most, 2 * count)
        return 1.0 - (1.0 - LEVEL) / looks

    def confirm(self, point: Point) -> Judged:
        """Judge a platform again by replications of other numbers, since the best of many is often so by chance.

        Where these do not say that a goal is met it is undecided.
        """
        before = self.judged[point]
        if not before.confirmed:
            again = self._look(point, self.most)
            verdicts = tuple(MET if one == MET else UNDECIDED for one in again.verdicts)
            self.judged[point] = replace(again, replications=before.replications + again.replications,
                                         verdicts=verdicts, confirmed=True)
            if self.told:
                self.told(self.judged[point])
        return self.judged[point]

    def _look(self, point: Point, since: int = 0) -> Judged:
        """Run until decided, or as many as are allowed, from replication `since` on."""
        scenario, rows, level = platform(self.scenario, point, self.kind), list[Row](), self.level
        while True:
            wanted = min(self.most, 2 * len(rows) or self.first)
            rows += self._rows(scenario, range(since + len(rows), since + wanted))
            found = tuple(interval(rows, goal, level) for goal in self.goals)
            verdicts = tuple(goal.judge(one) for goal, one in zip(self.goals, found, strict=True))
            if MISSED in verdicts or UNDECIDED not in verdicts or len(rows) == self.most:
                return Judged(point, self.prices.per_hour(point), len(rows), found, verdicts, _means(rows))

    def _rows(self, scenario: Scenario, numbers: range) -> list[Row]:
        one = partial(_row, self.run, scenario)
        found = list(self.executor.map(one, numbers) if self.executor else map(one, numbers))
        if not any(row["arrivals"] for row in found):
            raise InvalidInput("No session arrives that counts", "After the warm-up, none comes in any replication",
                               "Give a longer run or more arrivals")
        return found


def interval(rows: Sequence[Row], goal: Goal, level: float = LEVEL) -> Interval:
    """The goal's quantity over replications in which sessions arrived; of times, that of all admitted sessions.

    Where a rare event was never seen the interval reaches to what its probability could be all the same (Clopper and
    Pearson). Its trials are not the sessions, which are refused together, but the stretches of the runs in which all
    sessions changed.
    """
    rows = [row for row in rows if row["arrivals"]]
    values = [row.get(ALL + goal.quantity, row[goal.quantity]) for row in rows]
    found = student(values, level)
    if goal.quantity in RARE and not any(values):
        seen = sum(row[STRETCHES] for row in rows)
        return Interval(0.0, 0.0, share(0, max(1, int(seen)), level).high, level, found.n)
    return found


def stretches(replication: Replication) -> int:
    """How often the longest stay of a session fits into what was measured: at least 1, at most once per arrival.

    After that long, none of the sessions that were there is left, so what one stretch sees says little of the next.
    """
    stays, _ = lifetimes(replication)
    window = (replication.horizon_ns - replication.warm_ns) / NS
    arrivals = int(replication.counted().sum())
    longest = float(stays.max(initial=0.0))
    return max(1, min(arrivals, int(window / longest) if longest > 0.0 else arrivals))


def _means(rows: Sequence[Row]) -> Row:
    """The mean of each measure over the replications in which it exists."""
    known = {name: [row[name] for row in rows if not isnan(row[name])] for name in MEASURES}
    return {name: fsum(values) / len(values) if values else float("nan") for name, values in known.items()}


def _row(run: Run, scenario: Scenario, number: int) -> Row:
    """All measures, and what a goal needs beside them."""
    one = run(scenario, number)
    return {**measures(one), **{ALL + name: value for name, value in with_unfinished(one).items()},
            STRETCHES: float(stretches(one))}
