"""Does a platform meet the goals? More replications are run until every interval says so, or as many as are allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from math import fsum, isnan
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput
from qloop.simulator.analysis.measures import measures
from qloop.simulator.analysis.statistics import LEVEL, Interval, share, student
from qloop.simulator.capacity.bounds import CapacityPrices, Point, platform
from qloop.simulator.capacity.goals import MET, MISSED, UNDECIDED, Goal

if TYPE_CHECKING:
    from qloop.simulator.platform.result import Replication
    from qloop.simulator.scenario import Scenario

Run = Callable[[Any, int], "Replication"]
Row = dict[str, float]
FIRST, MOST = 10, 160
RARE = ("drop", "waited")


@dataclass(frozen=True, slots=True)
class Judged:
    """A platform, what it costs in an hour, and what it does: the interval and the verdict of each goal.

    `status`: MET if all goals are, MISSED if one is, else UNDECIDED. `row` has the means of all measures.
    """

    point: Point
    per_hour: float
    replications: int
    found: tuple[Interval, ...]
    verdicts: tuple[str, ...]
    row: Row

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
    `first` replications are doubled while a goal is undecided and none is missed, up to `most`. `run` makes a
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

    def _look(self, point: Point) -> Judged:
        """Run until decided, or as many as are allowed."""
        scenario, rows = platform(self.scenario, point, self.kind), list[Row]()
        while True:
            wanted = min(self.most, 2 * len(rows) or self.first)
            rows += self._rows(scenario, range(len(rows), wanted))
            found = tuple(interval(rows, goal) for goal in self.goals)
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
    """The goal's quantity over replications in which sessions arrived.

    Where a rare event was never seen the interval reaches to what its probability could be all the same.
    """
    rows = [row for row in rows if row["arrivals"]]
    values = [row[goal.quantity] for row in rows]
    found = student(values, level)
    if goal.quantity in RARE and not any(values):
        seen = sum(row["arrivals" if goal.quantity == "drop" else "finished"] for row in rows)
        return Interval(0.0, 0.0, share(0, max(1, int(seen)), level).high, level, found.n)
    return found


def _means(rows: Sequence[Row]) -> Row:
    """The mean of each measure over the replications in which it exists."""
    known = {name: [row[name] for row in rows if not isnan(row[name])] for name in rows[0]}
    return {name: fsum(values) / len(values) if values else float("nan") for name, values in known.items()}


def _row(run: Run, scenario: Scenario, number: int) -> Row:
    return measures(run(scenario, number))
