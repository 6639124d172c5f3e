"""What travels to a worker and back: a call packed into bytes, and its result opened again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from qloop.errors import Cancelled, InvalidInput, QloopError, UserCodeError
from qloop.model.states import Outcome
from qloop.pilots.protocol import MOST_PAYLOAD_BYTES, Ended


def pack(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> bytes:
    """The call `function(*args, **kwargs)` as a payload for `Pilot.run`.

    Functions of the main program and lambdas go by value, others by their importable name. Raises `InvalidInput` if
    the function or an argument cannot be pickled, or if the payload is over `MOST_PAYLOAD_BYTES`.
    """
    import cloudpickle

    if not callable(function):
        raise InvalidInput(f"A classical task must be a function, not {function!r:.80}",
                           do="Pass the function itself, and its arguments after it")
    try:
        payload: bytes = cloudpickle.dumps((function, args, kwargs), protocol=5)
    except Exception as error:
        raise InvalidInput(f"The call of {_name(function)} cannot be sent to a worker",
                           f"{type(error).__name__}: {error}",
                           "Pass plain data or arrays, and open files, locks and connections inside the function"
                           ) from error
    if len(payload) > MOST_PAYLOAD_BYTES:
        raise InvalidInput(f"The arguments of {_name(function)} take {len(payload)} bytes",
                           f"the limit is {MOST_PAYLOAD_BYTES}", "Pass the name of a file instead")
    return payload


class Slot(msgspec.Struct, frozen=True):
    """Stands among the arguments of a call for the value with this number, which is filled in by the worker."""

    number: int


class Filled:
    """A call whose arguments are results of other tasks: pickled values that nobody opens before the worker does."""

    def __init__(self, name: str, call: bytes, values: Sequence[bytes]) -> None:
        self.__qualname__, self._call, self._values = name, call, tuple(values)

    def __call__(self) -> Any:
        """What the call returns; the values are opened here."""
        import cloudpickle

        function, args, kwargs = cloudpickle.loads(self._call)
        values = [cloudpickle.loads(value) for value in self._values]
        return function(*fill(args, values), **fill(kwargs, values))


def fill(given: Any, values: Sequence[Any]) -> Any:
    """The argument with values in place of slots, also inside of tuples, lists and dicts."""
    if isinstance(given, Slot):
        return values[given.number]
    if type(given) in (tuple, list):
        return type(given)(fill(one, values) for one in given)
    if type(given) is dict:
        return {key: fill(one, values) for key, one in given.items()}
    return given


def pack_filled(name: str, call: bytes, values: Sequence[bytes]) -> bytes:
    """A call packed by `pack`, some of its arguments `Slot`s, with the pickled values that belong there."""
    return pack(Filled(name, call, values))


def open_value(ended: Ended) -> Any:
    """What the function returned.

    Raises `UserCodeError` with the function's own traceback and stderr if it FAILED or if its result cannot be opened
    here, `Cancelled` if the attempt was aborted, `QloopError` if its worker was lost.
    """
    if ended.outcome is Outcome.OK:
        return _loads(ended)
    if ended.outcome is Outcome.FAILED:
        raise UserCodeError(ended.error, ended.traceback_text, ended.stderr_text)
    if ended.outcome is Outcome.CANCELLED:
        raise Cancelled(f"The task {ended.task} was aborted", ended.error)
    raise QloopError(f"The worker of task {ended.task} was lost", ended.error, "Run the task again")


def _loads(ended: Ended) -> Any:
    import cloudpickle

    try:
        return cloudpickle.loads(ended.value)
    except Exception as error:
        raise UserCodeError(f"The result of task {ended.task} cannot be opened here: {type(error).__name__}: {error}",
                            stderr_text=ended.stderr_text) from error


def _name(function: object) -> str:
    return str(getattr(function, "__qualname__", repr(function)))
