"""How a runtime is set up, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import Limits
from qloop.policies.record import Policy
from qloop.qpus.protocol import LocalQpu
from qloop.runtime.journal.protocol import Store

MEMORY = ":memory:"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime's settings.

    `qpus`: names (see `qloop qpus`) or QPU objects. `policy` (a name or an own record), `placement` and
    `policy_settings`: see `qloop.policies.catalog`. `clock`: "real", "virtual", or how many times as fast as real
    time. `journal`: a file, ":memory:", a store, or None for a file under `.qloop/runs`. `run` with `resume` takes up
    an earlier run. `trace`: whether to record one, or the file to stream it to. `workers`: processes of the local
    pilot. `tenants`: weights by name. `grow`: a session may name any QPU of the catalog, which then joins.
    """

    qpus: Sequence[str | LocalQpu] = ("exact",)
    policy: str | Policy = "efaas"
    placement: str | None = None
    policy_settings: Mapping[str, float] = {}
    clock: str | float = "real"
    seed: int = 0
    journal: str | Path | Store | None = None
    durability: str = "process"
    run: str = ""
    resume: bool = False
    program: str = ""
    trace: bool | str | Path = False
    workers: int = 0
    tenants: Mapping[str, float] = {}
    limits: Limits = Limits()
    grow: bool = False

    def check(self) -> Options:
        """Itself; raises InvalidInput or UnknownName for what cannot work."""
        if not self.qpus:
            raise InvalidInput("A runtime needs at least one QPU", "", "Give qpus=['exact'], for example")
        if not (isinstance(self.seed, int) and 0 <= self.seed < 2**63):
            raise InvalidInput(f"The seed is {self.seed!r}", "", "Give an integer from 0 to 2^63 - 1")
        if not (isinstance(self.workers, int) and 0 <= self.workers <= 1024):
            raise InvalidInput(f"The number of workers is {self.workers!r}", "", "Give an integer from 0 to 1024")
        if self.durability not in ("process", "power"):
            raise UnknownName("durability", self.durability, ("process", "power"))
        for tenant, weight in self.tenants.items():
            if not (isinstance(weight, int | float) and 0.0 < weight < float("inf")):
                raise InvalidInput(f"The weight of tenant {tenant!r} is {weight!r}", "", "Give a number above 0")
        return self

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.policy if isinstance(self.policy, str) else self.policy.name

    def configuration(self) -> dict[str, Any]:
        """What decides a run's course, for provenance and for refusing to resume under another configuration.

        Numbers are floats, so that a run set up with clock=60 is the one that is taken up with clock=60.0.
        """
        clock = self.clock if isinstance(self.clock, str) else str(float(self.clock))
        return {"qpus": [qpu if isinstance(qpu, str) else qpu.describe().name for qpu in self.qpus],
                "policy": self.policy_name, "placement": self.placement or "",
                "settings": {name: float(value) for name, value in self.policy_settings.items()}, "clock": clock,
                "seed": self.seed, "tenants": {tenant: float(weight) for tenant, weight in self.tenants.items()}}
