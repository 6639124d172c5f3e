"""Policies that other packages add, under the entry point group `qloop.policies`.

A plugin is a `Policy` record. One that does not load is named with its reason, and disturbs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

import msgspec

from qloop.errors import InvalidInput
from qloop.policies.catalog import NO_EXTRA, builtin, policy
from qloop.policies.record import Policy

GROUP = "qloop.policies"


class Found(msgspec.Struct, frozen=True):
    """The policies of plugins by name, and per broken plugin what is wrong with it."""

    working: dict[str, Policy]
    broken: dict[str, str]


def policies() -> Found:
    """Load every registered policy."""
    found = Found({}, {})
    own = builtin()
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in own:
            found.broken[point.name] = f"Its name {point.name!r} belongs to a policy of qloop's own, which is used."
            continue
        try:
            record = point.load()
        except Exception as error:
            found.broken[point.name] = f"{point.value} does not load. {type(error).__name__}: {error}"
            continue
        if isinstance(record, Policy):
            found.working[point.name] = record
        else:
            found.broken[point.name] = f"{point.value} is a {type(record).__name__}, not a Policy record."
    return found


def find_policy(wish: str | Policy, placement: str | None, settings: Mapping[str, float]) -> Policy:
    """The record given, or the policy of this name: qloop's own, or a plugin's, loaded when qloop has none.

    Raises `UnknownName` with the nearest name, `InvalidInput` for a plugin that does not load or a record whose name is
    taken.
    """
    if isinstance(wish, Policy):
        return _own(wish, placement, settings)
    name = wish
    if name in builtin():
        return policy(name, placement, extra=NO_EXTRA, **settings)
    found = policies()
    if name in found.broken:
        raise InvalidInput(f"The policy plugin {name!r} does not work", found.broken[name], "Repair or uninstall it")
    return policy(name, placement, extra=found.working, **settings)


def _own(record: Policy, placement: str | None, settings: Mapping[str, float]) -> Policy:
    """A program's own record, with its placement and settings."""
    if record.name in builtin():
        raise InvalidInput(f"A policy of qloop's own is named {record.name!r}", "Traces tell policies by their names",
                           "Give your record another name")
    return policy(record.name, placement, extra={record.name: record}, **settings)
