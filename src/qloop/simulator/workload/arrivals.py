"""Every arrival process by its kind, and how it is written in a scenario file.

    {kind = "poisson", rate = "6 /h"}               or every = "10 min"
    {kind = "renewal", gap = {kind = "gamma", mean = "10 min", cv = 2}}
    {kind = "mmpp", rates = ["2 /h", "60 /h"], stays = ["5 h", "20 min"]}
    {kind = "daily", every = "5 min", profile = [...]}
    {kind = "recorded", file = "arrivals.csv", column = "arrival_s"}
    {kind = "closed", users = 20, think = {kind = "exponential", mean = "1 min"}}
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.units import quantity
from qloop.simulator.workload import distributions
from qloop.simulator.workload.closed import Closed
from qloop.simulator.workload.daily import Daily
from qloop.simulator.workload.modulated import MMPP
from qloop.simulator.workload.recorded import Recorded
from qloop.simulator.workload.renewal import Poisson, Renewal

__all__ = ["MMPP", "Arrivals", "Closed", "Daily", "Open", "Poisson", "Recorded", "Renewal", "parse", "table"]

Open = Poisson | Renewal | MMPP | Daily | Recorded
Arrivals = Open | Closed

KINDS: Mapping[str, type[Any]] = MappingProxyType(
    {one.kind: one for one in (Poisson, Renewal, MMPP, Daily, Recorded, Closed)})
# how a parameter is read: its dimension, "distribution", or "as is" where the process itself checks it
READ = MappingProxyType({
    "every_s": "s", "gap": "distribution", "think": "distribution", "rates": "1/s", "stays_s": "s", "times_s": "s",
    "profile": "number", "transitions": "as is", "amplitude": "share", "peak_hour": "number", "start_hour": "number",
    "speed": "number", "file": "as is", "column": "as is", "from_first": "as is", "repeat": "as is",
    "first_at_zero": "as is", "users": "count", "start": "as is"})


def parse(value: Any, name: str = "arrivals") -> Arrivals:
    """The arrival process that a table of a scenario file means; a plain rate ("6 /h") is a Poisson process.

    `name` is what messages call it. Times may be written with or without the ending _s of their parameter; `rate` may
    stand for `every`. Raises InvalidInput or UnknownName for anything that is none.
    """
    if isinstance(value, Poisson | Renewal | MMPP | Daily | Recorded | Closed):
        return value
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = {"kind": Poisson.kind, "rate": value}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is {value!r}", "",
                           'Give a rate, or a table such as {kind = "poisson", rate = "6 /h"}')
    kind = value.get("kind")
    if kind is None:
        raise InvalidInput(f"{name} has no kind", "", f"Add kind, one of: {', '.join(sorted(KINDS))}")
    if kind not in KINDS:
        raise UnknownName("kind of arrivals", kind, KINDS)
    said = {key: one for key, one in value.items() if key != "kind"}
    return _made(KINDS[kind], said, name)


def table(arrivals: Arrivals) -> dict[str, Any]:
    """The table that `parse` reads as this process, in plain numbers; parameters at their default are left out."""
    found: dict[str, Any] = {"kind": arrivals.kind}
    for field in dataclasses.fields(arrivals):
        value = getattr(arrivals, field.name)
        if value == field.default or (field.name == "times_s" and getattr(arrivals, "file", "")):
            continue
        if READ[field.name] == "distribution":
            value = distributions.table(value)
        found[field.name] = _lists(value)
    return found


def _made(process: type[Any], said: dict[str, Any], name: str) -> Arrivals:
    """The process of these parameters."""
    fields = dataclasses.fields(process)
    known = {field.name for field in fields}
    given = {}
    for key, value in said.items():
        if key == "rate" and "every_s" in known:
            given["every_s"] = 1.0 / quantity(value, "1/s", f"{name}.rate", 1e-12, 1e9)
            continue
        full = key if key in known else f"{key}_s"
        if full not in known:
            raise _unknown(process, key, name, known)
        given[full] = _value(full, value, f"{name}.{key}")
    if "every_s" in known and len({"rate", "every", "every_s"} & set(said)) > 1:
        raise InvalidInput(f"{name} has both a rate and a time between arrivals", "", "Give one of them")
    if given.get("times_s") and given.get("file"):
        raise InvalidInput(f"{name} has both times and a file", "", "Give one of them")
    missing = [field.name for field in fields if field.default is dataclasses.MISSING and field.name not in given]
    if missing:
        raise InvalidInput(f"{name} has no {' and no '.join(missing)}", f"The {process.kind} arrivals need it",
                           f"They have: {', '.join(sorted(known))}")
    made: Arrivals = process(**given)
    return made


def _value(key: str, value: Any, name: str) -> Any:
    """One parameter, read as READ says; a list is a list of such."""
    how = READ[key]
    if how == "distribution":
        return distributions.parse(value, "s", name)
    if how == "as is":
        return value
    if isinstance(value, list | tuple):
        return tuple(quantity(one, how, f"{name}, number {place},") for place, one in enumerate(value, 1))
    found = quantity(value, how, name)
    return int(found) if how == "count" else found


def _unknown(process: type[Any], key: str, name: str, known: set[str]) -> InvalidInput:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return InvalidInput(f"{name}.{key} is no parameter of the {process.kind} arrivals",
                        f"Did you mean {near[0]!r}?" if near else "", f"They have: {', '.join(sorted(known))}")


def _lists(value: Any) -> Any:
    """Tuples as lists, inside each other too."""
    return [_lists(one) for one in value] if isinstance(value, tuple) else value
