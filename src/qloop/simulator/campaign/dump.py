"""A scenario as the text of a scenario file: reading it again gives an equal scenario."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from qloop.errors import InvalidInput
from qloop.simulator.campaign import records
from qloop.simulator.campaign.document import MANY, NAMES, SINGLE
from qloop.simulator.scenario import Scenario
from qloop.simulator.units import text
from qloop.simulator.workload import arrivals, sessions

INNER = ("drift", "settings", "grid", "until")      # tables within tables that have a header of their own


def dump(scenario: Scenario, *, every: bool = False) -> str:
    """The TOML text; `every` parameter, or only those that differ from their default.

    Raises InvalidInput for a policy that is a record of one's own: a file can only name it.
    """
    return toml(tables_of(scenario, every=every))


def tables_of(scenario: Scenario, *, every: bool = False) -> dict[str, Any]:
    """The tables of the scenario's file, in order."""
    if not isinstance(scenario.policy, str):
        raise InvalidInput(f"The policy {scenario.policy.name} is a record of functions", "A file holds its name only",
                           "Register it as a plug-in of the group qloop.policies and give its name")
    named = {name: getattr(scenario, name) for name in NAMES if getattr(scenario, name) is not None}
    head = {**named, **_record(scenario, every)}
    if scenario.settings:
        head["settings"] = dict(scenario.settings)
    found: dict[str, Any] = {"scenario": head, "arrivals": _timed(arrivals.table(scenario.arrivals)),
                             "sessions": sessions.table(scenario.sessions)}
    for key in SINGLE:
        found[key] = _record(getattr(scenario, key), every)
    for key in MANY:
        found[key] = [_part(one, every) for one in getattr(scenario, key)]
    return {key: value for key, value in found.items() if value}


def _part(part: Any, every: bool) -> dict[str, Any]:
    """A tenant or a kind of QPU, which has a name and may have a drift."""
    drift = _record(part.drift, every) if hasattr(part, "drift") else {}
    return {"name": part.name, **_record(part, every), **({"drift": drift} if drift else {})}


def _record(record: Any, every: bool) -> dict[str, Any]:
    """The declared parameters of a dataclass."""
    return {key: records.written(field, value) for key, field in records.declared(type(record)).items()
            if (value := getattr(record, field.name)) != field.default or every}


def _timed(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of plain numbers, with times as people write them."""
    return {key.removesuffix("_s"): _times(value) if key.endswith("_s") else value for key, value in table.items()}


def _times(value: Any) -> Any:
    return [text(one, "s") for one in value] if isinstance(value, list) else text(value, "s")


def toml(tables: Mapping[str, Any]) -> str:
    """Tables as TOML text."""
    return "\n".join("\n".join(block) + "\n" for key, value in tables.items() for block in _blocks(key, value))


def _blocks(key: str, value: Any) -> Iterator[list[str]]:
    """The lines of each table."""
    if isinstance(value, list):
        for one in value:
            yield from _table(f"[[{key}]]", key, one)
    else:
        yield from _table(f"[{key}]", key, value)


def _table(header: str, key: str, table: Mapping[str, Any]) -> Iterator[list[str]]:
    """A table, then those inside it that are written as tables of their own."""
    inner = {name: one for name, one in table.items() if isinstance(one, Mapping) and name in INNER}
    yield [header, *(f"{_key(name)} = {toml_value(one)}" for name, one in table.items() if name not in inner)]
    for name, one in inner.items():
        yield from _table(f"[{key}.{name}]", f"{key}.{name}", one)


def toml_value(value: Any) -> str:
    """A value as it stands in a file."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {toml_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if dataclasses.is_dataclass(value):
        raise TypeError(f"{value!r} has no form in TOML")
    return repr(value)


def _key(name: str) -> str:
    """A key, quoted if it must be."""
    return name if name.replace("-", "_").isidentifier() and name.isascii() else json.dumps(name, ensure_ascii=False)
