"""Every distribution by its kind, and how it is written in a scenario file.

A plain number or text ("2 s") is a constant; anything else is a table, such as {kind = "lognormal", mean = "2 s",
sd = "0.3 s"}. `cv` (sd / mean) may stand for `sd`; the values of an empirical distribution may stand in a file.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from types import MappingProxyType
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.units import quantity
from qloop.simulator.workload.elementary import Constant, Exponential, Geometric, Pareto, Uniform, Weibull
from qloop.simulator.workload.empirical import Empirical
from qloop.simulator.workload.family import Distribution
from qloop.simulator.workload.special import Gamma, LogNormal, TruncatedNormal

__all__ = ["Constant", "Distribution", "Empirical", "Exponential", "Gamma", "Geometric", "LogNormal", "Pareto",
           "TruncatedNormal", "Uniform", "Weibull", "parse", "table"]

KINDS: Mapping[str, type[Any]] = MappingProxyType({one.kind: one for one in (
    Constant, Exponential, Uniform, Gamma, LogNormal, Weibull, Pareto, Geometric, TruncatedNormal, Empirical)})
PLAIN = frozenset({"shape", "weights"})             # parameters without a unit
WHOLE = frozenset({"value", "values"})              # parameters that are counts if what is drawn is one


def parse(value: Any, unit: str = "s", name: str = "the distribution") -> Distribution:
    """The distribution that a value of a scenario file means, in `unit` (a dimension of `simulator.units`).

    `name` is what messages call it. Raises InvalidInput or UnknownName for anything that is none.
    """
    if isinstance(value, Mapping):
        return _from_table(dict(value), unit, name)
    if isinstance(value, Distribution):
        return value
    return Constant(quantity(value, unit, name))


def table(distribution: Distribution) -> dict[str, Any]:
    """The table that `parse` reads as this distribution, in plain numbers; parameters at their default are left out."""
    found: dict[str, Any] = {"kind": distribution.kind}
    for field in _parameters(type(distribution)):
        value = getattr(distribution, field.name)
        if value != field.default:
            found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def _parameters(family: type[Any]) -> tuple[Field[Any], ...]:
    return fields(family)


def _from_table(said: dict[str, Any], unit: str, name: str) -> Distribution:
    """The distribution of one table."""
    kind = said.pop("kind", None)
    if kind is None:
        raise InvalidInput(f"{name} has no kind", "", f"Add kind, one of: {', '.join(sorted(KINDS))}")
    if kind not in KINDS:
        raise UnknownName("kind of distribution", kind, KINDS)
    family = KINDS[kind]
    if "file" in said and kind == Empirical.kind:
        said["values"] = _from_file(said, name)
    _check_names(family, said, name)
    given = {key: _value(key, value, unit, f"{name}.{key}") for key, value in said.items() if key != "cv"}
    if "cv" in said:
        given["sd"] = quantity(said["cv"], "number", f"{name}.cv") * given["mean"]
    try:
        made: Distribution = family(**given)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.what}", error.why, error.do) from None
    return made


def _value(key: str, value: Any, unit: str, name: str) -> Any:
    """One parameter in its unit; a list is a list of such."""
    if key in PLAIN or (unit == "count" and key not in WHOLE):
        unit = "number"
    if isinstance(value, list | tuple):
        return tuple(quantity(one, unit, f"{name}, number {place},") for place, one in enumerate(value, 1))
    least = -1e15 if key == "center" else 0.0
    return quantity(value, unit, name, least)


def _from_file(said: dict[str, Any], name: str) -> list[float]:
    """The values of a column of a file; takes the keys that name it out of the table."""
    from qloop.simulator.workload.columns import read

    if "column" not in said:
        raise InvalidInput(f"{name} has a file and no column", "", "Add column, the name of a column of the file")
    file, column = said.pop("file"), said.pop("column")
    return list(read(file, column, name).tolist())


def _check_names(family: type[Any], said: Mapping[str, Any], name: str) -> None:
    """Raise InvalidInput for parameters that this kind does not have, or that are missing."""
    known = {field.name for field in _parameters(family)}
    if "sd" in known and "mean" in known and "sd" not in said:
        known.add("cv")
    for key in said:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            raise InvalidInput(f"{name}.{key} is no parameter of the {family.kind} distribution",
                               f"Did you mean {near[0]!r}?" if near else "", f"It has: {', '.join(sorted(known))}")
    needed = [field.name for field in _parameters(family) if field.default is MISSING]
    missing = [key for key in needed if key not in said and not (key == "sd" and "cv" in said)]
    if missing:
        raise InvalidInput(f"{name} has no {' and no '.join(missing)}", f"The {family.kind} distribution needs it",
                           f"It has: {', '.join(sorted(known))}")
