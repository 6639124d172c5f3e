"""Which platforms may be chosen, and what they cost: ranges of QPUs, workers and speeds, and prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.units import quantity

if TYPE_CHECKING:
    from qloop.simulator.scenario import Scenario

RANGE = re.compile(r"\s*(\d+)\s*\.\.\s*(\d+)\s*")
MOST_VALUES, MOST_POINTS = 100_000, 10_000_000
REFERENCE = 1e9
NO_PRICES: Mapping[float, float] = MappingProxyType({})


class Point(NamedTuple):
    """A platform: workers C, their speed S in operations/s, and QPUs Q."""

    workers: int
    speed: float
    qpus: int

    def within(self, other: Point) -> bool:
        """Whether it has at most as much of everything."""
        return self.workers <= other.workers and self.speed <= other.speed and self.qpus <= other.qpus

    def __str__(self) -> str:
        return f"C = {self.workers}, S = {self.speed:g}, Q = {self.qpus}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that may be chosen of each, in order of size."""

    workers: tuple[int, ...]
    speeds: tuple[float, ...]
    qpus: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("workers", "speeds", "qpus"):
            values = tuple(sorted(set(getattr(self, name))))
            if not values or values[0] <= 0:
                raise InvalidInput(f"The {name} to choose from are {values or 'none'}", "", "Give at least one above 0")
            object.__setattr__(self, name, values)
        points = len(self.workers) * len(self.speeds) * len(self.qpus)
        if points > MOST_POINTS:
            raise InvalidInput(f"There are {points:,} platforms to choose from", "",
                               f"Narrow the ranges to at most {MOST_POINTS:,}")

    @property
    def largest(self) -> Point:
        """The most of everything."""
        return Point(self.workers[-1], self.speeds[-1], self.qpus[-1])

    def __len__(self) -> int:
        return len(self.workers) * len(self.speeds) * len(self.qpus)


@dataclass(frozen=True, slots=True)
class CapacityPrices:
    """Money per second of having a QPU, and a worker of 10^9 operations/s; faster ones cost in proportion to speed.

    `by_speed` gives prices of workers by their speed instead. All is paid whether it works or not.
    """

    qpu: float = 1.0
    worker: float = 0.001
    by_speed: Mapping[float, float] = field(default_factory=lambda: NO_PRICES)

    def per_hour(self, point: Point) -> float:
        """What the platform costs in an hour; UnknownName for a speed without a price."""
        worker = self.worker * point.speed / REFERENCE
        if self.by_speed:
            if point.speed not in self.by_speed:
                raise UnknownName("price for workers of speed", f"{point.speed:g}", [f"{s:g}" for s in self.by_speed])
            worker = self.by_speed[point.speed]
        return 3600.0 * (self.qpu * point.qpus + worker * point.workers)


def parse_counts(said: str, name: str) -> tuple[int, ...]:
    """The numbers of "1..20", "4" or "1,2,4,8"; `name` is what messages call them."""
    found = RANGE.fullmatch(said)
    if found:
        low, high = (int(end) for end in found.groups())
        if low > high:
            raise InvalidInput(f"{name} {said!r} is an empty range", f"It begins at {low} and ends at {high}",
                               f"Write {high}..{low}")
        if high - low >= MOST_VALUES:
            raise InvalidInput(f"{name} {said!r} has {high - low + 1:,} values", "",
                               f"Give at most {MOST_VALUES:,}")
        values = list(range(low, high + 1))
    else:
        values = [int(quantity(part, "count", f"{name} {said!r}: {part.strip()!r}", 1)) for part in said.split(",")]
    if min(values) < 1:
        raise InvalidInput(f"{name} {said!r} begins at {min(values)}", "A platform has at least one",
                           f"Write 1..{max(values)}")
    return tuple(values)


def parse_speeds(said: str) -> tuple[float, ...]:
    """The speeds of "1e9,2e9" or "1 Gop/s, 2 Gop/s"."""
    return tuple(quantity(part, "operations/s", "--speeds", 1.0) for part in said.split(","))


def parse_price(said: str, name: str) -> float:
    """Money per second of "1.6/s", "96 /min" or 1.6."""
    return quantity(said, "1/s", name)


def parse_worker_prices(said: str) -> tuple[float, Mapping[float, float]]:
    """One price ("0.01/s", of a worker of 10^9 operations/s) or one for each speed ("1e9=0.01/s,2e9=0.03/s")."""
    if "=" not in said:
        return parse_price(said, "--price-worker"), NO_PRICES
    prices: dict[float, float] = {}
    for part in said.split(","):
        speed, equal, price = part.partition("=")
        if not equal:
            raise InvalidInput(f"--price-worker {said!r} has a part without '='", f"It is {part.strip()!r}",
                               "Write SPEED=PRICE for each, such as 1e9=0.01/s,2e9=0.03/s")
        prices[quantity(speed, "operations/s", "--price-worker", 1.0)] = parse_price(price, "--price-worker")
    return 0.0, MappingProxyType(prices)


def platform(scenario: Scenario, point: Point, kind: str | None = None) -> Scenario:
    """The scenario with this platform; `kind` names the kind of QPUs that are chosen, where there are several.

    Q counts the QPUs of that kind; the others stay.
    """
    names = [one.name for one in scenario.qpus]
    if kind is None and len(names) > 1:
        raise InvalidInput(f"The scenario has {len(names)} kinds of QPUs: {', '.join(names)}",
                           "How many of which are to be chosen is not said", "Name the kind with --kind")
    if kind is not None and kind not in names:
        raise UnknownName("kind of QPU", kind, names)
    qpus = tuple(replace(one, count=point.qpus) if one.name == (kind or names[0]) else one for one in scenario.qpus)
    classical = replace(scenario.classical, workers=point.workers, capacity=point.speed)
    return replace(scenario, qpus=qpus, classical=classical)
