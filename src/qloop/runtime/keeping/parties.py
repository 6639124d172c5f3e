"""What a keeper knows of the runtimes that are connected, of what they want to have run, and of its pilot's workers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from qloop.model.needs import Capacity, Share
from qloop.pilots.messages import Report
from qloop.pilots.protocol import Joined

PASSED_S = 10.0     # an attempt that found no room for so long is passed over by no other
HOLD_S = 0.5        # a runtime that has more to run keeps a process for so long: to renew it takes time


@dataclass(slots=True)
class Attempt:
    """What a party wants to have run, from its arrival to its end. `party` None: who wanted it has gone."""

    party: Party | None
    place: str
    task: str
    attempt: int
    environment: str
    limit_s: float
    share: Share
    payload: bytes
    since: float = field(default_factory=time.monotonic)
    worker: str = ""
    node: Node | None = None
    taken: Share | None = None


@dataclass(slots=True, eq=False)
class Party:
    """A runtime that is connected. `tell` sends it a report; `orders_ns`: since when it waits for each worker to come.

    A worker as a party sees it is a place in the line; `places` says what each is to run. `turn`: when the party was
    served last, as a number that grows.
    """

    serial: int
    tell: Callable[[Report], None]
    wanted: int = 0
    places: dict[str, Attempt | None] = field(default_factory=dict)
    waiting: deque[Attempt] = field(default_factory=deque)
    orders_ns: deque[int] = field(default_factory=deque)
    running: int = 0
    turn: int = 0
    named: int = 0
    ended: int = 0


@dataclass(slots=True)
class Node:
    """What is free on a node. Memory is not counted where the node does not tell how much it has."""

    capacity: Capacity
    cores: int
    memory: int
    gpus: list[str]
    workers: set[str] = field(default_factory=set)

    def holds(self, share: Share) -> bool:
        """Whether an attempt of this share could begin here if nothing else ran."""
        whole = self.capacity
        enough = whole.memory_bytes == 0 or share.memory_bytes <= whole.memory_bytes
        return enough and share.cores <= whole.cores and self._counted(share) <= len(whole.gpus)

    def has_room(self, share: Share) -> bool:
        """Whether it can begin here now."""
        enough = self.capacity.memory_bytes == 0 or share.memory_bytes <= self.memory
        return enough and share.cores <= self.cores and self._counted(share) <= len(self.gpus)

    def take(self, share: Share) -> Share:
        """The share as it is here: as many GPUs, of those that are free; ids that are not of here stay as they are."""
        counted = self._counted(share)
        gpus = tuple(self.gpus[:counted]) if counted else share.gpus
        del self.gpus[:counted]
        self.cores -= share.cores
        self.memory -= share.memory_bytes
        return Share(share.cores, share.memory_bytes, gpus, share.ranks)

    def _counted(self, share: Share) -> int:
        """How many GPUs it takes from this node."""
        return len(share.gpus) if set(share.gpus) & set(self.capacity.gpus) else 0

    def give_back(self, share: Share) -> None:
        """It is free again."""
        self.cores += share.cores
        self.memory += share.memory_bytes
        self.gpus.extend(gpu for gpu in share.gpus if gpu in self.capacity.gpus)
        self.gpus.sort(key=self.capacity.gpus.index)


@dataclass(slots=True)
class Worker:
    """A worker of the pilot. `owner`: whose tasks its process has run `since` then (None: nobody's, it is fresh), and
    the last one for which `place`. `going`: it is let go; `renewing`: its process ends so that a fresh one comes.
    """

    joined: Joined
    node: Node
    idle_since: float
    owner: Party | None = None
    since: float = 0.0
    place: str = ""
    attempt: Attempt | None = None
    environments: set[str] = field(default_factory=set)
    going: bool = False
    renewing: bool = False

    @property
    def free(self) -> bool:
        """Whether it can be given something."""
        return self.attempt is None and not self.going and not self.renewing

    def open_to(self, party: Party) -> bool:
        """Whether this party may have it now."""
        owner = self.owner
        return owner in (None, party) or not owner.waiting or time.monotonic() - self.since >= HOLD_S


def new_node(event: Joined) -> Node:
    """The node of a worker that joined; one that names none has a node of its own."""
    capacity = event.capacity or Capacity(event.cores)
    return Node(capacity, capacity.cores, capacity.memory_bytes, list(capacity.gpus))
