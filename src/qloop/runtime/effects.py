"""Carrying out the engine's commands: each is met by the part of the runtime that can."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final, assert_never

from qloop.errors import Cancelled, InvalidInput, JournalError, QloopError, QpuError, Refused, SessionEnded
from qloop.model import commands as cmd
from qloop.model.events import Tick
from qloop.model.limits import SECOND
from qloop.model.states import TaskState
from qloop.runtime.classical import ClassicalSide
from qloop.runtime.core import Core
from qloop.runtime.drains import Drains
from qloop.runtime.environment import Environment
from qloop.runtime.guess_runs import squash_reason
from qloop.runtime.journal import rows
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import SessionState
from qloop.runtime.quantum import Book, QuantumSide
from qloop.runtime.sessions import Sessions, view_of
from qloop.runtime.ticket import ClassicalTicket, QuantumTicket, Ticket
from qloop.runtime.timers import Timers

MAX_REFUSALS: Final = 1024


class Effects:
    """Obeys commands; called with the core's lock held, so nothing here waits or calls back."""

    def __init__(self, store: Store, sessions: Sessions, quantum: QuantumSide, classical: ClassicalSide,
                 timers: Timers) -> None:
        self.store, self.sessions, self.quantum, self.timers = store, sessions, quantum, timers
        self.classical = classical
        self.tickets: dict[str, Ticket] = {}
        self.refusals: dict[str, cmd.Refused] = {}
        self.drains = Drains()
        self.core: Core | None = None
        self.environment: Environment | None = None
        self.drop_guesses: Callable[[Book], None] | None = None
        self.failures: list[Exception] = []

    def obey(self, now: int, command: cmd.Command) -> None:
        """One command."""
        match command:
            case cmd.StartQuantum():
                ticket = self.tickets[command.task]
                assert isinstance(ticket, QuantumTicket)
                ticket.state = TaskState.RUNNING
                self.quantum.start(ticket, self.sessions.books[ticket.session], command)
            case cmd.TaskEnded():
                self._task_ended(command)
            case cmd.WakeAt():
                self.timers.at(command.at_ns, self._tick)
            case cmd.StartClassical():
                called = self.tickets[command.task]
                assert isinstance(called, ClassicalTicket)
                self.classical.start(called, command)
            case cmd.GrowPilot():
                self.classical.grow(command)
            case cmd.ReleaseWorker():
                self.classical.release(command)
            case cmd.AbortClassical():
                self.classical.abort(command)
            case cmd.AbortQuantum():
                self._abort_quantum(command)
            case cmd.YieldQuantum():
                self.quantum.stand_aside(command)
            case cmd.KeepQuantum():
                self._keep(command)
            case cmd.StartCalibration():
                assert self.environment is not None
                self.environment.calibrate(now, command)
            case cmd.QpuEmpty():
                self.drains.end(command.qpu, empty=True)
            case cmd.SessionEnded():
                self._session_ended(now, command)
            case cmd.Refused():
                self._refused(command)
            case _:
                assert_never(command)

    def _abort_quantum(self, command: cmd.AbortQuantum) -> None:
        """An evaluation in this process runs to its end; nobody is told its result."""
        self.quantum.cut(command)
        left = self.tickets.get(command.task)
        if left is not None and not left.done:
            left.state = TaskState.READY

    def _keep(self, command: cmd.KeepQuantum) -> None:
        """The guess is wanted."""
        ticket = self.tickets[command.task]
        assert isinstance(ticket, QuantumTicket)
        book = self.sessions.books[ticket.session]
        with book.lock:
            book.tally.adopt(ticket)

    def _tick(self) -> None:
        assert self.core is not None
        self.core.post(Tick())

    def _task_ended(self, command: cmd.TaskEnded) -> None:
        self.quantum.forget(command.task)
        ticket = self.tickets.pop(command.task, None)
        if ticket is None:
            return
        if command.state is TaskState.CANCELLED and ticket.error is None:
            ticket.error = Cancelled(f"The task {command.task} was cancelled", command.reason)
        elif command.state is TaskState.FAILED and ticket.error is None:
            kind = QloopError if isinstance(ticket, ClassicalTicket) else QpuError
            kind = SessionEnded if command.reason.endswith("time-to-live is over") else kind
            advice = "Open the session with a longer max_time" if kind is SessionEnded else ""
            ticket.error = kind(f"The task {command.task} failed", command.reason, advice)
        if isinstance(ticket, QuantumTicket) and ticket.speculative and command.state is not TaskState.DONE:
            self._squashed(ticket, command)
            self._settle(ticket, command.state, command.reason)
            return
        unbought = command.state is TaskState.FAILED or (command.state is TaskState.CANCELLED and not ticket.attempt)
        if unbought and isinstance(ticket, QuantumTicket):
            self.sessions.forget(ticket)
        self._end_row(ticket, command.state, command.reason)
        self._settle(ticket, command.state, command.reason)

    def _squashed(self, ticket: QuantumTicket, command: cmd.TaskEnded) -> None:
        """A guess came to nothing; what it cost is accounted, and an error told, for nobody waits for it."""
        assert self.core is not None
        held = self.sessions.squashed(ticket, squash_reason(command.reason))
        if held is not None:
            self.core.afterwards(partial(self.quantum.account_squashed, ticket, held))
        if command.state is TaskState.FAILED:
            self.sessions.books[ticket.session].tally.error = f"a guess failed: {command.reason}"
            logging.getLogger("qloop").warning("The guess %s failed: %s", ticket.id, command.reason)

    def _refused(self, command: cmd.Refused) -> None:
        """A wish that was not taken: its ticket ends with the reason."""
        ticket = self.tickets.pop(command.subject, None)
        if not isinstance(ticket, ClassicalTicket):     # only who opens or submits asks for it
            self.refusals[command.subject] = command
            while len(self.refusals) > MAX_REFUSALS:
                del self.refusals[next(iter(self.refusals))]
        if command.code == "epoch_back":        # nobody waits for an answer, and whoever wrote the QPU must know
            logging.getLogger("qloop").warning("%s. This event is left out: correct what sends it", command.reason)
        if ticket is None:
            return
        ticket.error = refusal(command)
        self._end_row(ticket, TaskState.FAILED, command.reason)
        self._settle(ticket, TaskState.FAILED, command.reason)

    def _end_row(self, ticket: Ticket, state: TaskState, reason: str) -> None:
        """Journal that a task ended without a result, unless its session is only left behind to be taken up later."""
        rowless = (not isinstance(ticket, QuantumTicket) or ticket.inline or ticket.speculative
                   or self.timers.clock.virtual)
        if rowless or state is TaskState.DONE or ticket.session in self.sessions.kept:
            return
        assert self.core is not None
        self.core.afterwards(partial(self._journal_task, ticket.id, state, reason))

    def _journal_task(self, task: str, state: TaskState, reason: str) -> None:
        try:
            now = self.timers.clock.now()
            attempt = self.store.lease(task, "runtime", now, now + SECOND) if state is TaskState.FAILED else None
            if attempt is None:
                self.store.cancel(task, now)
            else:
                self.store.finish(task, attempt, rows.TaskState.FAILED, reason.encode(), now)
        except (JournalError, InvalidInput) as error:
            self.failures.append(error)

    def _settle(self, ticket: Ticket, state: TaskState, reason: str) -> None:
        """The ticket's last state now, so that Ctrl-C cannot come between; its callbacks once the lock is let go."""
        assert self.core is not None
        for callback in ticket.settle(state, reason):
            self.core.afterwards(partial(ticket.tell, callback))

    def give_up(self, failure: QloopError) -> None:
        """The scheduler has failed: nobody shall wait for what will not come."""
        for ticket in list(self.tickets.values()):
            ticket.error = failure
            self._settle(ticket, TaskState.FAILED, str(failure))
        self.tickets.clear()
        self.drains.give_up()

    def _session_ended(self, now: int, command: cmd.SessionEnded) -> None:
        """Journal the end, unless the session is only left behind to be taken up later."""
        assert self.core is not None
        book = self.sessions.books.pop(command.session, None)
        self.sessions.ended[command.session] = f"It is {command.state}: {command.reason}"
        if book is not None:
            self.sessions.past[command.session] = view_of(book, str(command.state), self.timers.clock.name)
            self.sessions.speculated[command.session] = book.tally
            if book.guesses:        # those that have their values: the engine knows of them no more
                assert self.drop_guesses is not None
                self.core.afterwards(partial(self.drop_guesses, book))
        if book is None or command.session in self.sessions.kept:
            return
        state = SessionState(str(command.state))
        self.core.afterwards(lambda: self._journal_end(command.session, state, command.reason, now))

    def _journal_end(self, session: str, state: SessionState, reason: str, now: int) -> None:
        try:
            self.store.end_session(session, state, reason, now)
        except JournalError as error:
            self.failures.append(error)


def refusal(command: cmd.Refused) -> Exception:
    """The error that tells a client of a refusal."""
    if command.code == "session_ended":
        return SessionEnded("The task was refused", command.reason, "Open a new session")
    retry = "Try again later" if command.retry_after_s else "Correct the wish"
    return Refused("The wish was refused", command.reason, retry, retry_after=command.retry_after_s)
