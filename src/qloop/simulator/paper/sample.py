"""What is kept of the replications of a point: every admitted session, arrivals and refusals by the hour, averages.

It is enough to count in any way afterwards: from any warm-up on, up to any shorter run (a run of one day is the first
day of a run of seven, since every draw has a name), with the unfinished sessions or without.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.paper import memory as mem
from qloop.simulator.paper.measurements import Measured, shipped
from qloop.simulator.paper.model import HOUR_S, PlatformModel
from qloop.simulator.paper.run import Floats, Ints, Outcome, replicate

OPEN = -1       # the time of a session that was unfinished at the end of the run


@dataclass(frozen=True, slots=True)
class Row:
    """One replication.

    `arrived` and `refused` count sessions by the hour of arrival. `arrival_ns`, `time_ns` (OPEN if unfinished), `size`
    and `priority` are those of the admitted sessions. `active` are averages after the warm-up (classical tasks,
    waiting, running quantum tasks, busy workers), `widest` the most open sessions, `cpu_s` what the run took.
    """

    arrived: Ints
    refused: Ints
    arrival_ns: Ints
    time_ns: Ints
    size: Ints
    priority: Ints
    active: Floats
    widest: int
    events: int
    cpu_s: float


@dataclass(frozen=True)
class Sample:
    """The replications 0, 1, ... of a model and a seed, in order."""

    model: PlatformModel
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all replications."""
        return sum(row.cpu_s for row in self.rows)

    @property
    def hours(self) -> int:
        """Length of the run in hours, begun ones included."""
        return hours_of(self.model)

    @cached_property
    def arrived(self) -> Ints:
        """Arrivals by replication and hour."""
        return np.array([row.arrived for row in self.rows])

    @cached_property
    def refused(self) -> Ints:
        """Refusals by replication and hour."""
        return np.array([row.refused for row in self.rows])

    @cached_property
    def replication(self) -> Ints:
        """The replication of each admitted session."""
        return np.repeat(np.arange(len(self.rows)), [len(row.time_ns) for row in self.rows])

    def column(self, name: str) -> Ints:
        """A column of all admitted sessions: arrival_ns, time_ns, size or priority."""
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, Ints]:
        return {name: np.concatenate([getattr(row, name) for row in self.rows])
                for name in ("arrival_ns", "time_ns", "size", "priority")}

    def drops(self, since_h: int = 0, until_h: int | None = None) -> Floats:
        """The part of the arrivals in these hours that was refused, by replication."""
        came = self.arrived[:, since_h:until_h].sum(axis=1)
        gone = self.refused[:, since_h:until_h].sum(axis=1)
        return np.asarray(gone / np.maximum(came, 1), np.float64)

    def finished(self, counting: str = "compatible") -> NDArray[np.bool_]:
        """The admitted sessions whose time counts (see `PlatformModel.counting`)."""
        arrival, took, warm = self.column("arrival_ns"), self.column("time_ns"), round(self.model.warmup_s * 1e9)
        since = arrival + took if counting == "compatible" else arrival
        return np.asarray((took != OPEN) & (since >= warm))

    def times_s(self, chosen: NDArray[np.bool_]) -> Floats:
        """The execution times of some of the finished sessions."""
        return np.asarray(self.column("time_ns")[chosen] * 1e-9, np.float64)

    def unfinished(self) -> NDArray[np.bool_]:
        """The admitted sessions that arrived after the warm-up and were open at the end of the run."""
        late = self.column("arrival_ns") >= round(self.model.warmup_s * 1e9)
        return np.asarray((self.column("time_ns") == OPEN) & late)

    def ages_s(self) -> Floats:
        """How long each admitted session had been in the system at the end of the run, if it was still in it."""
        return np.asarray((round(self.model.duration_s * 1e9) - self.column("arrival_ns")) * 1e-9, np.float64)

    @cached_property
    def outcome(self) -> Outcome:
        """The compatible counting: refusals from time 0, every session that ends after the warm-up."""
        chosen = self.finished()
        active = np.array([row.active for row in self.rows])
        open_now = np.bincount(self.replication[self.column("time_ns") == OPEN], minlength=len(self.rows))
        return Outcome(self.model, self.drops(), active, open_now, self.times_s(chosen),
                       self.column("size")[chosen], self.column("priority")[chosen], self.replication[chosen])


def hours_of(model: PlatformModel) -> int:
    """Length of a run in hours, begun ones included; the warm-up must be whole hours."""
    if model.warmup_s % HOUR_S:
        raise InvalidInput(f"The warm-up of {model.warmup_s:g} s is not whole hours", "Refusals are kept by the hour",
                           "Give whole hours")
    return int(-(-model.duration_s // HOUR_S))


def observe(model: PlatformModel, seed: int, numbers: Sequence[int]) -> list[Row]:
    """Run the replications of these numbers; raises AssertionError if time or sessions are not conserved."""
    measured = _known(model.sizes)
    rows = []
    for number in numbers:
        before = time.process_time()
        found = replicate(model, number, seed, measured)
        wrong = {what: by for what, by in found.imbalance().items() if by}
        if wrong:
            raise AssertionError(f"replication {number} of seed {seed} loses {wrong}")
        arrival, end = found.sessions.arrival_ns, found.end_ns
        hour = (arrival // round(HOUR_S * 1e9)).astype(np.int64)
        inside, hours = end != mem.REFUSED, hours_of(model)
        took = np.where(end == mem.UNFINISHED, OPEN, end - arrival)
        rows.append(Row(np.bincount(hour, minlength=hours), np.bincount(hour[~inside], minlength=hours),
                        arrival[inside], took[inside], found.sessions.size[inside], found.sessions.priority[inside],
                        found.mean_active(), found.widest, found.events, time.process_time() - before))
    return rows


@cache
def _known(sizes: tuple[int, ...]) -> Mapping[int, Measured]:
    """The measurements, read once in a process: reading them takes as long as two replications."""
    return shipped(sizes)
