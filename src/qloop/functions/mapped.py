"""A function over many items: results in the order of the items, a bounded number of calls under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

from qloop.errors import InvalidInput
from qloop.functions.future import Future

IN_FLIGHT: Final = 1_000        # calls of one map that are submitted and whose results nobody has taken
MOST_IN_FLIGHT: Final = 100_000
T = TypeVar("T")


class Mapped(Generic[T]):
    """The results of a map, in order: an iterator, which submits one more call for each result that is taken."""

    def __init__(self, submit: Callable[..., Future[T]], iterables: tuple[Iterable[Any], ...], in_flight: int,
                 return_exceptions: bool) -> None:
        if isinstance(in_flight, bool) or not isinstance(in_flight, int) or not 1 <= in_flight <= MOST_IN_FLIGHT:
            raise InvalidInput(f"in_flight is {in_flight!r:.80}", "", f"Give an integer from 1 to {MOST_IN_FLIGHT}")
        if not iterables:
            raise InvalidInput("Nothing was given to map over", "", "Give an iterable for each argument")
        for one in iterables:
            if not isinstance(one, Iterable):
                raise InvalidInput(f"{one!r:.80} cannot be iterated over", "", "Give an iterable for each argument")
        self._submit, self._returns = submit, return_exceptions
        self._items = zip(*iterables, strict=False)
        self._waiting: deque[Future[T]] = deque()
        while len(self._waiting) < in_flight and self._feed():
            pass

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if not self._waiting:
            raise StopIteration
        future = self._waiting.popleft()
        try:
            value = future.result()
        except Exception as error:
            if not self._returns:
                self.cancel()
                raise
            value = error       # type: ignore[assignment]
        except BaseException:       # Ctrl-C: it goes on, and so may who waits
            self._waiting.appendleft(future)
            raise
        self._feed()
        return value

    def cancel(self) -> None:
        """No further call is made, and those under way are cancelled."""
        self._items = zip()
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()

    def _feed(self) -> bool:
        """One more call; False if there is no further item."""
        for item in self._items:
            self._waiting.append(self._submit(*item))
            return True
        return False
