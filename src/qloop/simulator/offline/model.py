"""Instances of the offline problem, and the constraints that a schedule of one must meet, as pure functions.

Section II.B of the paper: session i arrives at t_i and has tasks j = 1 .. n_i that run one after the other, each
classical or quantum and of a known length tau_ij, without interruption. A schedule is the activation times a_ij. At
most C classical and Q quantum tasks run together. The paper counts a task as running at both its ends, a_hk <= a_ij <=
a_hk + tau_hk; read so, no task may begin at the moment at which another ends, which no platform asks for. Here a task
runs from its begin to its end, the end not included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qloop.errors import InvalidInput

Starts: TypeAlias = Sequence[Sequence[int]]
LONGEST = 1 << 52       # ns, 52 days: sums of delays of some hundred sessions stay within 64 bits


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a session: on a QPU or on a worker, for `length` ns."""

    quantum: bool
    length: int


@dataclass(frozen=True, slots=True)
class Instance:
    """Sessions that arrive at `arrival` (ns) with their `tasks` in order, on `workers` C and `qpus` Q.

    Raises InvalidInput for a session without tasks, negative or fractional times, no workers or QPUs.
    """

    arrival: tuple[int, ...]
    tasks: tuple[tuple[Task, ...], ...]
    workers: int
    qpus: int

    def __post_init__(self) -> None:
        if len(self.arrival) != len(self.tasks):
            raise InvalidInput(f"{len(self.arrival)} arrivals were given for {len(self.tasks)} sessions", "",
                               "Give one arrival and one list of tasks for each session")
        for name, count in (("workers", self.workers), ("qpus", self.qpus)):
            if not _whole(count) or count < 1:
                raise InvalidInput(f"{name} is {count!r}", "", "Give a whole number of at least 1")
        if not all(self.tasks):
            raise InvalidInput(f"Session {self.tasks.index(())} has no tasks", "Its delay has no end",
                               "Give each session at least one task")
        times = [*self.arrival, *(task.length for session in self.tasks for task in session)]
        for time in times:
            if not _whole(time) or time < 0:
                raise InvalidInput(f"A time is {time!r}", "Times are whole nanoseconds",
                                   "Give whole numbers that are not negative")
        if sum(times) > LONGEST:
            raise InvalidInput(f"The times of this instance sum to {sum(times):.3g} ns", "", "Give at most 52 days")

    def places(self, quantum: bool) -> int:
        """How many tasks of this kind may run together."""
        return self.qpus if quantum else self.workers


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def each(instance: Instance, starts: Starts) -> Iterator[tuple[int, int, Task, int]]:
    """All tasks: session, number within it (both from 0), the task, and its activation time."""
    for i, session in enumerate(instance.tasks):
        for j, task in enumerate(session):
            yield i, j, task, starts[i][j]


def delays(instance: Instance, starts: Starts) -> tuple[int, ...]:
    """delta_i: from a session's arrival to the end of its last task, in ns."""
    return tuple(starts[i][-1] + session[-1].length - instance.arrival[i]
                 for i, session in enumerate(instance.tasks))


def running_with(instance: Instance, starts: Starts, moment: int, quantum: bool) -> int:
    """How many tasks of a kind run at a moment: the sum over h, k of the paper's indicator."""
    return sum(begin <= moment < begin + task.length
               for _, _, task, begin in each(instance, starts) if task.quantum == quantum)


def violations(instance: Instance, starts: Starts) -> list[str]:
    """Every constraint of equation (2) that these activation times break, said in words; none for a schedule."""
    shape = [len(session) for session in instance.tasks]
    if [len(session) for session in starts] != shape:
        return [f"the schedule has {[len(session) for session in starts]} tasks, the instance {shape}"]
    return [*_out_of_order(instance, starts), *_crowded(instance, starts)]


def _out_of_order(instance: Instance, starts: Starts) -> Iterator[str]:
    """a_i1 >= t_i, and a_ij >= a_i(j-1) + tau_i(j-1)."""
    for i, j, _, begin in each(instance, starts):
        if j == 0 and begin < instance.arrival[i]:
            yield f"session {i} begins at {begin}, before it arrives at {instance.arrival[i]}"
        if j > 0 and begin < (end := starts[i][j - 1] + instance.tasks[i][j - 1].length):
            yield f"task {j} of session {i} begins at {begin}, task {j - 1} ends at {end}"


def _crowded(instance: Instance, starts: Starts) -> Iterator[str]:
    """At each activation no more than C classical and Q quantum tasks run."""
    for i, j, task, begin in each(instance, starts):
        kind, places = ("quantum" if task.quantum else "classical"), instance.places(task.quantum)
        if (found := running_with(instance, starts, begin, task.quantum)) > places:
            yield f"{found} {kind} tasks run when task {j} of session {i} begins, with {places} places"
