"""When a twin is not there for us: maintenance, other users, failures; each by a plan that time alone decides."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

import msgspec

from qloop.errors import InvalidInput
from qloop.model.limits import NEVER
from qloop.qpus.drift.streams import Stream
from qloop.qpus.protocol import Absence, Away

MAINTENANCE, FAILURE, OUTSIDE = "maintenance", "failure", "other users"
_YEAR_S = 366 * 86400.0
_DRAWN = 256
LEAST_CYCLE_S = 60.0
"""Absences do not follow each other faster: what comes and goes within seconds is no plan."""

Span = tuple[int, int]


class Every(msgspec.Struct, frozen=True):
    """Absences of `length_s` every `interval_s`, from begin to begin, the first at `first_s`; times in s."""

    interval_s: float
    length_s: float
    first_s: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.interval_s, self.length_s, self.first_s)
        whole = f"Absences of {self.length_s!r:.40} s every {self.interval_s!r:.40} s from {self.first_s!r:.40} s"
        if not (all(map(_is_time, numbers)) and 0.0 < self.length_s < self.interval_s):
            raise InvalidInput(whole, "They would overlap, be empty, or begin before the run",
                               "Give 0 < length_s < interval_s and first_s from 0, at most a year each")
        if self.interval_s < LEAST_CYCLE_S:
            raise InvalidInput(whole, "The QPU would come and go all the time",
                               f"Give an interval_s from {LEAST_CYCLE_S:g}")


class OutsideUse(msgspec.Struct, frozen=True):
    """Other users: busy and free times are drawn, exponential with these means in s.

    Each is at least 1 s. As a plan of maintenance or failures, both together last a minute at least.
    """

    busy_s: float
    free_s: float

    def __post_init__(self) -> None:
        for name, value in (("busy_s", self.busy_s), ("free_s", self.free_s)):
            if not (_is_time(value) and value >= 1.0):
                raise InvalidInput(f"Other users' {name} is {value!r:.40}", "It is the mean of times that are drawn",
                                   "Give seconds from 1 to a year")


Plan = list[tuple[float, float]] | tuple[tuple[float, float], ...] | Every | OutsideUse


class Source(Protocol):
    """Spans (begin, end) in ns that do not overlap, in order."""

    def ending_after(self, after_ns: int) -> Span | None:
        """The first one that ends after a time."""


class Absences:
    """All absences of a twin; `maintenance` and `failures` end with a calibration, `outside` does not."""

    def __init__(self, maintenance: Plan, outside: Plan, failures: Plan, seed: int, name: str) -> None:
        wishes = ((MAINTENANCE, maintenance), (FAILURE, failures), (OUTSIDE, outside))
        self._sources = {reason: source_of(reason, plan, seed, name) for reason, plan in wishes}
        self.any = any(source.ending_after(0) is not None for source in self._sources.values())

    def next_absence(self, after_ns: int) -> Absence | None:
        """The absence that a time falls into, or else the first one after it."""
        return self._first(after_ns, (MAINTENANCE, FAILURE, OUTSIDE))

    def next_repair(self, after_ns: int) -> Absence | None:
        """The same of those that end with a calibration."""
        return self._first(after_ns, (MAINTENANCE, FAILURE))

    def _first(self, after_ns: int, reasons: Sequence[str]) -> Absence | None:
        found = [(span, reason) for reason in reasons
                 if (span := self._sources[reason].ending_after(after_ns)) is not None]
        if not found:
            return None
        (begin, end), reason = min(found)
        return Absence(begin, end, reason)


def breaks_off(qpu: object, begun_ns: int, length_ns: int) -> bool:
    """Whether a QPU leaves before a task is over, which then comes to nothing."""
    absence = qpu.next_absence(begun_ns) if isinstance(qpu, Away) else None
    return absence is not None and absence.begin_ns < begun_ns + length_ns


def source_of(reason: str, plan: Plan, seed: int, name: str) -> Source:
    """The spans of a plan; `InvalidInput` if it is none."""
    if isinstance(plan, Every):
        return _Periodic(plan)
    if isinstance(plan, OutsideUse):
        if reason != OUTSIDE and plan.busy_s + plan.free_s < LEAST_CYCLE_S:
            raise InvalidInput(f"{reason.capitalize()} for {plan.busy_s:g} s after {plan.free_s:g} s on average",
                               "The QPU would be calibrated anew all the time",
                               f"Give means of {LEAST_CYCLE_S:g} s or more together")
        return _Drawn(plan, Stream(seed, name, reason))
    if not isinstance(plan, list | tuple):
        raise InvalidInput(f"The plan of {reason} is {plan!r:.40}", "",
                           "Give pairs of seconds (from, to), an Every, or an OutsideUse")
    return _Listed(spans_of(reason, plan))


def spans_of(reason: str, plan: Sequence[tuple[float, float]]) -> list[Span]:
    """Pairs of seconds as ns, checked."""
    spans: list[Span] = []
    for pair in plan:
        if not (isinstance(pair, Sequence) and len(pair) == 2 and _is_time(pair[0]) and _is_end(pair[1])):
            raise InvalidInput(f"{reason.capitalize()} of {pair!r:.60}", "",
                               "Give two numbers: seconds from the run's start to its begin and its end")
        begin, end = round(pair[0] * 1e9), NEVER if math.isinf(pair[1]) else round(pair[1] * 1e9)
        if end <= begin:
            raise InvalidInput(f"{reason.capitalize()} from {pair[0]:g} s to {pair[1]:g} s", "It goes backwards",
                               "Give the begin first, then a later end")
        if spans and begin < spans[-1][1]:
            raise InvalidInput(f"{reason.capitalize()} from {pair[0]:g} s begins before the one listed before it ends",
                               "Windows must not overlap", "List them in order of time, and join those that overlap")
        spans.append((begin, end))
    return spans


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 100 * _YEAR_S


def _is_end(value: object) -> bool:
    return _is_time(value) or value == math.inf


class _Listed:
    def __init__(self, spans: list[Span]) -> None:
        self._spans, self._ends = spans, [end for _, end in spans]

    def ending_after(self, after_ns: int) -> Span | None:
        at = bisect_right(self._ends, after_ns)
        return self._spans[at] if at < len(self._spans) else None


class _Periodic:
    def __init__(self, plan: Every) -> None:
        self._first, self._interval, self._length = (round(t * 1e9) for t in (plan.first_s, plan.interval_s,
                                                                              plan.length_s))

    def ending_after(self, after_ns: int) -> Span | None:
        k = max(0, (after_ns - self._first - self._length) // self._interval + 1)
        begin = self._first + k * self._interval
        return begin, begin + self._length


class _Drawn:
    """Free and busy times in turns, drawn in blocks and kept."""

    def __init__(self, plan: OutsideUse, stream: Stream) -> None:
        self._plan, self._stream = plan, stream
        self._begins: list[int] = []
        self._ends: list[int] = []

    def ending_after(self, after_ns: int) -> Span | None:
        while not self._ends or self._ends[-1] <= after_ns:
            self._draw()
        at = bisect_right(self._ends, after_ns)
        return self._begins[at], self._ends[at]

    def _draw(self) -> None:
        now = self._ends[-1] if self._ends else 0
        for free, busy in self._stream.exponentials(len(self._ends) // _DRAWN, _DRAWN, 2).tolist():
            self._begins.append(now + round(free * self._plan.free_s * 1e9))
            now = self._begins[-1] + max(1, round(busy * self._plan.busy_s * 1e9))
            self._ends.append(now)
