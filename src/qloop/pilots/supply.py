"""How many workers a pilot shall have, and which allocations are to give them.

Decides when to ask for another allocation and when to give up; talks to nobody but the engine's handle.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from qloop.pilots.allocator import Allotment, Gone
from qloop.pilots.protocol import PilotError

_MOST_FRUITLESS: Final = 3      # allocations in a row that ended before any worker joined
RETURN_S: Final = 60.0          # an agent that was lost may come back for so long: its engine runs it again
_LONGEST_PAUSE_S: Final = 30.0


@dataclass(slots=True)
class Allocation:
    """What was asked for. `here`: agents that are connected; `dismissed`: those that were told to end.

    `lost_at`: when (`time.monotonic`) an agent was lost last; 0 if none was, or one came since.
    """

    name: str
    asked_ns: int
    here: set[str] = field(default_factory=set)
    dismissed: int = 0
    lost_at: float = 0.0
    worked: bool = False


class Engine(Protocol):
    """Where allocations come from."""

    def acquire(self, name: str) -> None:
        """Ask for one."""

    def release(self, name: str) -> None:
        """Give it back."""


class Supply:
    """The allocations of one pilot, `most` at a time. `target`: how many workers there shall be."""

    def __init__(self, name: str, engine: Engine, allotment: Allotment, most: int,
                 return_s: float = RETURN_S) -> None:
        self.allocations: dict[str, Allocation] = {}
        self.target, self.barred, self.hint = 0, "", ""
        self._name, self._engine, self._most = name, engine, most
        self._nodes, self._each = allotment.nodes, allotment.workers or allotment.cores or 1
        self._serial, self._fruitless, self._return_s = 0, 0, return_s
        self._not_before, self._lost = 0.0, False

    def require(self, missing: int) -> None:
        """So many workers are missing that no agent can bring up: acquire what may give them."""
        now = time.monotonic()
        missing -= sum(self._expected(allocation, now) for allocation in self.allocations.values()) * self._each
        while missing > 0 and not self.barred and len(self.allocations) < self._most and now >= self._not_before:
            self._serial += 1
            name = f"{self._name}-{self._serial}"
            self.allocations[name] = Allocation(name, time.monotonic_ns())
            self._engine.acquire(name)
            missing -= self._nodes * self._each

    def came(self, agent: str) -> Allocation:
        """An agent has joined."""
        allocation = self.allocations[agent.partition("/")[0]]
        allocation.here.add(agent)
        allocation.lost_at = 0.0
        return allocation

    def went(self, agent: str, dismissed: bool) -> None:
        """An agent is gone, on purpose or not; with the last one that was dismissed its allocation goes."""
        allocation = self.allocations.get(agent.partition("/")[0])
        if allocation is None:
            return
        allocation.here.discard(agent)
        allocation.dismissed += dismissed
        allocation.lost_at = 0.0 if dismissed else time.monotonic()
        if allocation.dismissed >= self._nodes:
            self.drop(allocation.name)
        elif self._lost and not allocation.here:
            del self.allocations[allocation.name]

    def worked(self, allocation: Allocation) -> None:
        """A worker of it has joined."""
        allocation.worked, self._fruitless, self._not_before = True, 0, 0.0

    def gone(self, told: Gone) -> None:
        """The engine says that an allocation has ended."""
        allocation = self.allocations.pop(told.name, None)
        if allocation is None and not told.final:
            return
        self.hint = told.reason or self.hint
        if allocation is not None and not allocation.worked:
            self._fruitless += 1
            self._not_before = time.monotonic() + min(_LONGEST_PAUSE_S, 0.25 * 2**self._fruitless)
        if told.final or self._fruitless >= _MOST_FRUITLESS:
            self.barred = self.hint or f"{self._fruitless} allocations in a row ended before a worker joined"

    def drop(self, name: str) -> None:
        """This allocation is not wanted any more."""
        if self.allocations.pop(name, None) is not None:
            self._engine.release(name)

    def forget(self) -> None:
        """Give back what has lost its agents and does not get them back."""
        now = time.monotonic()
        for allocation in list(self.allocations.values()):
            if not allocation.here and 0.0 < allocation.lost_at < now - self._return_s:
                self.drop(allocation.name)

    def fail(self, reason: str) -> None:
        """The engine is lost, and all allocations that no agent has joined from."""
        self.barred, self._lost = self.barred or reason, True
        for name in [name for name, held in self.allocations.items() if not held.here]:
            del self.allocations[name]

    def failure(self, agents: Iterable[object]) -> PilotError | None:
        """Why there will be no workers any more, if so."""
        if not self.barred or any(True for _ in agents) or self.allocations:
            return None
        return PilotError(f"The pilot {self._name!r} cannot bring up workers", self.barred)

    def _expected(self, allocation: Allocation, now: float) -> int:
        """How many agents of it may come, or come back."""
        if allocation.lost_at and now - allocation.lost_at > self._return_s:
            return 0
        return max(0, self._nodes - allocation.dismissed - len(allocation.here))
