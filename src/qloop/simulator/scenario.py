"""A scenario: everything that a simulated platform and its load consist of, in one value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput
from qloop.policies import catalog
from qloop.policies.record import Policy
from qloop.simulator.platform.fields import check, choice, number
from qloop.simulator.platform.parts import (
    DAY_S,
    MAX_QPUS,
    Admission,
    Classical,
    Lifetimes,
    QpuKind,
    Retries,
    Tenant,
    Transfer,
)
from qloop.simulator.workload.arrivals import Arrivals, Poisson
from qloop.simulator.workload.sessions import SessionModel

NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A platform, its load, the policy that decides, and how long to look.

    `policy` is a name of the catalog or a record of one's own, with `settings` and a `placement` by name, as live.
    `estimates`: policies are told a task's duration ("exact"), or what the session's earlier ones took on average
    ("learned"). `counting`: "corrected" counts the sessions that arrive after the warm-up; "compatible" counts as the
    paper's program does.

    Raises InvalidInput or UnknownName for anything out of bounds.
    """

    name: str = "scenario"
    policy: str | Policy = "efaas"
    placement: str | None = None
    settings: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    duration_s: float = number(DAY_S, "s", 1e-3, 90 * DAY_S, "How long the platform is looked at")
    warmup_s: float = number(0.0, "s", 0.0, 90 * DAY_S, "Time at the begin that is not measured")
    seed: int = number(0, "", 0, 2**31 - 1, "Names all draws", whole=True)
    arrivals: Arrivals = Poisson(every_s=600.0)
    sessions: SessionModel = SessionModel()
    tenants: tuple[Tenant, ...] = (Tenant(),)
    classical: Classical = Classical()
    qpus: tuple[QpuKind, ...] = (QpuKind(),)
    transfer: Transfer = Transfer()
    lifetimes: Lifetimes = Lifetimes()
    retries: Retries = Retries()
    admission: Admission = Admission()
    error_per_qubit: float = number(0.0, "nat", 0.0, 1e3, "Loss -ln ESP of a session's circuit, for each of its qubits")
    estimates: str = choice("exact", ("exact", "learned"), "What policies are told of a task's duration")
    counting: str = choice("corrected", ("corrected", "compatible"), "Which sessions are measured")

    def __post_init__(self) -> None:
        check(self, "scenario")
        for noun, kind in (("tenants", Tenant), ("qpus", QpuKind)):
            given = getattr(self, noun)
            if not isinstance(given, tuple) or not all(isinstance(one, kind) for one in given):
                raise InvalidInput(f"scenario.{noun} is {given!r}", f"It is a tuple of {kind.__name__}",
                                   f"Give ({kind.__name__}(...),): with the comma, also for one")
        if self.warmup_s >= self.duration_s:
            raise InvalidInput(f"The warm-up of {self.warmup_s:g} s does not end before the run, after "
                               f"{self.duration_s:g} s", "Nothing would be measured", "Give a shorter warm-up")
        if not self.tenants or not self.qpus:
            raise InvalidInput("A scenario has at least one tenant and one QPU", "", "Leave them out for the default")
        if self.n_qpus > MAX_QPUS:
            raise InvalidInput(f"There are {self.n_qpus} QPUs", "", f"Give at most {MAX_QPUS} in all")
        for noun, names in (("tenant", [t.name for t in self.tenants]), ("QPU kind", [k.name for k in self.qpus])):
            if len(set(names)) < len(names):
                raise InvalidInput(f"Two of the {noun}s have one name", ", ".join(names), "Give each a name of its own")
        if math.isinf(self.duration_s):
            raise InvalidInput("The duration is infinite", "", "Give one that ends")
        self.order()

    def __reduce__(self) -> tuple[Any, ...]:
        # a read-only mapping cannot be pickled, its items can
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return _rebuilt, ({**values, "settings": dict(self.settings)},)

    @property
    def n_qpus(self) -> int:
        """How many QPUs there are."""
        return sum(kind.count for kind in self.qpus)

    def order(self) -> Policy:
        """The policy's record, with its placement and settings."""
        if isinstance(self.policy, Policy):
            return self.policy
        settings: dict[str, float] = dict(self.settings)
        return catalog.policy(self.policy, self.placement, extra=catalog.NO_EXTRA, **settings)


def _rebuilt(values: dict[str, Any]) -> Scenario:
    """The scenario of a pickle."""
    return Scenario(**{**values, "settings": MappingProxyType(values["settings"])})
