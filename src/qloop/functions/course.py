"""How a call goes: its state, its times, why it waits, and what it prints, as its future tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from qloop.errors import QloopError
from qloop.functions.handle import Handle
from qloop.model.limits import SECOND
from qloop.model.states import TaskState


class Times(msgspec.Struct, frozen=True):
    """Seconds of the run's clock; -1: not yet. `began_s`: its last attempt was handed to a worker."""

    submitted_s: float
    began_s: float = -1.0
    ended_s: float = -1.0


def state_of(future: Handle) -> TaskState:
    """Where it stands now."""
    if future.last is not None:
        return future.last
    if future.ticket is None:
        return TaskState.BLOCKED
    told = _told(future)
    if told is None:
        return TaskState.RUNNING if future.ticket.attempt else TaskState.READY
    return TaskState(told.state)


def times_of(future: Handle) -> Times:
    """When things happened."""
    ticket = future.ticket
    began = -1.0 if ticket is None or not ticket.attempt else ticket.begun_ns / SECOND
    return Times(future.submitted_s, began, future.ended_s)


def explained(future: Handle) -> str:
    """Why it does not run, or how it ended, in a sentence."""
    if future.last is TaskState.DONE:
        return f"It is done{' and was known from the journal' if future.known is not None else ''}."
    if future.last is not None:
        return f"It is {future.last}: {getattr(future.error, 'what', future.error)}."
    missing = [one.name for one in future.upstream if not one.done()]
    if future.ticket is None:
        return f"It waits for {', '.join(missing)}." if missing else "It pauses before it is tried again."
    told = _told(future)
    if told is None:
        return "It is about to end."
    if told.state is TaskState.BLOCKED and missing:
        return f"It waits for {', '.join(missing)}."
    place = f" on {future.ticket.place}, attempt {future.ticket.attempt}" if told.state is TaskState.RUNNING else ""
    line = f" (number {told.position} in line)" if told.position > 1 else ""
    return f"It is {told.state}: {told.reason}{line}{place}."


def followed(future: Handle) -> Iterator[str]:
    """What it prints, line by line; first why it waits, if it does."""
    if future.client.virtual:
        pass_time(future, None)
    if future.last is None and state_of(future) is not TaskState.RUNNING:
        yield f"[{future.call.name}: {explained(future)}]"
    yield from future.story.lines()


def pass_time(future: Handle, timeout: float | None) -> None:
    """Let virtual time pass until it is done, or `timeout` seconds of it are over."""
    over: list[bool] = []
    if timeout is not None and not future.done():
        future.client.later(timeout, lambda: over.append(True))
    future.client.run_until(lambda: future.done() or bool(over))


def _told(future: Handle) -> Any:
    """What the engine says of it; None once it knows of it no more."""
    try:
        return future.client.explain(future.ticket)
    except QloopError:
        return None
