"""What a policy of one's own, and what observes a replication, are made from: the name of each says too little.

Two policies may share the name of a function and differ in its code, in what it reads or in a setting. So each of a
policy's functions is told by its name and a digest of its code and of all that the code reads.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import types
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from qloop.errors import InvalidInput
from qloop.policies.record import Policy
from qloop.simulator.specialise import Origin, Untold

SHOWN = 16


class _Code(Origin):
    """The same, by what the code does: a comment changes nothing, and a function may be typed at a prompt."""

    def source(self, path: str) -> None:
        """Nothing: the instructions and all that they read are taken down."""


def policy_told(policy: Policy) -> dict[str, Any]:
    """Everything of a policy that results depend on, as plain values.

    Raises InvalidInput for a function that reads what cannot be told by its bytes.
    """
    told: dict[str, Any] = {}
    for field in fields(Policy):
        value = getattr(policy, field.name)
        if field.name == "settings":
            told["settings"] = {str(key): repr(float(one)) for key, one in sorted(value.items())}
        else:
            told[field.name] = _function(policy, field.name, value) if callable(value) else value
    return told


def _function(policy: Policy, part: str, function: Callable[..., Any]) -> str:
    """The name of a policy's function and its digest."""
    origin = _Code(_globals)
    try:
        origin.value(function, ())
    except Untold as error:
        raise InvalidInput(f"{part} of the policy {policy.name} reads {error}",
                           "A change of it would leave no trace, and results of another policy would pass for its own",
                           "Let it read numbers, texts, tuples, arrays of NumPy and functions of these") from None
    return f"{_name(function)} {origin.digest.hexdigest()[:SHOWN]}"


def _globals(function: types.FunctionType) -> dict[str, Any]:
    return function.__globals__


def observer_told(observe: Callable[..., Any]) -> str:
    """What observes a replication: its name, and a digest of how it is found and of its module's text.

    What belongs to qloop is told by its version. Raises InvalidInput if no other process could import it.
    """
    try:
        found = pickle.dumps(observe, protocol=4)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInput(f"{_name(observe)} cannot observe a campaign", f"It cannot be imported by name: {error}",
                           "Define it at the top of a module") from None
    if _inner(observe).__module__.startswith("qloop."):
        return f"{_name(observe)} {hashlib.sha256(found).hexdigest()[:SHOWN]}"
    return f"{_name(observe)} {hashlib.sha256(found + _text(_inner(observe))).hexdigest()[:SHOWN]}"


def _text(thing: Any) -> bytes:
    """The text of the module of a function or class; empty if it has none."""
    try:
        path = inspect.getsourcefile(thing)
    except TypeError:
        path = None
    return Path(path).read_bytes() if path and Path(path).is_file() else b""


def _inner(thing: Any) -> Any:
    """The function within a partial one; the class of an object that can be called."""
    thing = getattr(thing, "func", thing)
    return thing if hasattr(thing, "__qualname__") else type(thing)


def _name(thing: Any) -> str:
    inner = _inner(getattr(thing, "py_func", thing))
    return f"{inner.__module__}.{inner.__qualname__}"
