"""What a user may choose without meaning it: a policy named twice, a setting that the policy never reads."""

from __future__ import annotations

import types
from collections.abc import Iterable

from qloop.errors import InvalidInput
from qloop.policies import bind, catalog, chunks
from qloop.policies.record import Policy
from qloop.simulator.compile import codes, from_library


def each_once(names: Iterable[str]) -> list[str]:
    """The names of policies; InvalidInput if one of them is there twice."""
    found: list[str] = []
    for name in names:
        if name in found:
            raise InvalidInput(f"The policy {name} is given twice", "Both would give the same numbers",
                               "Name each policy once")
        found.append(name)
    return found


def without_effect(policy: Policy, settings: Iterable[str]) -> list[str]:
    """Which of these settings, by name, nothing reads under this policy.

    Told of qloop's own policies only, from the names of columns that their functions use; one's own may read a column
    under any name.
    """
    if policy.name not in catalog.builtin():
        return []
    parts: list[object] = [policy.enter, policy.pick, policy.start, policy.finish, policy.scan, policy.switch]
    if policy.switch is not None:       # hosts ask whether a task runs in chunks
        parts.append(chunks.is_chunked)
    if not policy.shared:       # tasks are bound to QPUs, at the cost that the placement says
        parts += [policy.place, bind.bind, bind.may_take]
    read = {"PATIENCE"}       # which hosts read under every policy (policies/recalibrate.py)
    met: set[types.FunctionType] = set()
    for part in parts:
        if isinstance(part, types.FunctionType):
            _read(part, read, met)
    return [name for name in settings if name in catalog.SETTINGS and name.upper() not in read]


def idle_settings(policy: Policy, settings: Iterable[str]) -> str:
    """A sentence on the settings without effect under this policy; empty if there are none."""
    idle = without_effect(policy, settings)
    if not idle:
        return ""
    one = len(idle) == 1
    return (f"the setting{'' if one else 's'} {', '.join(idle)} {'has' if one else 'have'} no effect under "
            f"{policy.name}, which does not read {'it' if one else 'them'}")


def _read(function: types.FunctionType, read: set[str], met: set[types.FunctionType]) -> None:
    """Add the names that a function and all that it calls use."""
    if function in met or from_library(function):
        return
    met.add(function)
    for name in {name for code in codes(function.__code__) for name in code.co_names}:
        read.add(name)
        value = function.__globals__.get(name)
        if isinstance(value, types.FunctionType):
            _read(value, read, met)
