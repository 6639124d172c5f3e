"""A `concurrent.futures.Executor` over pilots: whatever takes an executor runs on Dask, Ray, Slurm, or here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from qloop.pilots.spec import PilotSpec
from qloop.runtime.classical import opened
from qloop.runtime.embedded import Runtime
from qloop.runtime.options import MEMORY
from qloop.runtime.ticket import ClassicalTicket, Ticket
from qloop.runtime.wishes import SessionWish

T = TypeVar("T")


class OnPilots(Executor):
    """Calls become classical tasks of a session. Cancelling a future ends its task; what a lost worker ran is repeated.
    """

    def __init__(self, runtime: Runtime, session: str) -> None:
        self._runtime, self._session = runtime, session
        self._futures: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run the call on a worker; it must be possible to pickle it, and what it returns. Raises what refuses it."""
        future: Future[T] = Future()
        ticket = self._runtime.call(self._session, fn, *args, named=kwargs)
        self._futures.add(future)
        future.add_done_callback(partial(self._settled, ticket))
        ticket.when_done(partial(_tell, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or end it."""
        from concurrent.futures import wait as wait_for

        pending = list(self._futures)
        for future in pending if cancel_futures else ():
            future.cancel()
        if wait:
            wait_for(pending)

    def _settled(self, ticket: Ticket, future: Future[Any]) -> None:
        self._futures.discard(future)
        if future.cancelled() and not ticket.done:
            self._runtime.cancel(ticket)


@contextmanager
def on_pilots(*pilots: str | PilotSpec) -> Iterator[OnPilots]:
    """An executor over these pilots and nothing else; whatever ends the block, what still runs ends with it."""
    with Runtime(qpus=["exact"], journal=MEMORY, pilots=pilots) as runtime:
        executor = OnPilots(runtime, runtime.open_session(SessionWish(kind="background")))
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def _tell(future: Future[Any], ticket: Ticket) -> None:
    """The task is over: whoever waits for the future gets what it returned, or what went wrong."""
    assert isinstance(ticket, ClassicalTicket)
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = opened(ticket)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(value)
