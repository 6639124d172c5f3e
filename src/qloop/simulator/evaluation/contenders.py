"""Who is compared: policies of the catalog by name, with the settings and the profile under which each runs.

A name that the catalog does not have (yet) is left out and told; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType

from qloop.policies import catalog
from qloop.policies.columns import AGING, TTL_HOT
from qloop.policies.record import Policy

EFAAS, FIFO, FAAS = "efaas", "fifo", "faas"
MAIN = (FIFO, FAAS, "reservation", "session", "pilot", EFAAS)
REST = ("fairshare", "batch", "sjf", "easy", "lottery", "sfq", "drfq", "paper_score", "efaas_expected")
OURS = frozenset({EFAAS, "efaas_expected"})
BASELINES = tuple(name for name in (*MAIN, *REST) if name not in OURS)
ALIASES: Mapping[str, str] = MappingProxyType({"lottery": "weighted"})     # what the catalog calls it
# settings of efaas that are compared wherever all policies are
VARIANTS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "efaas-no-chunks": MappingProxyType({"chunk_s": 0.0}), "efaas-chunks-1": MappingProxyType({"chunk_s": 1.0}),
    "efaas-anticipating": MappingProxyType({"anticipate": 1.0})})
# parts of efaas that do nothing here: workers are never short, and no loop speculates
IDLE_PARTS = frozenset({"efaas-no-pool", "efaas-no-speculation"})
ABLATED = "efaas-no-"       # how the catalog names efaas without one of its parts
HOLDING = frozenset({"reservation", "session", "pilot"})

PHIS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8)
T_S = (10.0, 60.0, 300.0)
CHUNKS = (0.0, 0.5)
# the constants that are ours, each with the values that it is tried at (policies/catalog.py has the default)
CONSTANTS: Mapping[str, tuple[float, ...]] = MappingProxyType({
    "lambda_fidelity": (0.0, 2.0, 5.0, 15.0, 60.0, 240.0), "lambda_epoch": (0.0, 0.1, 0.3, 1.0, 3.0, 10.0),
    "aging": (5.0, 15.0, 30.0, 60.0, 120.0, 300.0), "phi": (0.0, 0.1, 0.2, 0.4, 0.6, 0.8),
    "ttl_hot": (0.0, 2.0, 5.0, 15.0, 60.0, 300.0), "hysteresis": (0.0, 0.1, 0.3, 1.0, 2.0, 4.0),
    "chunk_s": (0.0, 0.25, 0.5, 1.0, 2.0), "anticipate": (0.0, 0.25, 0.5, 1.0)})


@dataclass(frozen=True, slots=True)
class Contender:
    """A policy under a name of its own, with settings and a placement."""

    name: str
    policy: str
    settings: Mapping[str, float] = field(default_factory=dict)     # a dict: it is sent to other processes
    placement: str | None = None

    def record(self) -> Policy:
        """The policy's record."""
        return catalog.policy(self.policy, self.placement, extra=catalog.NO_EXTRA, **dict(self.settings))

    @property
    def holds(self) -> bool:
        """Whether a session keeps its QPU while it thinks."""
        return self.policy in HOLDING

    def setting(self, column: int) -> float:
        """A setting of its record; nan if it has none."""
        return float(self.record().settings.get(column, float("nan")))

    @property
    def aging(self) -> float:
        """T_s, nan without."""
        return self.setting(AGING)

    @property
    def ttl_hot(self) -> float:
        """How long a loop stays HOT, nan without."""
        return self.setting(TTL_HOT)


def main() -> tuple[Contender, ...]:
    """The six that meet every cell, as far as the catalog has them."""
    return tuple(found for name in MAIN if (found := named(name)) is not None)


def rest() -> tuple[Contender, ...]:
    """All others that the catalog has, without the parts of efaas."""
    return tuple(found for name in REST if (found := named(name)) is not None)


def named(name: str) -> Contender | None:
    """A contender by the name of its policy; None if the catalog lacks it."""
    policy = ALIASES.get(name, name)
    return Contender(name, policy) if policy in catalog.builtin() else None


def missing() -> tuple[str, ...]:
    """The names of the comparison that the catalog does not have."""
    return tuple(name for name in (*MAIN, *REST) if named(name) is None)


def variants() -> tuple[Contender, ...]:
    """efaas with other settings of its own."""
    return tuple(Contender(name, EFAAS, dict(settings)) for name, settings in VARIANTS.items())


def ablations() -> tuple[Contender, ...]:
    """efaas, and efaas without one of its parts, as the catalog has them, and without chunks."""
    parts = sorted(name for name in catalog.builtin() if name.startswith(ABLATED) and name not in IDLE_PARTS)
    return (*(Contender(name, name) for name in (EFAAS, *parts)), variants()[0])


def frontier(phis: Iterable[float] = PHIS, aging: Iterable[float] = T_S,
             chunks: Iterable[float] = CHUNKS) -> Iterator[Contender]:
    """efaas over phi and T_s, without chunks and with them."""
    for chunk, phi, t_s in product(chunks, phis, aging):
        yield Contender(f"phi {phi:g}, T_s {t_s:g} s, chunks {chunk:g} s", EFAAS,
                        {"phi": phi, "aging": t_s, "chunk_s": chunk})


def sensitivity() -> Iterator[tuple[str, float, Contender]]:
    """(constant, value, efaas with it) for every constant that the catalog knows."""
    for constant, values in CONSTANTS.items():
        if constant in catalog.SETTINGS:
            for value in values:
                yield constant, value, Contender(f"{constant} {value:g}", EFAAS, {constant: value})


def untried() -> tuple[str, ...]:
    """Constants that the catalog does not know (yet)."""
    return tuple(constant for constant in CONSTANTS if constant not in catalog.SETTINGS)


def default(constant: str) -> float:
    """The value of a constant that efaas has by default; nan if it has none."""
    return float(catalog.policy(EFAAS).settings.get(catalog.SETTINGS[constant], float("nan")))
