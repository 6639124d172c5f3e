"""Calls of an adapter: bounded in time, and with no error but those of its protocol."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from qloop.errors import QloopError
from qloop.qpus.remote import Unanswered

T = TypeVar("T")

FIRST_PAUSE_S = 0.05
GROWTH = 1.5


def bounded(seconds: float, what: str, function: Callable[..., T], *arguments: object,
            late: Callable[[threading.Thread], object] = lambda thread: None) -> T:
    """Call the function; `Unanswered` if it takes longer than `seconds` or raises what no adapter may raise.

    A call that hangs is left behind in a thread of its own, of which `late` is told: what it asks for may still come
    about, and its answer is nobody's.
    """
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((function(*arguments), None))
        except BaseException as error:
            answers.put((None, error))

    thread = threading.Thread(target=work, name=f"qloop-{what}", daemon=True)
    thread.start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        late(thread)
        raise Unanswered(f"There was no answer to {what} within {seconds:g} s") from None
    if isinstance(error, QloopError):
        raise error
    if isinstance(error, Exception):
        raise Unanswered(f"The answer to {what} cannot be used", f"{type(error).__name__}: {error}") from error
    if error is not None:
        raise error
    return answer       # type: ignore[return-value]


def pause(nth: int, longest: float) -> float:
    """Seconds to wait before the nth look (from 0): short at first, then ever longer up to `longest`."""
    return min(longest, FIRST_PAUSE_S * GROWTH ** min(nth, 60))
