"""A call as a worker carries it out: open the function and its arguments, call it, pack what it returns."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle

from qloop.errors import InvalidInput
from qloop.functions.arguments import put_back
from qloop.functions.parcel import Again, Files, Flat, Known, Packed, Place, flat, light, pack, unflat, unpack
from qloop.pilots.tracebacks import own_text


class Invocation:
    """The call of the function packed in `code`; it is called with what its inputs became.

    In `code` are the function and the classes of exceptions for which a call of it may be repeated.

    `again`: whether an exception that it may be repeated for is told (`Again`) instead of raised. `place`: where the
    files of large values lie, None where there are none.
    """

    def __init__(self, name: str, code: Packed, arguments: Packed, again: bool, place: Place | None,
                 environment: Any = None) -> None:
        self.__qualname__ = name
        self.code, self.arguments, self.again = code, arguments, again
        self.place, self.environment = place, environment

    def __call__(self, *inputs: Any) -> Any:
        """Carry it out."""
        files = None if self.place is None else _files(self.place)
        if self.environment is not None:
            from qloop.functions.environments.elsewhere import call_there

            return call_there(self.environment, self.code, self.arguments, inputs, files, self.again)
        carried, retry_on = unpack(self.code, files)
        args, kwargs = put_back(unpack(self.arguments, files), [_value(one, files) for one in inputs])
        function = getattr(carried, "inner", carried)
        try:
            value = function(*args, **kwargs)
        except retry_on as error:
            if not self.again or isinstance(error, InvalidInput):
                raise
            return Again(f"{type(error).__name__}: {error}", own_text(error))
        return shipped(value, files)


    def __reduce__(self) -> tuple[Any, ...]:
        """Plain tuples: pickling classes by name takes longer than all the rest."""
        place = None if self.place is None else (self.place.folder, self.place.token, self.place.large_bytes)
        return restored, (self.__qualname__, flat(self.code), flat(self.arguments), self.again, place, self.environment)


def restored(name: str, code: Flat, arguments: Flat, again: bool, place: tuple[str, str, int] | None,
             environment: Any) -> Invocation:
    """The invocation again."""
    return Invocation(name, unflat(code), unflat(arguments), again, None if place is None else Place(*place),
                      environment)


def shipped(value: Any, files: Files | None) -> Any:
    """A value on its way back: as it is if it is small, otherwise packed; what cannot be packed is the worker's to say.
    """
    if light(value):
        return value
    try:
        return pack(value, files)
    except (TypeError, AttributeError, cloudpickle.pickle.PicklingError, RecursionError):
        return value


def _value(given: Any, files: Files | None) -> Any:
    if isinstance(given, Known):
        given = pickle.loads(given.outcome)
    return unpack(given, files) if isinstance(given, Packed) else given


def _files(place: Place) -> Files:
    """The files of a run as they are reached from here."""
    from qloop.functions.reached import files_at

    return files_at(place)
