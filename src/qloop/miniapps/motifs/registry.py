"""Finds a mini-app by its name: qloop's own seven, and those of plug-ins in the group `qloop.miniapps`.

A plug-in is a `Motif` record. One that does not load is named with its reason, and disturbs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from types import MappingProxyType

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.motifs.motif import Motif

GROUP = "qloop.miniapps"
OWN: Mapping[str, str] = MappingProxyType({
    "circuit-execution": "circuit_execution", "state-vector": "state_vector", "circuit-cutting": "circuit_cutting",
    "variational-loop": "variational_loop", "circuit-optimization": "circuit_optimization",
    "error-mitigation": "error_mitigation", "pipeline": "pipeline"})


class Found(msgspec.Struct, frozen=True):
    """The mini-apps by name, and per broken plug-in what is wrong with it."""

    working: dict[str, Motif]
    broken: dict[str, str]


def names() -> tuple[str, ...]:
    """The names that `motif` knows; plug-ins are named without being loaded."""
    return (*OWN, *sorted(set(_plugins()) - set(OWN)))


def motif(name: str) -> Motif:
    """The mini-app of that name; `UnknownName` with the nearest, `InvalidInput` for a plug-in that does not load."""
    if name in OWN:
        return _own(name)
    plugins = _plugins()
    if name not in plugins:
        raise UnknownName("mini-app", name, names())
    record = _loaded(plugins[name])
    if isinstance(record, str):
        raise InvalidInput(f"The mini-app plug-in {name!r} does not work", record, "Repair or uninstall it")
    return record


def motifs() -> Found:
    """Every mini-app, with the plug-ins that do not load."""
    found = Found({name: _own(name) for name in OWN}, {})
    for name, point in _plugins().items():
        if name in OWN:
            found.broken[name] = f"Its name {name!r} belongs to a mini-app of qloop's own, which is used."
            continue
        record = _loaded(point)
        if isinstance(record, str):
            found.broken[name] = record
        else:
            found.working[name] = record
    return found


def _own(name: str) -> Motif:
    record = import_module(f"qloop.miniapps.motifs.{OWN[name]}").MOTIF
    assert isinstance(record, Motif)
    return record


def _plugins() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name)}


def _loaded(point: metadata.EntryPoint) -> Motif | str:
    """The record of a plug-in, or what is wrong with it."""
    try:
        record = point.load()
    except Exception as error:
        return f"{point.value} does not load. {type(error).__name__}: {error}"
    if not isinstance(record, Motif):
        return f"{point.value} is a {type(record).__name__}, not a Motif record."
    return record
