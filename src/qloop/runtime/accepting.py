"""Giving a quantum task to the engine, journaled before where it may outlive the call."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qloop.model import events as ev
from qloop.runtime import estimates
from qloop.runtime.assembly import Parts
from qloop.runtime.effects import refusal
from qloop.runtime.journal.rows import TaskRow
from qloop.runtime.quantum import Book
from qloop.runtime.ticket import QuantumTicket


def accept(parts: Parts, book: Book, ticket: QuantumTicket, width: int, cpu_s: float = 0.0,
           after: Sequence[str] = ()) -> None:
    """Journal the task, where it may outlive this call, and give it to the engine; raises `Refused`.

    A guess is journaled when it is committed: what nobody asked for is not taken up again.
    """
    if not ticket.inline and not ticket.guess and not parts.timers.clock.virtual:
        enter(parts, ticket)
    parts.effects.tickets[ticket.id] = ticket
    parts.profiles.tell(book.shelf, ticket.structure, book.pin)
    predicted_s = estimates.predicted_s(parts, book, ticket)
    parts.core.tell(ev.QuantumSubmitted(ticket.id, book.id, width, ticket.shots, predicted_s, cpu_s, 1.0, book.pin,
                                        ticket.iteration, tuple(after), ticket.structure, ticket.speculative))
    refused = parts.effects.refusals.pop(ticket.id, None)
    if refused is not None:
        raise refusal(refused)


def enter(parts: Parts, ticket: QuantumTicket) -> None:
    """Put the task into the journal, so that a later life of the run takes it up."""
    body = msgspec.msgpack.encode((ticket.structure, ticket.thetas.tobytes(), ticket.thetas.shape, ticket.shots,
                                   ticket.counts))
    parts.store.put_task(TaskRow(ticket.id, ticket.session, "quantum", body, ticket.ready_ns))
