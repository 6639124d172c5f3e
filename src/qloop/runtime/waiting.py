"""Waiting for tasks: asleep, running a task whose turn has come, or letting virtual time pass."""

from __future__ import annotations

from collections.abc import Collection

from qloop.model.limits import NEVER, SECOND
from qloop.model.states import SessionState
from qloop.runtime.assembly import Parts
from qloop.runtime.clock import VirtualClock
from qloop.runtime.ticket import QuantumTicket, Ticket


def wait(parts: Parts, ticket: Ticket, timeout: float | None = None) -> None:
    """Until the ticket is done; TimeoutError after `timeout` seconds (of virtual time, where time is virtual)."""
    if parts.timers.clock.virtual:
        pass_time(parts, ticket, timeout)
    elif not ticket.wait_done(timeout):
        raise late(ticket, timeout, "It goes on.")


def wait_inline(parts: Parts, ticket: QuantumTicket, timeout: float | None = None) -> None:
    """Until the ticket is done, running it in this thread whenever it has its turn; `timeout` is for the turn.

    Whatever breaks the wait off ends the task: nobody else would run it.
    """
    try:
        while not ticket.done:
            turn = ticket.turn(timeout)
            if turn is not None:
                parts.quantum.run(turn)
            elif not ticket.done:
                raise late(ticket, timeout, "It was cancelled.")
    finally:
        if ticket.done:
            parts.quantum.give_back(ticket)
        else:
            parts.abandon(ticket)


def pass_time(parts: Parts, ticket: Ticket, timeout: float | None) -> None:
    """Let virtual time pass until the ticket is done, at most `timeout` seconds of it."""
    if ticket.done:
        return
    timers, clock = parts.timers, parts.timers.clock
    last = NEVER if timeout is None else clock.now() + round(timeout * SECOND)
    parts.stepper.until(lambda: ticket.done or (timers.next_ns() or 0) > last)
    if not ticket.done:
        if isinstance(clock, VirtualClock):
            clock.advance(last)     # the time that was waited has passed, or who asks again would wait for ever
        raise late(ticket, timeout, "It goes on.")


def drain(parts: Parts) -> None:
    """Wait for the accepted tasks of sessions that are closing."""
    closing = parts.core.ask(lambda engine: {session.id for session in engine.state.sessions.values()
                                             if session.state is SessionState.CLOSING})
    assert isinstance(closing, Collection)
    for ticket in list(parts.effects.tickets.values()):
        if ticket.session in closing:
            wait(parts, ticket)


def late(ticket: Ticket, timeout: float | None, now: str) -> TimeoutError:
    """The error of a wait that took too long."""
    return TimeoutError(f"The task {ticket.id} was not done after {timeout} s. {now}")
