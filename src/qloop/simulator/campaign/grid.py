"""The points of a campaign: every combination of the values of its axes, or their values side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qloop.errors import InvalidInput
from qloop.simulator.campaign import paths

MOST_POINTS = 100_000_000
Setting = tuple[paths.Path, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter by its dotted path, as written and as keys, and the values that it takes."""

    name: str
    path: paths.Path
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Axes combined as a "product" (the last varies fastest) or "zip" (the values side by side); none: one point."""

    axes: tuple[Axis, ...] = ()
    combine: str = "product"

    def __len__(self) -> int:
        if not self.axes:
            return 1
        lengths = [len(axis.values) for axis in self.axes]
        return min(lengths) if self.combine == "zip" else math.prod(lengths)

    def values(self, point: int) -> tuple[Any, ...]:
        """The values of the axes at a point, 0 to len - 1."""
        if self.combine == "zip":
            return tuple(axis.values[point] for axis in self.axes)
        found = []
        for axis in reversed(self.axes):
            point, place = divmod(point, len(axis.values))
            found.append(axis.values[place])
        return tuple(reversed(found))

    def settings(self, point: int) -> tuple[Setting, ...]:
        """What is set in the scenario file at a point."""
        return tuple((axis.path, value) for axis, value in zip(self.axes, self.values(point), strict=True))

    def named(self, point: int) -> dict[str, Any]:
        """The values at a point by the names of the axes."""
        return {axis.name: value for axis, value in zip(self.axes, self.values(point), strict=True)}

    def said(self, point: int) -> str:
        """A point in a message."""
        held = ", ".join(f"{name} = {value}" for name, value in self.named(point).items())
        return f"point {point} ({held})" if held else "the scenario"


def read(given: Any, combine: str, tables: Mapping[str, Any]) -> Grid:
    """The grid of the table [campaign.grid]: a list of values for each dotted path, in order.

    Raises InvalidInput or UnknownName for what is no grid over these tables.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput("[campaign.grid] is not a table", "",
                           'Write it as [campaign.grid] with "qpus.0.count" = [1, 2]')
    axes = tuple(_axis(name, values, tables) for name, values in _flat(given))
    made = Grid(axes, combine)
    if len({axis.path for axis in axes}) < len(axes):
        raise InvalidInput("[campaign.grid] names a parameter twice", ", ".join(axis.name for axis in axes),
                           "Give it one list of values")
    lengths = {axis.name: len(axis.values) for axis in axes}
    if combine == "zip" and len(set(lengths.values())) > 1:
        raise InvalidInput("The lists of [campaign.grid] are of different lengths",
                           ", ".join(f"{name}: {length}" for name, length in lengths.items()),
                           'Make them equal, or combine = "product" in [campaign]')
    if len(made) > MOST_POINTS:
        raise InvalidInput(f"The grid has {len(made):,} points", "", f"Give at most {MOST_POINTS:,}")
    return made


def _flat(given: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Paths written as keys in quotes, or without them, which TOML reads as tables in tables."""
    found: list[tuple[str, Any]] = []
    for key, value in given.items():
        found += _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else [(f"{before}{key}", value)]
    return found


def _axis(name: str, values: Any, tables: Mapping[str, Any]) -> Axis:
    """One axis; its values must differ."""
    if not isinstance(values, list | tuple) or not values:
        raise InvalidInput(f'"{name}" in [campaign.grid] is {values!r}', "It is a list of values to try",
                           f'Write it as "{name}" = [..., ...]')
    seen = [repr(value) for value in values]
    twice = next((value for place, value in enumerate(seen) if value in seen[:place]), None) if len(
        set(seen)) < len(seen) else None
    if twice is not None:
        raise InvalidInput(f'"{name}" in [campaign.grid] has {twice} twice', "", "Give each value once")
    return Axis(name, paths.parse(name, tables), tuple(values))
