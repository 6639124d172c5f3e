"""Who waits for a QPU to be empty. Everything but the waiting itself is called with the core's lock held."""

from __future__ import annotations

from qloop.runtime.ticket import Latch


class Drain:
    """One wait for one QPU: over when it is empty, or when it is called off."""

    __slots__ = ("_over", "empty", "over", "qpu")

    def __init__(self, qpu: str) -> None:
        self.qpu, self.empty, self.over = qpu, False, False
        self._over = Latch()

    def end(self, empty: bool) -> None:
        """The wait is over."""
        if not self.over:
            self.empty, self.over = empty, True
            self._over.open()

    def wait(self, timeout: float | None) -> None:
        """Sleep until it is over, at most `timeout` seconds."""
        self._over.wait(timeout)


class Drains:
    """All waits that are under way."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Drain]] = {}
        self._given_up = False

    def add(self, drain: Drain) -> None:
        """Somebody waits."""
        if self._given_up:
            drain.end(empty=False)
            return
        self._waiting.setdefault(drain.qpu, []).append(drain)

    def remove(self, drain: Drain) -> None:
        """Nobody waits for it any more."""
        others = [other for other in self._waiting.pop(drain.qpu, []) if other is not drain]
        if others:
            self._waiting[drain.qpu] = others

    def end(self, qpu: str, empty: bool) -> None:
        """All waits for this QPU are over."""
        for drain in self._waiting.pop(qpu, []):
            drain.end(empty)

    def give_up(self) -> None:
        """The scheduler has failed, or the runtime closes: nobody shall wait for what will not come."""
        self._given_up = True
        for qpu in list(self._waiting):
            self.end(qpu, empty=False)
