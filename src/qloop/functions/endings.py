"""How a call ends: its last state and its error, from what its ticket says and from those that it waited for."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any, Final

from qloop.errors import CallFailed, Cancelled, QloopError, UserCodeError
from qloop.functions.handle import Handle
from qloop.functions.parcel import Packed, sealed, unpack
from qloop.model.states import TaskState

NOTHING: Final = object()       # no value has been opened yet
Ending = tuple[TaskState, BaseException | None]


def failed_upstream(future: Handle) -> Handle | None:
    """The first of those that it waits for which has failed or was cancelled."""
    for one in future.upstream:
        ended = one.last if one.last is not None else one.ticket.state if one.ticket is not None and one.firm else None
        if ended in (TaskState.FAILED, TaskState.CANCELLED):
            return one
    return None


def follow(name: str, failed: Handle) -> Ending:
    """How a call ends that waited for one which came to nothing; its error names where that began."""
    while (root := failed_upstream(failed)) is not None:
        failed = root
    cancelled = failed.last is TaskState.CANCELLED or (failed.last is None
                                                       and failed.ticket.state is TaskState.CANCELLED)
    error = failed.error if failed.error is not None else getattr(failed.ticket, "error", None)
    words = str(getattr(error, "what", error)).strip().rstrip(".")
    if cancelled:
        return TaskState.CANCELLED, Cancelled(f"The call {name} was cancelled", f"{failed.name}, which it waited for, "
                                              f"was cancelled: {words}")
    return TaskState.FAILED, CallFailed(f"The call {name} was not made", f"{failed.name}, which it waited for, failed: "
                                        f"{words}", f"Its own error says more: future.exception() of {failed.name}")


def end_of(future: Handle, ticket: Any) -> Ending:
    """How a call ends whose ticket has ended; a stage's result is journaled before it is told."""
    call = future.call
    if ticket.state is TaskState.DONE:
        found = sealed(ticket.outcome)
        if isinstance(found, Packed):
            future.desk.take(future, found, keep=bool(call.key))
        if call.key:
            future.client.keep_stage(call.session, call.key, ticket.outcome)
        return TaskState.DONE, None
    failed = failed_upstream(future)
    if failed is not None:
        return follow(call.name, failed)
    if ticket.state is TaskState.CANCELLED:
        return TaskState.CANCELLED, ticket.error
    return TaskState.FAILED, _failure(call.name, ticket)


def opened(future: Handle) -> Any:
    """What it returned; UserCodeError if that cannot be opened here."""
    value = pickle.loads(future.known) if future.known is not None else future.client.answer(future.ticket)
    if not isinstance(value, Packed):
        return value
    try:
        return unpack(value, future.desk.files())
    except Exception as error:
        raise UserCodeError(f"The result of {future.name} cannot be opened here: {type(error).__name__}: {error}",
                            stderr_text="" if future.ticket is None else future.ticket.stderr_text) from error


def tell(callback: Callable[[Any], None], future: Handle) -> None:
    """Call back; what a callback raises is logged, because it is nobody's who could take it."""
    try:
        callback(future)
    except Exception:
        logging.getLogger("qloop").exception("A callback of the call %s raised an exception", future.id)


def ignore(*_: object) -> None:
    """What a call says after its end."""


def _failure(name: str, ticket: Any) -> BaseException:
    """The error of a call that failed by itself."""
    error: BaseException = ticket.error
    if isinstance(error, UserCodeError) and not error.traceback_text:
        wrote = f"It wrote:\n{error.stderr_text}" if error.stderr_text else ""
        return CallFailed(f"The call {name} failed: {error.what}", wrote)
    if type(error) is QloopError:     # its worker was lost once too often
        wrote = f"It wrote:\n{ticket.stderr_text}" if ticket.stderr_text else ""
        return CallFailed(f"The call {name} failed", f"{ticket.reason}, in attempt {ticket.attempt}", wrote)
    return error
