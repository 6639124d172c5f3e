"""A policy: a record of small functions that decide, with the settings they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from qloop.policies.columns import Row, Table

Enter: TypeAlias = Callable[[Table, Table, Table, Row, int, float, float], float]
Pick: TypeAlias = Callable[[Table, Table, Table, Row, Sequence[int], int, float, float], int]
Note: TypeAlias = Callable[[Table, Table, Table, Row, int, int, float], None]
Place: TypeAlias = Callable[[Table, Table, Table, Row, int, int, float], float]
Switch: TypeAlias = Callable[[Table, Table, Table, Row, Sequence[int], int, int, float], int]
Quiet: TypeAlias = Callable[[Table, Table, Row, int, float], float]

NOTHING: Mapping[int, float] = MappingProxyType({})


def nothing(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Nothing to note."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Five functions (and an optional sixth) over caller-owned rows, and what the host must know of them.

    `enter(tasks, flows, qpus, totals, i, now, u) -> key`: task i became ready; fixes its class and its key.
    `pick(tasks, flows, qpus, totals, heads, qpu, now, u) -> lane | HOLD | SCAN`: the QPU is free; `heads` holds the
    first task of each lane (-1: none). If the picked head must not leave another QPU's lane, `pick` is asked again,
    with that lane empty or showing a later task.
    `start(..., i, qpu, now)` and `finish(..., i, qpu, now)`: the task began; it left (qpu -1: it never began).
    `place(..., i, qpu, now) -> seconds`: what running task i there costs beyond waiting; inf: not eligible.
    `scan(tasks, flows, qpus, totals, entries, qpu, now, u) -> index | HOLD`: choose among the first entries of a lane.

    `classes` is the number of lanes of each QPU, or of the whole platform if `shared`. `enter_draws` and `pick_draws`
    say which of them reads `u` (uniform in [0, 1)).

    `switch(tasks, flows, qpus, totals, heads, i, qpu, now) -> lane | HOLD`: task i has come to the end of a chunk on
    this QPU; the lane whose head takes its place (`pause(..., i, qpu, now)`: it stands aside, and will be started
    again), or HOLD: it goes on. Without `switch` tasks run to their end.

    A speculative task runs only where the policy starts no other task, and gives way to any: `guess` (as `enter`) gives
    it a key, the smallest first; `guess_end` (as `finish`) is told that its run is over. Without `guess` none is taken.

    `quiet_until(flows, qpus, totals, qpu, now) -> seconds`: a calibration that is due on this QPU waits until then
    (-inf: not at all); it is asked again then and after every event. `stateless`: nothing is kept between two tasks of
    a session, neither containers nor what QPUs had compiled and loaded for it. `fair_pool`: classical tasks wait for
    workers in the order of `policies/pool.py`; else first come, first served.
    """

    name: str
    enter: Enter
    pick: Pick
    start: Note
    finish: Note
    place: Place
    scan: Pick | None = None
    classes: int = 1
    shared: bool = False
    enter_draws: bool = False
    pick_draws: bool = False
    guess: Enter | None = None
    guess_end: Note = nothing
    quiet_until: Quiet | None = None
    switch: Switch | None = None
    pause: Note = nothing
    stateless: bool = False
    fair_pool: bool = False
    settings: Mapping[int, float] = field(default_factory=lambda: NOTHING)

    def __reduce__(self) -> tuple[Any, ...]:
        # a read-only mapping cannot be pickled, its items can
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return _rebuilt, ({**values, "settings": dict(self.settings)},)

    def lanes(self, n_qpus: int) -> int:
        """How many lanes a platform of `n_qpus` QPUs has under this policy."""
        return self.classes if self.shared else self.classes * n_qpus

    def lane(self, bound: int, class_: int) -> int:
        """The lane of a task bound to QPU `bound` in class `class_`."""
        return class_ if self.shared else bound * self.classes + class_

    def with_settings(self, changes: Mapping[int, float]) -> Policy:
        """The same policy with some settings changed."""
        return replace(self, settings=MappingProxyType({**self.settings, **changes}))

    def with_placement(self, place: Place, settings: Mapping[int, float] = NOTHING) -> Policy:
        """The same order of service with another placement and its settings."""
        return replace(self, place=place, settings=MappingProxyType({**self.settings, **settings}))


def _rebuilt(values: dict[str, Any]) -> Policy:
    """The policy of a pickle."""
    return Policy(**{**values, "settings": MappingProxyType(values["settings"])})
