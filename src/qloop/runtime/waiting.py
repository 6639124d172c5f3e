"""Waiting for tasks: asleep, running a task whose turn has come, or letting virtual time pass."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from qloop.engine.engine import Engine
from qloop.engine.explain import held_up
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
        raise late(ticket, timeout, standing(parts, ticket))


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
        raise late(ticket, timeout, standing(parts, ticket))


def drain(parts: Parts) -> None:
    """Wait for the accepted tasks of sessions that are closing, but for those that wait for an operator."""
    closing = parts.core.ask(lambda engine: {session.id for session in engine.state.sessions.values()
                                             if session.state is SessionState.CLOSING})
    assert isinstance(closing, Collection)
    for ticket in list(parts.effects.tickets.values()):
        if ticket.session in closing and not parts.core.ask(partial(holds_up, ticket)):
            wait(parts, ticket)


def holds_up(ticket: Ticket, engine: Engine) -> str:
    """What an operator did that keeps the task waiting; empty for nothing."""
    return held_up(engine.state, ticket.id)


def standing(parts: Parts, ticket: Ticket) -> str:
    """What becomes of a task that was waited for too long: it goes on, unless an operator holds it up."""
    detail = parts.core.ask(partial(holds_up, ticket))
    return f"It waits for an operator: {detail}." if detail else "It goes on."


def late(ticket: Ticket, timeout: float | None, now: str) -> TimeoutError:
    """The error of a wait that took too long."""
    return TimeoutError(f"The task {ticket.id} was not done after {timeout} s. {now}")
