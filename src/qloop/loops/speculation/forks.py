"""Is a fork a fork? Tried out before a loop begins, because a wrong one would spoil it without any error.

Two forks are driven with made-up values. Neither the optimizer nor the other fork may notice, and two forks that are
told the same must ask the same: then nothing that changes is shared, and the random generator belongs to the state.
"""

from __future__ import annotations

import contextlib
import enum
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.loops.optimizers.protocol import Array, Optimizer

ROUNDS = 8
"""Batches that each fork is driven for."""
SIMPLE = (str, bytes, int, float, complex, type(None), type, enum.Enum, types.ModuleType, types.FunctionType,
          types.BuiltinFunctionType)
MOST_OBJECTS = 20_000


def check_fork(optimizer: Optimizer, rounds: int = ROUNDS) -> None:
    """`InvalidInput` if a fork of the optimizer shares state with it, or does not go on like it.

    The error names what both hold. The optimizer is forked, and neither asked nor told anything. `rounds`: batches that
    the forks are driven for; what comes to light only later is not found.
    """
    if optimizer.done:
        return
    before = _seen(optimizer)
    first, second = _forked(optimizer), _forked(optimizer)
    untouched = _seen(second)
    course = _drive(first, rounds)
    _compare(untouched, _seen(second), second, first, "What one fork is told reaches another one")
    _compare(before, _seen(optimizer), optimizer, first, "What a fork is told reaches the optimizer")
    for other in (second, _forked(optimizer)):
        if _drive(other, rounds) != course:
            raise _refused(optimizer, first, "two forks that are told the same values ask for different points")
    _compare(before, _seen(optimizer), optimizer, first, "What a fork is told reaches the optimizer")


def _forked(optimizer: Optimizer) -> Optimizer:
    """A fork, if it is another object of the same kind."""
    try:
        fork = optimizer.fork()
    except Exception as error:
        raise InvalidInput(f"fork() of {_name(optimizer)} raised {type(error).__name__}", str(error),
                           "Return a copy of the state; copy.deepcopy(self) does it") from error
    if fork is optimizer:
        raise InvalidInput(f"fork() of {_name(optimizer)} returns the optimizer itself", "It must be a copy",
                           "Return a copy of the state, its random generator included; copy.deepcopy(self) does it")
    if not (hasattr(fork, "ask") and hasattr(fork, "tell")):
        raise InvalidInput(f"fork() of {_name(optimizer)} returns a {type(fork).__name__}",
                           "It has no ask() and tell()", "Return an optimizer of the same kind")
    return fork


def _drive(fork: Optimizer, rounds: int) -> list[bytes]:
    """Tell made-up values, which depend on the points and the round alone; returns what was asked."""
    asked = []
    for step in range(rounds):
        if fork.done:
            break
        points = np.asarray(fork.ask(), dtype=np.float64)
        asked.append(points.tobytes())
        fork.tell(_values(points, step))
    return asked


def _values(points: Array, step: int) -> Array:
    """A bowl with ripples that differ from round to round: every kind of decision occurs."""
    where = np.arange(points.shape[1]) + 1.0
    return np.asarray(np.sum((points - 0.3) ** 2, axis=1) + 0.5 * np.sin(points @ where * 3.0 + step))


def _seen(optimizer: Optimizer) -> dict[str, object]:
    """What shows of its state, without asking it anything."""
    shown: dict[str, object] = {}
    parts = ("value", "iteration", "done", "reason")
    for part in (*parts, "x") if optimizer.iteration else parts:    # before the first values x says nothing
        found = getattr(optimizer, part, None)
        shown[part] = found.tobytes() if isinstance(found, np.ndarray) else found
    with contextlib.suppress(InvalidInput, AttributeError, NotImplementedError):    # without a dump less shows
        shown["dumps()"] = optimizer.dumps()
    return shown


def _compare(before: dict[str, object], after: dict[str, object], one: Optimizer, other: Optimizer, what: str) -> None:
    changed = [part for part in before if before[part] != after.get(part)]
    if changed:
        raise _refused(one, other, f"{what[0].lower()}{what[1:]}: {', '.join(changed)} changed")


def _refused(one: Optimizer, other: Optimizer, why: str) -> InvalidInput:
    """The error, with the names of what both hold."""
    shared = sorted(shared_parts(one, other))
    names = f"; both hold {', '.join(shared[:6])}{' and more' if len(shared) > 6 else ''}" if shared else ""
    return InvalidInput(f"fork() of {_name(one)} does not make an independent copy", f"{why}{names}",
                        "Copy all that changes in fork(), the random generator included, and use no global one; "
                        "copy.deepcopy(self) does it")


def shared_parts(one: object, other: object) -> set[str]:
    """The paths of changeable objects that two objects both hold, such as `_rng`; arrays also if they share memory."""
    mine, theirs = dict(_parts(one)), list(_parts(other))
    held = {id(part): path for path, part in mine.items()}
    arrays = [(path, part) for path, part in mine.items() if isinstance(part, np.ndarray)]
    found = {held[id(part)] for _, part in theirs if id(part) in held and _changeable(part)}
    for _, part in theirs:
        if isinstance(part, np.ndarray) and part.flags.writeable:
            found |= {path for path, own in arrays if np.may_share_memory(own, part)}
    return {path for path in found if not any(path != top and path.startswith(f"{top}.") for top in found)}


def _changeable(part: object) -> bool:
    if isinstance(part, np.ndarray):
        return bool(part.flags.writeable)
    return not isinstance(part, tuple | frozenset | types.MappingProxyType) and not _frozen(part)


def _frozen(part: object) -> bool:
    """Whether it is a frozen record."""
    config = getattr(type(part), "__struct_config__", None) or getattr(type(part), "__dataclass_params__", None)
    return bool(getattr(config, "frozen", False))


def _parts(root: object) -> Iterator[tuple[str, object]]:
    """What can be reached from an object, with its path; simple values are left out."""
    seen, todo = {id(root)}, [("", root)]
    while todo and len(seen) < MOST_OBJECTS:
        path, thing = todo.pop()
        for name, part in _members(thing):
            where = f"{path}.{name}" if path else name
            if isinstance(part, SIMPLE) or id(part) in seen:
                continue
            seen.add(id(part))
            todo.append((where, part))
            yield where, part


def _members(thing: Any) -> Iterator[tuple[str, object]]:
    """Attributes, fields and items of an object."""
    if isinstance(thing, np.ndarray):
        return
    if isinstance(thing, dict | types.MappingProxyType):
        yield from ((str(key), part) for key, part in list(thing.items()))
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from ((str(index), part) for index, part in enumerate(list(thing)))
    else:
        yield from list(getattr(thing, "__dict__", {}).items())
        slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        slots += getattr(thing, "__struct_fields__", ())
        yield from ((name, getattr(thing, name)) for name in slots if hasattr(thing, name))


def _name(optimizer: object) -> str:
    return str(getattr(optimizer, "name", "") or type(optimizer).__name__)
