"""What can happen to the engine from its pilots and their workers; part of the union in `qloop.model.events`."""

from __future__ import annotations

import msgspec

from qloop.model.needs import Capacity


class PilotSet(msgspec.Struct, frozen=True, tag=True):
    """A pilot is there, or has other bounds from now on: `least` to `most` workers.

    `node` is what its largest node gives to the `workers_per_node` workers on it. A worker is expected `cold_s` after
    it was ordered, until that was measured; an idle one is let go after `keep_alive_ns`.
    """

    pilot: str
    kind: str = "local"
    least: int = 1
    most: int = 1
    node: Capacity = Capacity(1)
    workers_per_node: int = 1
    cold_s: float = 1.0
    keep_alive_ns: int = 60_000_000_000


class PilotFailed(msgspec.Struct, frozen=True, tag=True):
    """A pilot cannot bring up workers any more; what only it could run fails."""

    pilot: str
    reason: str = ""


class WorkerJoined(msgspec.Struct, frozen=True, tag=True):
    """A worker offers `cores` slots and has these environments warm, `startup_ns` after it was ordered of `pilot`.

    It shares `capacity` with the other workers on its `node`; "" and None: a node of its own, with its cores.
    """

    worker: str
    cores: int = 1
    environments: tuple[str, ...] = ()
    pilot: str = ""
    node: str = ""
    capacity: Capacity | None = None
    startup_ns: int = 0


class WorkerLeft(msgspec.Struct, frozen=True, tag=True):
    """A worker is gone; what it ran is lost. `unbegun`: those of its tasks whose function was not called yet."""

    worker: str
    reason: str = ""
    unbegun: tuple[str, ...] = ()
