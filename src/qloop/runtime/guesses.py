"""The memo table of a session: evaluations that were asked for before anybody knows whether they will be wanted.

An evaluation is a function of its identity (`identity.py`), so a guess of the right one has the very values: whoever
asks on the committed path looks here first. A guess that is not wanted is squashed: its cost stays and, while the
session is open and the calibration epoch the same, its values, for nobody pays twice for a shot that was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.engine import tenants
from qloop.engine.state import State
from qloop.errors import BudgetExceeded, Refused
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.states import TaskState
from qloop.policies.place import is_loaded
from qloop.runtime import estimates, requests
from qloop.runtime.accepting import accept, enter
from qloop.runtime.assembly import Parts
from qloop.runtime.effects import refusal
from qloop.runtime.guess_runs import Held
from qloop.runtime.identity import batch_digest
from qloop.runtime.quantum import Book
from qloop.runtime.stored import recall
from qloop.runtime.tally import Speculated, Stake, Tally
from qloop.runtime.ticket import Outcome, QuantumTicket

SPARE = 256         # squashed guesses of a session whose values are kept


class Guessing:
    """The part of a runtime that deals with guesses; any thread may call it."""

    parts: Parts

    def speculate(self, session: str, structure: str, thetas: NDArray[np.float64], shots: int, stake: Stake, *,
                  iteration: int = 0, ahead: Sequence[QuantumTicket] = ()) -> QuantumTicket | None:
        """Evaluate (batch, parameters) sets where nobody else wants a QPU, in case they are asked for next.

        `ahead`: guesses that would be asked for before. None if it is known, not worth its stake, or refused.
        """
        parts, book = self.parts, self.parts.sessions.find(session)
        source = requests.source(book, structure)
        rows = requests.check(thetas, source.n_parameters, shots, False)
        identities = book.counter.peek(structure, rows, shots, [other.thetas for other in ahead])
        digest = batch_digest(identities, False)
        known = book.guesses.get(digest)
        if digest in book.memo or (known is not None and not known.squashed):
            return known
        spare = book.spare.get(digest)
        if spare is not None and current(parts, spare.held):
            return spare
        if not stake.remote and (far := distant(parts, book)):
            book.tally.refused = (f"QPU {far} is run by others, who are paid for wrong guesses too; "
                                  "Speculation(remote=True) allows it")
            return None
        now = parts.timers.clock.now()
        number = book.tally.launched + 1        # late ends of an earlier guess of the same must not find this one
        ticket = QuantumTicket(f"{book.task_id(digest)}~{number}", book.id, iteration=iteration, structure=structure,
                               thetas=rows, shots=shots, identities=identities, digest=digest, ready_ns=now,
                               speculative=True, launched_ns=now)
        longest = longest_s(parts, book, ticket) if stake.probability < 1.0 else 0.0
        with book.lock:
            if not book.tally.allows(stake, ticket, longest, list(book.guesses.values()), now):
                return None
        try:
            estimates.reserve(parts, book, ticket)
            accept(parts, book, ticket, source.n_qubits)
        except (BudgetExceeded, Refused) as error:
            parts.accounts.forgo(ticket)
            parts.effects.tickets.pop(ticket.id, None)
            book.tally.refused = error.why or error.what
            return None
        book.guesses[digest] = ticket
        with book.lock:
            book.tally.launched += 1
            book.tally.refused = ""
        return ticket

    def squash(self, ticket: QuantumTicket, reason: str) -> None:
        """A guess is not wanted; `reason` is one of `REASONS`. One that is wanted, or was squashed, stays as it is."""
        book = self.parts.sessions.books.get(ticket.session)
        if book is not None and ticket.speculative:
            squash(self.parts, book, ticket, reason)

    def is_current(self, ticket: QuantumTicket) -> bool:
        """Whether the values of a guess, if it has any, are of the present calibration epoch."""
        return current(self.parts, ticket.held)

    def speculated(self, session: str) -> Speculated:
        """What the session's guesses came to so far."""
        return tally_of(self.parts, session)


def tally_of(parts: Parts, session: str) -> Speculated:
    """The tally of a session, open or ended in this life of the run."""
    book = parts.sessions.books.get(session)
    now = parts.timers.clock.now()
    if book is None:
        return parts.sessions.speculated.get(session, Tally()).view(now)
    with book.lock:
        told = book.tally.view(now)
    return told if book.pin else msgspec.structs.replace(told, qpus=len(parts.qpus))


def longest_s(parts: Parts, book: Book, ticket: QuantumTicket) -> float:
    """QPU-seconds that a guess may take where the session's waveforms are least loaded, of the QPUs that may run it."""
    cold = {name: parts.qpus[name].describe().cold_s for name in ([book.pin] if book.pin else list(parts.qpus))}
    load = parts.core.ask(lambda engine: load_s(engine.state, book.id, cold)) if any(cold.values()) else 0.0
    assert isinstance(load, float)
    return estimates.predicted_s(parts, book, ticket) + load


def load_s(state: State, session: str, cold: Mapping[str, float]) -> float:
    """The longest load among these QPUs, by their names, on which the session's waveforms are not, or not any more."""
    known = state.sessions.get(session)
    rows = [(name, q) for name in cold if (q := state.qpu_ids.get(name, -1)) >= 0]
    return max((0.0 if known is not None and is_loaded(state.flows[known.row], state.qpu_rows[q], state.totals, q,
                                                       state.t) else cold[name] for name, q in rows), default=0.0)


def make_room(parts: Parts, book: Book, ticket: QuantumTicket) -> None:
    """Reserve what a wanted task may cost; guesses give way to it also in the budget. Raises `BudgetExceeded`."""
    try:
        estimates.reserve(parts, book, ticket)
    except BudgetExceeded:
        if not book.guesses:
            raise
        drop_all(parts, book, "budget")
        estimates.reserve(parts, book, ticket)


def claim(parts: Parts, book: Book, digest: bytes, iteration: int, cpu_s: float = 0.0) -> QuantumTicket | None:
    """The guess that is this evaluation, from now on on the committed path; None if there is none that may be used.

    Raises `Refused` where a task that comes now would be, though the values are there. One that still waits or runs is
    journaled as any accepted task is, and `cpu_s`, that of its classical step, is charged like any.
    """
    ticket = book.guesses.pop(digest, None)
    if ticket is None or ticket.squashed:
        return None
    held, now = ticket.held, parts.timers.clock.now()
    if not current(parts, held):
        squash(parts, book, ticket, "epoch_change")
        return None
    if ticket.done:
        check_quota(parts, book, ticket)
    ticket.iteration, ticket.ready_ns = iteration, now
    entered = not ticket.done and not parts.timers.clock.virtual
    if entered:
        enter(parts, ticket)
    parts.core.tell(ev.QuantumCommitted(ticket.id, book.id, cpu_s))
    was = ticket.speculative    # the engine has it no more: it is done, or came to nothing
    if was and ticket.state is not TaskState.DONE:
        if entered:
            parts.store.cancel(ticket.id, now)
        return None
    with book.lock:
        book.tally.adopt(ticket)
        book.tally.wanted(ticket, now)
        held, ticket.held = ticket.held, None
    if held is not None:
        ticket.outcome = parts.quantum.keep_held(held)
    if was:
        ticket.outcome.source = "memo"
        recording = parts.recording
        if recording is not None:
            parts.core.post(lambda at: recording.committed(at, ticket))
    return ticket


def check_quota(parts: Parts, book: Book, ticket: QuantumTicket) -> None:
    """Raise `Refused` if the tenant's quota is used up; the guess keeps its place, and its name its number."""
    def ask() -> object:
        return parts.core.ask(lambda engine: tenants.refusal(engine.state, book.tenant, ticket.id))

    found = ask()
    if found is not None:           # perhaps of a window that is over: the engine has the time of its last event
        parts.core.tell(ev.Tick())
        found = ask()
    if isinstance(found, cmd.Refused):
        book.guesses[ticket.digest] = ticket
        book.counter.forget(ticket.structure, ticket.thetas, ticket.shots, ticket.identities)
        raise refusal(found)


def squash(parts: Parts, book: Book, ticket: QuantumTicket, reason: str) -> None:
    """Nobody will want this guess: it leaves the table, its line or its QPU, and what it cost is accounted."""
    if book.guesses.get(ticket.digest) is ticket:
        book.guesses.pop(ticket.digest, None)
    if not ticket.done:
        parts.core.tell(ev.TaskCancelled(ticket.id, reason))
    if ticket.speculative and ticket.state is TaskState.DONE:
        drop(parts, book, ticket, reason)


def current(parts: Parts, held: Held | None) -> bool:
    """Whether held values are of the present calibration; a provider's are in the journal, and stay."""
    return held is None or parts.quantum.epochs[held.outcome.qpu] == held.outcome.epoch


def distant(parts: Parts, book: Book) -> str:
    """A QPU run by others on which guesses of the session may run; empty if there is none."""
    return next((name for name in ([book.pin] if book.pin else parts.quantum.qpus) if parts.quantum.remote.has(name)),
                "")


def again(parts: Parts, book: Book, digest: bytes) -> Outcome | None:
    """The values of a squashed guess that is this evaluation, now a result; None if there are none that may be used."""
    spare = book.spare.pop(digest, None)
    if spare is None or not current(parts, spare.held):
        return None
    if spare.held is None:
        row = parts.store.get_result(book.id, digest)
        outcome = None if row is None else recall(row)
    else:
        outcome = parts.quantum.keep_again(spare.held)
    with book.lock:
        book.tally.reused += outcome is not None
    return outcome


def drop(parts: Parts, book: Book, ticket: QuantumTicket, reason: str) -> None:
    """A guess that has its values is not wanted; they are put by, in case it is asked for later."""
    with book.lock:
        if not book.tally.unwanted(ticket, reason):
            return
        held = ticket.held
        if reason == "epoch_change":
            ticket.held = None
        else:
            put_by(book, ticket)
    if held is not None:
        parts.quantum.account_squashed(ticket, held)
    recording = parts.recording
    if recording is not None:
        parts.core.post(lambda now: recording.squashed(now, ticket, reason))


def put_by(book: Book, ticket: QuantumTicket) -> None:
    """Keep the values of a squashed guess, those of the last `SPARE` alone; the book's lock is held."""
    book.spare[ticket.digest] = ticket
    while len(book.spare) > SPARE:
        del book.spare[next(iter(book.spare))]


def drop_all(parts: Parts, book: Book, reason: str) -> None:
    """Squash all guesses of a session."""
    for ticket in list(book.guesses.values()):
        squash(parts, book, ticket, reason)
