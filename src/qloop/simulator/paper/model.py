"""The parameters of the paper's platform, each with its unit and its bounds, and the scenarios of its Table 2."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.policies import catalog
from qloop.policies.record import Policy

DAY_S, HOUR_S = 86_400.0, 3_600.0
# Times are float64 in some heaps of the kernel, which is exact below 2^53 ns, 104 days.
BOUNDS = MappingProxyType({
    "workers": ("", 1, 100_000), "capacity": ("operations/s", 1.0, 1e15), "qpus": ("", 1, 100_000),
    "max_classical": ("", 1, 1_000_000), "max_quantum": ("", 1, 1_000_000), "interarrival_s": ("s", 1e-6, 1e7),
    "duration_s": ("s", 1e-3, 90 * DAY_S), "warmup_s": ("s", 0.0, 90 * DAY_S),
})
WHOLE = frozenset({"workers", "qpus", "max_classical", "max_quantum"})
CHOICES = MappingProxyType({"admission": ("compatible", "paper"), "counting": ("compatible", "corrected")})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformModel:
    """A platform and its load.

    `workers` C of `capacity` S operations/s share the classical tasks; `qpus` Q run quantum tasks in the order of
    `policy`. A session arrives every `interarrival_s` on average (Poisson, the first at 0), of a size (qubits) and a
    priority drawn uniformly. `admission`: "compatible" refuses when the classical tasks have reached `max_classical`
    or the waiting quantum tasks `max_quantum`, as the paper's program does; "paper" when the classical tasks exceed
    the one or the quantum tasks, waiting and running, the other. `counting`: "compatible" counts refusals from time 0
    and every session that ends after the warm-up; "corrected" counts sessions that arrive after the warm-up, and says
    how many of them are unfinished. `joint` draws the values of a session from one experiment.

    Raises InvalidInput or UnknownName for anything out of bounds.
    """

    workers: int = 1
    capacity: float = 1e9
    qpus: int = 4
    max_classical: int = 40
    max_quantum: int = 40
    interarrival_s: float = 600.0
    sizes: tuple[int, ...] = (4, 6, 8, 10)
    priorities: tuple[int, ...] = (1, 2, 4)
    policy: str | Policy = "fifo"
    duration_s: float = 7 * DAY_S
    warmup_s: float = 12 * HOUR_S
    admission: str = "compatible"
    counting: str = "compatible"
    joint: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in BOUNDS:
                check(field.name, getattr(self, field.name))
        for name, valid in CHOICES.items():
            if getattr(self, name) not in valid:
                raise UnknownName(name, getattr(self, name), valid)
        for name in ("sizes", "priorities"):
            check_list(name, getattr(self, name))
        if self.warmup_s >= self.duration_s:
            raise InvalidInput(f"The warm-up of {self.warmup_s:g} s does not end before the run, after "
                               f"{self.duration_s:g} s", "Nothing would be measured", "Give a shorter warm-up")
        self.order()

    def order(self) -> Policy:
        """The record of the policy."""
        return self.policy if isinstance(self.policy, Policy) else catalog.policy(self.policy)


def check(name: str, value: Any) -> None:
    """Raise InvalidInput unless the value is a number within its bounds."""
    unit, least, most = BOUNDS[name]
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not least <= value <= most:
        raise InvalidInput(f"{name} is {value!r}", "", f"Give a number from {least:g} to {most:g} {unit}".rstrip())
    if name in WHOLE and int(value) != value:
        raise InvalidInput(f"{name} is {value!r}", "It counts things", "Give a whole number")


def check_list(name: str, values: Any) -> None:
    """Raise InvalidInput unless these are some positive whole numbers."""
    good = isinstance(values, tuple) and values and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1_000_000 for value in values)
    if not good:
        raise InvalidInput(f"{name} is {values!r}", "", "Give a tuple of positive whole numbers, such as (4, 6, 8)")


def small(policy: str | Policy = "fifo", **changes: Any) -> PlatformModel:
    """The small scenario: sizes 4 to 10, three priorities, any policy."""
    return PlatformModel(**{"policy": policy, **changes})


def big_quantum(qpus: int, interarrival_s: float, **changes: Any) -> PlatformModel:
    """A point of the Q study of the big scenario: sizes 4 to 24, policy random, quantum resources scarce."""
    return PlatformModel(**{"qpus": qpus, "interarrival_s": interarrival_s, "policy": "random", "priorities": (1,),
                            "sizes": (4, 8, 12, 16, 20, 24), **changes})


def big_classical(workers: int, interarrival_s: float, days: float = 1.0, **changes: Any) -> PlatformModel:
    """A point of the C study: workers a hundred times slower. One day has 1 h of warm-up, as the authors' script has;
    seven days have the 12 h of their Table 2.
    """
    warmup_s = HOUR_S if days <= 1.0 else 12 * HOUR_S
    return big_quantum(4, interarrival_s, **{"workers": workers, "capacity": 1e7, "duration_s": days * DAY_S,
                                             "warmup_s": warmup_s, **changes})
