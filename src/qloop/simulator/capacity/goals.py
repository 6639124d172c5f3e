"""What a platform must achieve, as a person writes it: "drop < 5 %", "p95 < 2 h", "throughput >= 6 /h"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.measures import MEASURES
from qloop.simulator.analysis.statistics import Interval
from qloop.simulator.units import quantity as read
from qloop.simulator.units import text

MET, MISSED, UNDECIDED = "met", "missed", "undecided"
SHORT: Mapping[str, str] = MappingProxyType({
    "mean": "time_mean", "max": "time_max", "slowdown": "slowdown_mean", "wait": "wait_mean", "gap": "gap_mean",
    **{f"p{share}": f"time_p{share}" for share in (25, 50, 75, 95, 99)}})
PATTERN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*(\S.*?)\s*")
# what more capacity can only make smaller, and what it can only make larger, in the long run
FALLS = frozenset({"drop", "waited", "censored", "censored_share", "expired", "wait_share", "gap_mean", "gap_wait",
                   "waiting_tasks", "classical_wait", "slowdown_mean", "slowdown_p95", "slowdown_max",
                   "bounded_slowdown_mean", *(name for name in MEASURES if name.startswith(("time_", "wait_")))})
RISES = frozenset({"finished", "admitted", "throughput"})


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a measure; `value` is in the measure's unit."""

    quantity: str
    sign: str
    value: float

    def __str__(self) -> str:
        unit, percent = MEASURES[self.quantity].unit, f"{100 * self.value:g} %"
        if unit == "share" and read(percent, unit) == self.value:
            return f"{self.quantity} {self.sign} {percent}"
        shown = f"{self.value!r}" if unit == "money" else text(self.value, unit)
        return f"{self.quantity} {self.sign} {shown}"

    @property
    def monotone(self) -> bool:
        """Whether a larger platform meets it whenever a smaller one does."""
        return self.quantity in (FALLS if self.upper else RISES)

    @property
    def upper(self) -> bool:
        """Whether it bounds from above."""
        return self.sign in ("<", "<=")

    def judge(self, found: Interval) -> str:
        """MET or MISSED if the whole interval says so, else UNDECIDED.

        MISSED also where the quantity does not exist in a replication: no session finished, say.
        """
        if found.missing:
            return MISSED
        worst, best = (found.high, found.low) if self.upper else (found.low, found.high)
        if self._holds(worst):
            return MET
        return MISSED if best == best and not self._holds(best) else UNDECIDED

    def _holds(self, value: float) -> bool:
        if self.sign == "<":
            return value < self.value
        if self.sign == "<=":
            return value <= self.value
        return value > self.value if self.sign == ">" else value >= self.value


def parse_goal(said: str) -> Goal:
    """The goal of a text: a measure (or p50, p95, mean, ...), one of < <= > >=, and a value with a unit.

    Raises InvalidInput or UnknownName, which tells the nearest measure.
    """
    found = PATTERN.fullmatch(said)
    if not found:
        raise InvalidInput(f"{said!r} is no goal", "A goal is a quantity, one of < <= > >=, and a value",
                           "Write it as 'drop < 5 %' or 'p95 < 2 h'")
    name, sign, value = found.groups()
    whole = SHORT.get(name, name)
    if whole not in MEASURES:
        raise UnknownName("quantity", name, {*MEASURES, *SHORT})
    unit = MEASURES[whole].unit
    goal = Goal(whole, sign, read(value, "number" if unit == "money" else unit, f"the bound on {name}"))
    if goal.upper and (goal.value < 0.0 or (goal.value == 0.0 and sign == "<")):
        raise InvalidInput(f"The goal {said!r} can never be met", f"{whole} is never below 0", "Give a higher bound")
    if unit == "share" and goal.value == 1.0 and sign == ">":
        raise InvalidInput(f"The goal {said!r} can never be met", f"{whole} is never above 100 %", "Give a lower bound")
    return goal


def parse_goals(said: Sequence[str]) -> tuple[Goal, ...]:
    """All goals; InvalidInput if there is none, or if two contradict each other."""
    goals = tuple(map(parse_goal, said))
    if not goals:
        raise InvalidInput("No goal is given", "Without one the cheapest platform is the smallest",
                           "Add --goal 'drop < 5 %', say")
    for low in goals:
        for high in goals:
            if low.quantity == high.quantity and not low.upper and high.upper and not _leave_room(low, high):
                raise InvalidInput(f"The goals '{low}' and '{high}' contradict each other",
                                   "No value meets both", "Change one of them")
    return goals


def _leave_room(low: Goal, high: Goal) -> bool:
    """Whether some value lies within both bounds."""
    return low.value < high.value or (low.value == high.value and low.sign == ">=" and high.sign == "<=")
