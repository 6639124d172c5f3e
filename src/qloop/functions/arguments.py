"""The arguments of a call: futures are taken out of them and put back as values, in the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from qloop.errors import InvalidInput

MOST_DEPTH: Final = 100         # of containers within each other


class Input(msgspec.Struct, frozen=True):
    """Stands among the arguments for what the future with this number becomes."""

    number: int


def take_out(given: Any, is_future: Callable[[Any], bool], found: list[Any], above: tuple[int, ...] = ()) -> Any:
    """The arguments with an `Input` for each future, also inside of tuples, lists and dicts; the futures go to `found`.

    InvalidInput for a container that holds itself, or that is deeper than `MOST_DEPTH`.
    """
    if is_future(given):
        found.append(given)
        return Input(len(found) - 1)
    kind = type(given)
    if kind not in (tuple, list, dict) or not given:
        return given
    if id(given) in above:
        raise InvalidInput(f"An argument, a {kind.__name__}, contains itself", "Such a cycle of futures or values has "
                           "no first one to begin with", "Pass a copy without the cycle")
    if len(above) >= MOST_DEPTH:
        raise InvalidInput(f"An argument has more than {MOST_DEPTH} containers within each other", "",
                           "Pass it flat, or as an array")
    inner = (*above, id(given))
    if kind is dict:
        return {key: take_out(one, is_future, found, inner) for key, one in given.items()}
    return kind(take_out(one, is_future, found, inner) for one in given)


def put_back(given: Any, values: Sequence[Any]) -> Any:
    """The arguments with values in place of inputs."""
    kind = type(given)
    if kind is Input:
        return values[given.number]
    if kind is dict:
        return {key: put_back(one, values) for key, one in given.items()}
    if kind in (tuple, list):
        return kind(put_back(one, values) for one in given)
    return given
