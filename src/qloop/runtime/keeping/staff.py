"""The keeper's workers: how many there are, on which nodes, who gets which, and which are renewed in between."""

from __future__ import annotations

import os
import time
from typing import Final

from qloop.model.needs import Share
from qloop.pilots.payload import pack
from qloop.pilots.protocol import Joined, Left, Pilot
from qloop.pilots.spec import PilotSpec
from qloop.runtime.keeping.parties import Attempt, Node, Party, Worker, new_node

_NOBODY: Final = 9


class Staff:
    """The workers of `pilot`, within the bounds of its specification. `ordered`: those that are to come."""

    def __init__(self, pilot: Pilot, spec: PilotSpec) -> None:
        self.workers: dict[str, Worker] = {}
        self.nodes: dict[str, Node] = {}
        self.ordered = self.renewals = 0
        self._pilot, self._spec = pilot, spec

    def joined(self, event: Joined) -> None:
        """A worker is there."""
        node = self.nodes.setdefault(event.node or event.worker, new_node(event))
        node.workers.add(event.worker)
        self.ordered = max(0, self.ordered - 1)
        self.workers[event.worker] = Worker(event, node, time.monotonic(), environments=set(event.environments))

    def left(self, event: Left) -> Worker | None:
        """It is gone; unless it was let go, its pilot replaces it. The worker, if it was known."""
        worker = self.workers.pop(event.worker, None)
        if worker is None:
            return None
        worker.node.workers.discard(event.worker)
        if not worker.node.workers:
            self.nodes.pop(worker.joined.node or event.worker, None)
        self.ordered += not worker.going
        return worker

    def adjust(self, wanted: int) -> None:
        """As many workers as the parties wish together, within bounds; who was idle for long is let go."""
        wish = max(self._spec.least, min(self._spec.most, wanted))
        present = self.present()
        spare = len(present) + self.ordered - wish
        if spare < 0:
            self.ordered -= spare
            self._pilot.grow(-spare)
        if spare <= 0:
            return
        now = time.monotonic()
        idle = sorted((self.workers[name].idle_since, name) for name in present if self.workers[name].free)
        for since, name in idle[:spare]:
            if now - since >= self._spec.keep_alive_s:
                self.workers[name].going = True
                self._pilot.release(name)

    def present(self) -> list[str]:
        """The workers that are there to stay."""
        return [name for name, worker in self.workers.items() if not worker.going]

    def choose(self, party: Party, attempt: Attempt, waiting: int) -> str:
        """The worker for an attempt, "" if none is free that may have it now.

        One of another party is renewed for it, if more attempts are `waiting` than fresh workers are coming.
        """
        best, found = _NOBODY, ""
        for name, worker in self.workers.items():
            if worker.free and worker.node.has_room(attempt.share) and worker.open_to(party):
                rank = _rank(worker, party, attempt)
                if rank < best:
                    best, found = rank, name
            if best == 0:
                break
        if not found or self.workers[found].owner in (None, party):
            return found
        if sum(worker.renewing for worker in self.workers.values()) + self.ordered < waiting:
            self.renew(found)
        return ""

    def has_free(self) -> bool:
        """Whether any worker could be given something."""
        return any(worker.free for worker in self.workers.values())

    def could_hold(self, share: Share) -> bool:
        """Whether an attempt of this share may ever run: on a node that is there, or one that is to come."""
        return bool(self.ordered or not self.nodes) or any(node.holds(share) for node in self.nodes.values())

    def renew(self, name: str) -> None:
        """End this worker's process, on its node: the pilot brings up a fresh one in its place."""
        self.workers[name].renewing = True
        self.renewals += 1
        self._pilot.run(name, f"renewal-{self.renewals}", 1, pack(os._exit, 0))


def _rank(worker: Worker, party: Party, attempt: Attempt) -> int:
    """The one that served the place before, then one of the party, warm ones first, then a fresh one."""
    if worker.owner is party:
        return 0 if worker.place == attempt.place else 1 if attempt.environment in worker.environments else 2
    return 3 if worker.owner is None else 4
