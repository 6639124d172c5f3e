"""What the parts of this room know of a future and of each other, so that none needs to know how another is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from qloop.functions.parcel import Files, Packed, Place
from qloop.functions.story import Story
from qloop.model.states import TaskState
from qloop.runtime.client import Host


class Registry(Protocol):
    """What a future asks of the desk that made it."""

    @property
    def client(self) -> Host:
        """The runtime."""

    @property
    def place(self) -> Place:
        """Where large values lie."""

    def files(self) -> Files:
        """The store of large values."""

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A piece of a file, for a worker that does not see it."""

    def drop(self, packed: Packed) -> None:
        """These arguments were used."""

    def take(self, future: Handle, result: Packed, keep: bool) -> None:
        """A result is there."""

    def done(self, future: Handle) -> None:
        """A future has ended."""


class Handle:
    """A future as others see it: its call, the ticket of its present attempt, and how it ended.

    `known`: what the journal held for it; `last`: its last state, None before; `tries`: attempts of earlier tickets.
    """

    desk: Registry
    call: Any
    client: Host
    story: Story
    ticket: Any
    known: bytes | None
    last: TaskState | None
    error: BaseException | None
    tries: int
    submitted_s: float
    ended_s: float

    @property
    def upstream(self) -> Sequence[Handle]:
        """All futures that it waits for."""
        found: Sequence[Handle] = self.call.upstream
        return found

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self.call.name)

    @property
    def id(self) -> str:
        """A name that no other call of the run has."""
        return f"{self.call.session}/{self.call.number}-{self.call.name}"

    @property
    def firm(self) -> bool:
        """Whether its next end is its last, so that the engine itself may let others wait for it."""
        raise NotImplementedError

    def done(self) -> bool:
        """Whether there is a result or an error, or it was cancelled."""
        return self.last is not None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result."""
        raise NotImplementedError

    def cancel(self) -> bool:
        """Drop the call."""
        raise NotImplementedError

    def add_done_callback(self, callback: Callable[[Self], None]) -> None:
        """Call back once it is done."""
        raise NotImplementedError
