"""What the live subset runs: which loops, at which loads, under which policies, with how many seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from qloop.errors import InvalidInput
from qloop.miniapps.demo.cast import Role, roles

POLICIES = ("fifo", "faas", "reservation", "efaas")
LOADS = (0.7, 0.85)
BUDGETS = (0.0, 0.25, 1.0, 2.0)
IDLE_LOADS = (0.0, 0.3, 0.6, 0.85)
LOOPS = ("h2-a", "h2-b", "ising-4", "ising-4-ra", "ising-6-ra", "qaoa-4")
MOST_SEEDS = 64
SHORTEST_S, LONGEST_S = 300.0, 100_000.0
COLD_START_S: Mapping[str, float] = MappingProxyType({"faas": 5.0})
"""What a policy's containers take at every iteration: those of stateless functions are started anew each time."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What to run; `seed` and those after it name the draws, `iterations` bounds each loop, 0: as many as it has.

    `idle_loads` and `budgets` are those of the part on speculation, `guessed` the iterations of its loop, and
    `guessing_seeds` (at most `seeds`) its seeds.
    """

    seed: int = 2605
    seeds: int = 5
    loads: tuple[float, ...] = LOADS
    policies: tuple[str, ...] = POLICIES
    horizon_s: float = 1800.0
    loops: tuple[str, ...] = LOOPS
    iterations: int = 0
    budgets: tuple[float, ...] = BUDGETS
    idle_loads: tuple[float, ...] = IDLE_LOADS
    guessed: int = 32
    guessing_seeds: int = 2

    def check(self) -> Wish:
        """Itself; `InvalidInput` for what cannot work."""
        _whole("The seed", self.seed, 0, 2**31 - 1 - MOST_SEEDS)
        _whole("The number of seeds of the live subset", self.seeds, 1, MOST_SEEDS)
        _whole("The number of iterations of a loop", self.iterations, 0, 10_000)
        _whole("The number of seeds of the part on speculation", self.guessing_seeds, 1, MOST_SEEDS)
        _whole("The number of iterations of a loop that asks ahead", self.guessed, 1, 10_000)
        _real("horizon of the live subset (s)", self.horizon_s, SHORTEST_S, LONGEST_S)
        for load in self.loads:
            _real("load of the live subset", load, 0.01, 0.99)
        for load in self.idle_loads:
            _real("load beside a loop that asks ahead", load, 0.0, 0.99)
        for budget in self.budgets:
            _real("budget of speculation", budget, 0.0, 1e6)
        _distinct("policies", self.policies)
        for what, values in (("loads", self.loads), ("budgets", self.budgets), ("loads", self.idle_loads)):
            _distinct(what, tuple(map(str, values)))
        known = {role.name for role in roles()}
        unknown = [name for name in self.loops if name not in known]
        if unknown or not self.loops:
            raise InvalidInput(f"The loops are {', '.join(self.loops) or 'none'}", "",
                               f"Choose from: {', '.join(sorted(known))}")
        return self

    def roles(self) -> tuple[Role, ...]:
        """The loops that were wished for."""
        most = self.iterations or 10_000
        return tuple(msgspec.structs.replace(role, iterations=min(role.iterations, most)) for role in roles()
                     if role.name in self.loops)

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seeds: the same for every load and policy."""
        return tuple(range(self.seed, self.seed + self.seeds))


def _whole(what: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(f"{what} is {value!r:.40}", "", f"Give an integer from {low} to {high}")


def _real(what: str, value: object, low: float, high: float) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= float(str(value)) <= high:
        raise InvalidInput(f"The {what} is {value!r:.40}", "", f"Give a number from {low:g} to {high:g}")


def _distinct(what: str, values: tuple[str, ...]) -> None:
    if not values or len(set(values)) < len(values):
        raise InvalidInput(f"The {what} are {', '.join(values) or 'none'}", "", "Give at least one, and each once")
