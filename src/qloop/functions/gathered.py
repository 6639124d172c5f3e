"""Waiting for many futures at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qloop.errors import InvalidInput


def gather(*futures: Any, timeout: float | None = None, return_exceptions: bool = False) -> list[Any]:
    """The results of futures (given one by one, or as one list) in their order; raises the first error in that order.

    Of functions or of quantum tasks. `timeout`: seconds for all together, then TimeoutError. `return_exceptions`:
    errors are returned in their places.
    """
    from time import monotonic

    given = list(futures[0]) if len(futures) == 1 and isinstance(futures[0], Iterable) else list(futures)
    for one in given:
        if not callable(getattr(one, "result", None)):
            raise InvalidInput(f"{one!r:.80} is no future", "", "Give the futures that submit(...) returned")
    until = None if timeout is None else monotonic() + timeout
    found: list[Any] = []
    for one in given:
        left = None if until is None else max(0.0, until - monotonic())
        try:
            found.append(one.result(timeout=left))
        except TimeoutError:
            raise
        except Exception as error:
            if not return_exceptions:
                raise
            found.append(error)
    return found
