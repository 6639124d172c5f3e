"""Dotted paths into a scenario file: "qpus.0.count", "qpus.eagle.drift.sd", "arrivals.every", "policy"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.campaign import records
from qloop.simulator.campaign.document import MANY, NAMES, SINGLE, TABLES
from qloop.simulator.platform.parts import Drift
from qloop.simulator.scenario import Scenario

Path = tuple[str | int, ...]


def parse(path: str, tables: Mapping[str, Any]) -> Path:
    """The keys of a path; the name of a kind of QPU or of a tenant becomes its number.

    A path without a table is one of [scenario]. Raises InvalidInput or UnknownName for a path that leads nowhere.
    """
    steps: list[str] = path.split(".")
    if not all(steps):
        raise InvalidInput(f"{path!r} is no path of a parameter", "", "Write it as table.key, such as qpus.0.count")
    head = (*records.declared(Scenario), *NAMES, "settings")
    if steps[0] not in TABLES and steps[0] in head:
        steps = ["scenario", *steps]
    if steps[0] == "campaign" or steps[0] not in TABLES:
        raise UnknownName("table or key of [scenario]", steps[0], (*TABLES[:-1], *head))
    if steps[0] in MANY:
        return (steps[0], *_of_many(path, steps, tables.get(steps[0], [])))
    if len(steps) < 2 and steps[0] != "arrivals":
        raise InvalidInput(f"{path!r} names a table", "A grid varies single parameters", f"Add a key: {steps[0]}.KEY")
    if steps[0] in SINGLE or steps[0] == "scenario":
        _check(steps[1], records.declared(SINGLE[steps[0]]) if steps[0] in SINGLE else head, path)
    return tuple(steps)


def _of_many(path: str, steps: list[str], many: list[Any]) -> Path:
    """The rest of a path into [[qpus]] or [[tenants]]."""
    table = steps[0]
    names = [str(one.get("name", f"{'tenant' if table == 'tenants' else 'qpu'}-{place + 1}"))
             for place, one in enumerate(many)] or [table.removesuffix("s")]
    if len(steps) < 3:
        raise InvalidInput(f"{path!r} does not say which of [[{table}]] and which key", "",
                           f"Write {table}.NUMBER.KEY, counted from 0, or {table}.NAME.KEY, such as {table}.0."
                           f"{'count' if table == 'qpus' else 'weight'}")
    which, key = steps[1], steps[2]
    place = int(which) if which.isdecimal() else names.index(which) if which in names else -1
    if not 0 <= place < len(names):
        raise UnknownName(f"member of [[{table}]]", which, (*map(str, range(len(names))), *names))
    _check(key, (*records.declared(MANY[table]), "name", *(("drift",) if table == "qpus" else ())), path)
    if key == "drift" and table == "qpus":
        if len(steps) < 4:
            raise InvalidInput(f"{path!r} names a table", "", f"Add a key: {path}.sd")
        _check(steps[3], records.declared(Drift), path)
    return (place, *steps[2:])


def _check(key: str, known: Any, path: str) -> None:
    if key not in known:
        raise UnknownName(f"parameter at {path!r}", key, known)


def with_value(tables: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The tables with one value changed; nothing of the given ones is."""
    made: dict[str, Any] = _put(dict(tables), path, value)
    return made


def _put(inside: Any, path: Path, value: Any) -> Any:
    """A copy of what is inside, with the value at the path."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        many = list(inside) if isinstance(inside, list) else []
        many += [{} for _ in range(step + 1 - len(many))]
        many[step] = _put(many[step], rest, value)
        return many
    if inside is not None and not isinstance(inside, Mapping):
        raise InvalidInput(f"{step} cannot be set within {inside!r}", "That is a single value, not a table",
                           "Write it as a table in the scenario file, or set the whole value")
    held = dict(inside or {})
    held[step] = _put(held.get(step), rest, value)
    return held
