"""Functions as they travel: packed once, and packed again when something that they refer to was replaced."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Final

import cloudpickle

from qloop.errors import InvalidInput
from qloop.functions.call import Callee
from qloop.functions.parcel import Files, Packed, pack

MOST_LOOKED_AT: Final = 256     # names that a function refers to, directly or through others


class Registered:
    """A function packed for workers, with what it referred to at that time.

    A helper function that was defined anew since, or a name that was given another value, is noticed; a list or an
    object that was changed in place is not.
    """

    def __init__(self, function: Callee, files: Files) -> None:
        self._retry_on, self._bare = function.wish.retry_on, function.wish.environment is not None
        self._refers_to = _refers_to(function)
        carried = function if function.importable() and not self._bare else function.inner
        try:
            self.packed: Packed = pack((carried, self._retry_on), files)
        except (TypeError, AttributeError, ValueError, RecursionError, cloudpickle.pickle.PicklingError) as error:
            raise InvalidInput(f"The function {function.name} cannot be sent to a worker",
                               f"{type(error).__name__}: {error}", "Open files, locks and connections inside of it, "
                               "and pass what it needs as arguments") from error

    def fits(self, function: Callee) -> bool:
        """Whether it is still what this function is."""
        wish = function.wish
        if self._retry_on != wish.retry_on or self._bare != (wish.environment is not None):
            return False
        now = _refers_to(function)
        return len(now) == len(self._refers_to) and all(a is b for a, b in zip(now, self._refers_to, strict=True))


def _refers_to(function: Callee) -> list[Any]:
    """The values of the names that a function uses and that travel with it; nothing for one that is imported there."""
    if function.importable() and function.wish.environment is None:
        return []
    found: list[Any] = []
    look, seen = [function.inner], {id(function.inner)}
    while look and len(found) < MOST_LOOKED_AT:
        one = look.pop()
        if not isinstance(one, types.FunctionType):
            continue
        for value in named_values(one):
            found.append(value)
            inner = getattr(value, "inner", value)
            if isinstance(inner, types.FunctionType) and id(inner) not in seen and _travels(inner):
                seen.add(id(inner))
                look.append(inner)
    return found


def named_values(function: types.FunctionType) -> Iterator[Any]:
    """The values of the global names that a function uses, and of its closure, as they are now."""
    outside = function.__globals__
    yield from (outside[name] for name in _names(function.__code__) if name in outside)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:      # not yet filled
            continue


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that code uses, that of its comprehensions and inner functions included."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _names(part)


def _travels(function: Any) -> bool:
    return function.__module__ in ("__main__", "__mp_main__") or "<locals>" in function.__qualname__
