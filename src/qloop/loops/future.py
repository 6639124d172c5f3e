"""QuantumFuture: a handle on a quantum result that may not be there yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from qloop.errors import InvalidInput
from qloop.model.limits import MAX_TIMEOUT_S
from qloop.model.states import TaskState
from qloop.runtime.client import Client, Outcome, QuantumTicket, Ticket

T = TypeVar("T")


class QuantumFuture(Generic[T]):
    """The result of one quantum task: wait for it with `result()`, or `await` it.

    `read` turns the task's outcome into the result's form (a float, an array, counts).
    """

    def __init__(self, client: Client, ticket: QuantumTicket, read: Callable[[Outcome], T]) -> None:
        self._client, self._ticket, self._read = client, ticket, read

    @property
    def id(self) -> str:
        """The task's id; the same evaluation has the same id in every life of a run."""
        return self._ticket.id

    def status(self) -> str:
        """`ready` (waits for a QPU), `running`, `done`, `failed` or `cancelled`."""
        ticket = self._ticket
        if ticket.state is TaskState.RUNNING and ticket.reported == ticket.attempt:
            return TaskState.READY.value    # that attempt is over, and the next has not begun
        return ticket.state.value

    def done(self) -> bool:
        """Whether there is a result or an error, or it was cancelled."""
        return self._ticket.done

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._ticket.state is TaskState.CANCELLED

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result; raises what went wrong, `Cancelled`, or TimeoutError after `timeout` seconds.

        After a time-out the task goes on; call again, or `cancel()`.
        """
        check_timeout(timeout)
        return self._read(self._client.gather(self._ticket, timeout))

    def outcome(self, timeout: float | None = None) -> Outcome:
        """Like `result()`, with all that is known of the result."""
        check_timeout(timeout)
        return self._client.gather(self._ticket, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end; the error it ended with, None if it has a result."""
        check_timeout(timeout)
        try:
            self._client.gather(self._ticket, timeout)
        except BaseException as error:
            if error is self._ticket.error:
                return error
            raise
        return None

    def cancel(self) -> bool:
        """Drop the task: it never starts, or nobody is told its result. False if it was done before."""
        if not self._ticket.done:
            self._client.cancel(self._ticket)
        return self.cancelled()

    def add_done_callback(self, callback: Callable[[QuantumFuture[T]], None]) -> None:
        """Call `callback(self)` once it is done (at once if it is), in whatever thread ends it."""
        self._ticket.when_done(lambda ticket: callback(self))

    def explain(self) -> Any:
        """While it waits: its position, the reason, the estimated start, and what each QPU would cost."""
        if self._ticket.done:
            raise InvalidInput(f"The task {self.id} has ended", f"It is {self.status()}",
                               "Its metadata() says where and when")
        return self._client.explain(self._ticket)

    def metadata(self) -> dict[str, Any]:
        """Where the result comes from: QPU, calibration epoch, shots, simulator, and whether from the journal."""
        outcome = self._client.gather(self._ticket)
        return {"qpu": outcome.qpu, "epoch": outcome.epoch, "shots": outcome.shots, "simulator": outcome.simulator,
                "source": outcome.source}

    def __await__(self) -> Generator[Any, None, T]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> T:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()

        def settle() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake(_: Ticket) -> None:
            loop.call_soon_threadsafe(settle)

        if self._client.virtual:
            return self.result()
        self._ticket.when_done(wake)
        try:
            await waiter
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self.result()

    def __repr__(self) -> str:
        return f"<QuantumFuture {self.id} {self.status()}>"


def check_timeout(timeout: float | None) -> None:
    """InvalidInput for a time-out that is no time."""
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0.0 <= timeout <= MAX_TIMEOUT_S:
        raise InvalidInput(f"The time-out is {timeout!r:.80}", "",
                           f"Give seconds from 0 to {MAX_TIMEOUT_S:.0f}, or None to wait as long as it takes")
