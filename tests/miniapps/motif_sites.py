"""Sites and ranks for tests of the motifs: completion in any order, ranks as threads, runtimes that leave no file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from qloop.miniapps.motifs.site import InProcess
from qloop.runtime.embedded import Runtime

DEADLINE_S = 60.0


class Late(InProcess):
    """A site whose tasks run when their results are all wanted, the last one submitted first."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.waiting: list[LateHandle] = []
        self.ran: list[int] = []

    def submit(self, function: Callable[..., Any], *arguments: Any, **wishes: Any) -> Any:
        """Keep it for later."""
        self.waiting.append(LateHandle(self, len(self.waiting), function, arguments))
        return self.waiting[-1]

    def run_all(self) -> None:
        """Run whatever waits, last first."""
        for handle in reversed(self.waiting):
            if handle.inner is None:
                self.ran.append(handle.number)
                handle.inner = super().submit(handle.function, *handle.arguments)


class LateHandle:
    """A task of such a site."""

    def __init__(self, site: Late, number: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.site, self.number, self.function, self.arguments = site, number, function, arguments
        self.inner: Any = None

    def result(self) -> Any:
        """Run everything, and give this one's result."""
        self.site.run_all()
        return self.inner.result()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class ThreadRanks:
    """Ranks that are threads of this process: an exchange is two slots and a barrier."""

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, slots: list[Any]) -> None:
        self.rank, self.size, self._barrier, self._slots = rank, size, barrier, slots

    def exchange(self, values: np.ndarray, partner: int) -> np.ndarray:
        """Swap with the partner; all ranks exchange at the same moments."""
        self._slots[self.rank] = values.copy()
        self._barrier.wait(DEADLINE_S)
        found = self._slots[partner]
        self._barrier.wait(DEADLINE_S)
        return found

    def total(self, value: float) -> float:
        """The sum over all."""
        self._slots[self.rank] = value
        self._barrier.wait(DEADLINE_S)
        found = sum(self._slots)
        self._barrier.wait(DEADLINE_S)
        return found


def on_threads(function: Callable[..., Any], size: int, *arguments: Any) -> list[Any]:
    """What the function returns on each of so many ranks."""
    barrier, slots = threading.Barrier(size), [None] * size
    found: list[Any] = [None] * size
    errors: list[BaseException] = []

    def one(rank: int) -> None:
        try:
            found[rank] = function(ThreadRanks(rank, size, barrier, slots), *arguments)
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    if errors:
        raise errors[0]
    return found


@contextmanager
def runtime(*qpus: str, **settings: Any) -> Iterator[Runtime]:
    """A runtime without a file."""
    with Runtime(qpus=list(qpus) or ["exact"], journal=":memory:", **settings) as made:
        yield made
