"""Arrivals that were recorded somewhere, as they were or faster, once or again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.workload.checks import on_or_off, positive
from qloop.simulator.workload.columns import read
from qloop.simulator.workload.family import Floats
from qloop.simulator.workload.points import Ints, guard, in_ns
from qloop.simulator.workload.streams import ARRIVAL


@dataclass(frozen=True)
class Recorded:
    """Arrivals at these times (s), in order; or at those of a column of a CSV or Parquet file.

    `speed` 2 makes them come twice as fast. `from_first` counts the times from the first one. `repeat` lets them come
    again and again until the run ends: the first one mean gap after the last.

    Raises InvalidInput for times that are negative or out of order (with the row), and what `columns.read` raises.
    """

    kind: ClassVar[str] = "recorded"
    times_s: tuple[float, ...] = field(default=(), repr=False)
    file: str = ""
    column: str = "arrival_s"
    speed: float = 1.0
    from_first: bool = False
    repeat: bool = False

    def __post_init__(self) -> None:
        positive(self.kind, "speed", self.speed, 1e-6, 1e6)
        on_or_off("from_first", self.from_first)
        on_or_off("repeat", self.repeat)
        from_file = self.file and not len(self.times_s)     # a copy of a record has the times that the file had
        given = read(self.file, self.column, "the recorded arrivals") if from_file else _numbers(self.times_s)
        if not len(given):
            raise InvalidInput("The recorded arrivals have no times", "", "Give times_s, or a file and a column")
        _check_order(given)
        object.__setattr__(self, "times_s", tuple(given.tolist()))
        if self.repeat and not self.period_s > 0.0:
            raise InvalidInput("The recorded arrivals last 0 s and repeat", "They would never end",
                               "Give times that differ, or no repetition")

    @property
    def period_s(self) -> float:
        """From an arrival to the same one of the next repetition, s: from the first to the last, and one mean gap.

        One moment alone has no gaps: it comes again after as long as it came after the begin.
        """
        moments = self._moments()
        lasts = float(moments[-1] - moments[0])
        return lasts + lasts / (len(moments) - 1) if lasts > 0.0 else float(moments[0])

    def mean_rate(self) -> float:
        """Arrivals per period: one per mean gap; infinite for one moment at the begin."""
        return len(self.times_s) / self.period_s if self.period_s > 0.0 else math.inf

    def times(self, key: int, horizon_ns: int, stream: int = ARRIVAL) -> Ints:
        """Arrivals before the horizon, ns in order; nothing is drawn.

        Raises InvalidInput if the first comes at the horizon or later.
        """
        moments, horizon_s = self._moments(), horizon_ns * 1e-9
        rounds = max(1, math.ceil((horizon_s - moments[0]) / self.period_s)) if self.repeat else 1
        guard(float(len(moments)) * rounds, horizon_ns)
        if moments[0] >= horizon_s:
            raise InvalidInput(f"The first recorded arrival is at {moments[0]:g} s", f"The run ends at {horizon_s:g} s",
                               "Count the times from the first one (from_first = true), or give a longer run")
        begins = np.arange(rounds) * self.period_s
        return in_ns((begins[:, None] + moments).ravel() * 1e9, horizon_ns)

    def _moments(self) -> Floats:
        """The times of the first repetition, s."""
        times = np.array(self.times_s)
        moments: Floats = (times - times[0] if self.from_first else times) / self.speed
        return moments


def _numbers(values: object) -> Floats:
    """The values as an array; raises InvalidInput with the row of the first that is no finite number."""
    rows = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(rows, list | tuple):
        raise InvalidInput(f"times_s of the recorded arrivals is {values!r}", "", "Give a list of numbers")
    for row, value in enumerate(rows, 1):
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise InvalidInput(f"Row {row} of the recorded arrivals is {value!r}", "", "Give a time in s in each row")
    return np.array(rows, np.float64)


def _check_order(times: Floats) -> None:
    """Raise InvalidInput unless the times are in order and none is negative."""
    back = np.flatnonzero(np.diff(times) < 0.0)
    if len(back):
        row = int(back[0]) + 2
        raise InvalidInput(f"Row {row} of the recorded arrivals, {times[row - 1]:g} s, is earlier than the row before, "
                           f"{times[row - 2]:g} s", "Times must be in order", "Sort the rows by time")
    if times[0] < 0.0:
        raise InvalidInput(f"Row 1 of the recorded arrivals is {times[0]:g} s", "It is negative",
                           "Count the times from the begin of the recording")
