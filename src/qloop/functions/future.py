"""Future: a handle on a call that runs, or will run, on a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from qloop.errors import Cancelled, InvalidInput, QloopError
from qloop.functions import course, endings
from qloop.functions.awaiting import wait_async
from qloop.functions.call import Call
from qloop.functions.handle import Handle, Registry
from qloop.functions.invocation import Invocation
from qloop.functions.parcel import Again, Known, sealed
from qloop.functions.story import Story
from qloop.functions.watched import Watched
from qloop.model.limits import MAX_TIMEOUT_S
from qloop.model.states import TaskState
from qloop.runtime.client import Attend, Ticket, answering

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed and was repeated: its number, the exception in a line, and its traceback."""

    attempt: int
    error: str
    traceback_text: str


class Future(Watched, Generic[T]):
    """The result of a call: wait for it with `result()`, follow it with `logs`, `progress` and `metrics`.

    It may be an argument of further calls, which start when it is done. Any thread may use it.
    """

    def __init__(self, desk: Registry, call: Call) -> None:
        self.desk, self.call, self.client = desk, call, desk.client
        self.story = Story(self.client.now_s)
        self.failures: tuple[Failure, ...] = ()
        self.known: bytes | None = None     # from the journal
        self.ticket: Any = None
        self.last: TaskState | None = None      # its last state
        self.error: BaseException | None = None
        self.tries = self._missing = 0          # attempts of earlier tickets
        self.submitted_s, self.ended_s = self.client.now_s(), -1.0
        self._value: Any = endings.NOTHING
        self._lock, self._end = threading.RLock(), threading.Event()
        self._callbacks: list[Callable[[Future[T]], None]] = []
        self._answers: Any = None

    # -- what a user asks

    def cancelled(self) -> bool:
        """Whether it was cancelled, or what it needs was."""
        return self.last is TaskState.CANCELLED

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result; raises what went wrong, or TimeoutError after `timeout` seconds, and it goes on.

        `UserCodeError` with the function's own traceback, `CallFailed`, or `Cancelled`.
        """
        self._wait(timeout)
        if self.error is not None:
            raise self.error
        with self._lock:
            if self._value is endings.NOTHING:
                self._value = endings.opened(self)
            value: T = self._value
        return value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end; the error it ended with, None if it has a result."""
        self._wait(timeout)
        return self.error

    def cancel(self) -> bool:
        """Drop the call, and with it all that wait for its result; False if it was done before."""
        with self._lock:
            ticket = self.ticket
            if self.done():
                return self.cancelled()
        if ticket is not None and not ticket.done:
            self.client.cancel(ticket)      # its end comes back as the ticket's
        self.settle(TaskState.CANCELLED, Cancelled(f"The call {self.name} was cancelled", "by its owner"))
        return self.cancelled()

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Call `callback(self)` once it is done (at once if it is), in whatever thread ends it; it must not wait."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    # -- how it goes on

    def begin(self) -> None:
        """Submit the call, or wait for what it needs. Raises what is wrong with it."""
        if self.known is not None:
            self.settle(TaskState.DONE)
            return
        pending = [one for one in self.upstream if not one.firm]
        with self._lock:
            self._missing = len(pending)
        if not pending or endings.failed_upstream(self) is not None:
            self._submit()
            return
        for one in pending:
            one.add_done_callback(self._one_less)

    @property
    def firm(self) -> bool:
        """Whether its next end is its last, so that the engine itself may let others wait for it."""
        return self.done() or (self.ticket is not None and self._tries_left() == 0)

    def settle(self, state: TaskState, error: BaseException | None = None) -> None:
        """Its last state, for all who wait."""
        with self._lock:
            if self.done():
                return
            self.error, self.last, self.ended_s = error, state, self.client.now_s()
            callbacks, self._callbacks = self._callbacks, []
            if self.ticket is not None:
                self.ticket.hear = self.ticket.asked = endings.ignore   # who holds the ticket need not hold this
        self._end.set()
        self.story.end()
        self.desk.done(self)
        self.desk.drop(self.call.arguments)
        if self._answers is not None:
            self._answers.end(state)
        for callback in callbacks:
            endings.tell(callback, self)

    def give_up(self) -> None:
        """The runtime closes."""
        if self.ticket is None or self.ticket.done:
            self.settle(TaskState.CANCELLED, Cancelled(f"The call {self.name} was cancelled", "The runtime was closed"))

    def _tries_left(self) -> int:
        return int(self.call.wish.retries) - len(self.failures)

    def _one_less(self, other: Handle) -> None:
        """One of those that it waited for is done."""
        with self._lock:
            self._missing -= 1
            if self._missing or self.done():
                return
        self._submit_later()

    def _submit_later(self) -> None:
        """Submit, where nobody takes an error but whoever waits for the result."""
        try:
            if not self.done():
                self._submit()
        except Exception as error:
            self.settle(TaskState.FAILED, error)

    def _submit(self) -> None:
        call = self.call
        failed = endings.failed_upstream(self)
        if failed is not None:
            self.settle(*endings.follow(self.name, failed))
            return
        invocation = Invocation(call.name, call.code, call.arguments, self._tries_left() > 0, self.desk.place,
                                call.wish.environment)
        inputs = [one.ticket if one.known is None else Known(one.known) for one in call.inputs]
        after = [one.ticket.id for one in call.wish.after if one.ticket is not None and not one.ticket.done]
        try:
            ticket: Any = self.client.call(call.session, invocation, *inputs, modelled_s=call.wish.estimate_s,
                                           needs=call.wish.needs, after=after,
                                           attend=Attend(self.story.hear, self._asked))
        except QloopError:
            failed = endings.failed_upstream(self)
            if failed is None:
                raise
            self.settle(*endings.follow(self.name, failed))
            return
        with self._lock:
            gone = self.done()
            self.ticket = ticket
        ticket.when_done(self._arrived)
        if gone:
            self.client.cancel(ticket)

    def _arrived(self, ticket: Ticket) -> None:
        """The ticket has ended: with a result, or an error, or with one that it may be repeated for."""
        if self.done():
            return
        found = sealed(ticket.outcome) if ticket.state is TaskState.DONE else None
        if isinstance(found, Again):
            self._repeat(found, ticket)
            return
        try:
            self.settle(*endings.end_of(self, ticket))
        except Exception as error:      # it could not be journaled
            self.settle(TaskState.FAILED, error)

    def _repeat(self, found: Again, ticket: Ticket) -> None:
        """Try once more after a pause."""
        with self._lock:
            self.tries += ticket.attempt
            self.failures = (*self.failures, Failure(self.tries, found.error, found.traceback_text))
            self.ticket = None
        pause = self.call.wish.pause_s(len(self.failures))
        self.story.write(f"[attempt {self.tries} raised {found.error}; it is repeated after {pause:g} s]\n")
        self.client.later(pause, self._submit_later)

    def _asked(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        """The function asks for quantum results, or for a file."""
        if self._answers is None:
            label = self.call.key[:16] or f"{self.call.name}-{self.call.number}"
            self._answers = answering(self.client, label)
        self._answers.asked(data, reply, self.desk.read)

    def _wait(self, timeout: float | None) -> None:
        """Until it is done; TimeoutError after `timeout` seconds (of virtual time, where time is virtual)."""
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)
                                    or not 0.0 <= timeout <= MAX_TIMEOUT_S):
            raise InvalidInput(f"The time-out is {timeout!r:.80}", "", f"Give seconds from 0 to {MAX_TIMEOUT_S:.0f}")
        if self.client.virtual:
            course.pass_time(self, timeout)
        else:
            self._end.wait(timeout)
        if not self.done():
            raise TimeoutError(f"The call {self.id} was not done after {timeout} s. It goes on. {self.explain()}")

    def __await__(self) -> Generator[Any, None, T]:
        return wait_async(self).__await__()

    def __reduce__(self) -> Any:
        raise InvalidInput(f"The future of {self.name} cannot travel inside of another object", "",
                           "Pass it as an argument itself, or in a list, tuple or dict")

    def __repr__(self) -> str:
        return f"<Future {self.id} {self.state}>"
