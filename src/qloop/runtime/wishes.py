"""What a session is opened with, and how its owner sees it."""

from __future__ import annotations

import msgspec

from qloop.model.cost import Cost


class SessionWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is opened with; TTLs in seconds, 0 for the limits' defaults; `qpu` pins all its tasks.

    `budget`: a text such as "50 USD", "600 s" or "10000 shots"; empty: as it was opened before, or none. `project`: for
    what it is accounted.
    """

    name: str = ""
    tenant: str = "default"
    weight: float = 1.0
    seed: int | None = None
    qpu: str = ""
    shots: int = 0
    interactive_ttl_s: float = 0.0
    max_ttl_s: float = 0.0
    kind: str = "loop"
    optimum: float | None = None
    budget: str = ""
    project: str = ""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its owner sees it; `cost` is all that it has spent, in this life and earlier ones, in `calls`."""

    id: str
    name: str
    tenant: str
    state: str
    seed: int
    clock: str
    results: int
    shots: int
    resumed: int
    qpu: str
    simulators: tuple[str, ...] = ()
    calls: int = 0
    cost: Cost = Cost()
    budget: str = ""
    project: str = ""
