"""The capacity planner: the cheapest workers C, speed S and QPUs Q that meet stated goals, with intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qloop.simulator.capacity.bounds import Bounds, CapacityPrices, Point, platform
from qloop.simulator.capacity.erlang import servers_for
from qloop.simulator.capacity.goals import MET, MISSED, UNDECIDED, Goal, parse_goals
from qloop.simulator.capacity.judging import FIRST, MOST, Judge, Judged, Run
from qloop.simulator.capacity.search import Guess, Search, frontier
from qloop.simulator.capacity.trust import doubts
from qloop.simulator.platform import result as r

if TYPE_CHECKING:
    from qloop.simulator.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer, or None with the goals that stand in the way (`binding`), and how it was found.

    `answer` is the cheapest platform within `bounds` whose intervals meet all goals, with the intervals of the
    replications that confirmed it. `cheaper` are its neighbours, one
    step less of one thing, and `binding` the goals that these miss. `frontier` are the platforms found to meet all
    goals while none smaller was. `worse` are pairs of which the larger platform misses a goal that the smaller meets.
    `doubts`: on what else the answer depends (start, length of the runs, censoring).
    """

    goals: tuple[Goal, ...]
    bounds: Bounds
    prices: CapacityPrices
    answer: Judged | None
    cheaper: tuple[Judged, ...]
    frontier: tuple[Judged, ...]
    judged: tuple[Judged, ...]
    binding: tuple[Goal, ...]
    worse: tuple[tuple[Judged, Judged], ...]
    doubts: tuple[str, ...]
    replications: int
    seconds: float

    def notes(self) -> list[str]:
        """What a reader must know beside the answer."""
        found = []
        if self.worse:
            small, large = self.worse[0]
            found.append(f"More is not always better here: {small.point} meets the goals and {large.point} does not. "
                         "So every cheaper platform was judged")
        doubtful = [one for one in self.judged if one.status == UNDECIDED
                    and (self.answer is None or one.per_hour < self.answer.per_hour)]
        if doubtful:
            several = "platform is" if len(doubtful) == 1 else "platforms are"
            found.append(f"{len(doubtful)} {'cheaper ' if self.answer else ''}{several} undecided after "
                         f"{doubtful[0].replications} replications, the cheapest {min(doubtful, key=_cost).point}: "
                         "their intervals hold a bound")
        return [*found, *self.doubts]

    def why_not(self) -> str:
        """Why there is no answer; empty if there is one."""
        if self.answer is not None:
            return ""
        if any(one.status == UNDECIDED for one in self.judged):
            return "No platform within the bounds is sure to meet the goals; some are undecided"
        missed = ", ".join(f"'{goal}'" for goal in self.binding)
        return f"No platform within the bounds meets the goals; the largest misses {missed}"


def plan_capacity(scenario: Scenario, goals: Sequence[str | Goal], bounds: Bounds, *,
                  prices: CapacityPrices | None = None, kind: str | None = None, first: int = FIRST, most: int = MOST,
                  exhaustive: bool = False, executor: Executor | None = None, run: Run | None = None,
                  told: Callable[[Judged], None] | None = None) -> Plan:
    """The cheapest platform for the load of a scenario that meets all goals.

    A goal is met if the interval over replications lies within its bound; a platform whose intervals hold a bound gets
    more replications, from `first` up to `most`, and all looks together have 95 %. The answer has met the goals a
    second time, in fresh replications. Times are those of all admitted sessions, finished or not. Without `prices` a
    QPU counts as 1000 workers of 10^9 operations/s. `kind`: which QPUs are chosen, if there are several kinds. `run`
    replaces the platform model.

    Raises InvalidInput or UnknownName for goals, bounds or prices that make no sense.
    """
    began = time.perf_counter()
    parsed = parse_goals([str(goal) for goal in goals])
    paid = prices or CapacityPrices()
    for speed in bounds.speeds:
        paid.per_hour(Point(1, speed, 1))
    platform(scenario, bounds.largest, kind)
    judge = Judge(scenario, parsed, paid, run or _model(), first, most, kind, executor, told)
    search = Search(judge, bounds, first_guess(judge, bounds), exhaustive)
    answer = search.run()
    cheaper = tuple(judge.judged[one] for one in search.neighbours(answer.point) if one in judge.judged) if (
        answer) else ()
    rows = tuple(sorted(judge.judged.values(), key=_cost))
    return Plan(parsed, bounds, paid, answer, cheaper, tuple(frontier(list(rows))), rows,
                _binding(parsed, cheaper if answer else tuple(_closest(rows, bounds))), tuple(search.worse),
                _doubts(judge, answer), judge.replications, time.perf_counter() - began)


def first_guess(judge: Judge, bounds: Bounds) -> Guess:
    """Workers and QPUs by Erlang's formulas, of the load that one run of the largest platform shows."""
    replication = judge.run(platform(judge.scenario, bounds.largest, judge.kind), 0)
    window = max(replication.horizon_ns - replication.warm_ns, 1)
    used = replication.qpus.sum(axis=0)
    busy = float(used[[r.EXECUTED, r.COLD, r.LOST]].sum())
    tasks = max(float(used[r.RUNS]), float(replication.steps[replication.counted()].sum()), 1.0)
    qpus = servers_for(judge.goals, busy / window, busy / tasks / 1e9, bounds.qpus[-1])
    work = float(replication.areas[1, r.BUSY_WORKERS]) / window * bounds.speeds[-1]

    def guess(speed: float) -> tuple[int, int]:
        return servers_for((), work / speed, 0.0, bounds.workers[-1]), qpus

    return guess


def _doubts(judge: Judge, answer: Judged | None) -> tuple[str, ...]:
    """What to know of the first replications of the answer."""
    if answer is None:
        return ()
    scenario = platform(judge.scenario, answer.point, judge.kind)
    return tuple(doubts([judge.run(scenario, number) for number in range(judge.first)], judge.goals))


def _model() -> Run:
    """The platform model."""
    from qloop.simulator.platform.run import replicate

    found: Any = replicate
    return found  # type: ignore[no-any-return]


def _binding(goals: tuple[Goal, ...], rows: tuple[Judged, ...]) -> tuple[Goal, ...]:
    """The goals that keep these platforms from being the answer."""
    return tuple(goal for n, goal in enumerate(goals)
                 if any(one.verdicts[n] == MISSED or (one.verdicts[n] == UNDECIDED and MISSED not in one.verdicts)
                        for one in rows))


def _closest(rows: tuple[Judged, ...], bounds: Bounds) -> list[Judged]:
    """Where nothing meets the goals: what was judged of the largest, else those that miss the fewest."""
    largest = [one for one in rows if one.point == bounds.largest]
    least = min((sum(verdict != MET for verdict in one.verdicts) for one in rows), default=0)
    return largest or [one for one in rows if sum(verdict != MET for verdict in one.verdicts) == least]


def _cost(one: Judged) -> float:
    return one.per_hour
