"""The embedded runtime: engine, QPUs, journal and trace in the user's own process. It is one transport of `Client`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.engine.explain import Explanation
from qloop.errors import InvalidInput, QloopError
from qloop.model import events as ev
from qloop.model.estimate import QpuEstimate
from qloop.model.limits import SECOND
from qloop.model.needs import ANYWHERE, Needs
from qloop.model.states import TaskState
from qloop.runtime import assembly, calls, estimates, requests, waiting
from qloop.runtime.accepting import accept
from qloop.runtime.calls import NO_NAMES, NOBODY, Attend, Call
from qloop.runtime.classical import opened
from qloop.runtime.effects import refusal
from qloop.runtime.guesses import Guessing, again, claim, drop_all, make_room
from qloop.runtime.hosting import Hosting
from qloop.runtime.identity import batch_digest
from qloop.runtime.operations import Operations
from qloop.runtime.options import Options, options_from
from qloop.runtime.ordered import take, taken
from qloop.runtime.sessions import view_of
from qloop.runtime.sharing import Sharing
from qloop.runtime.stored import recall
from qloop.runtime.ticket import ClassicalTicket, Outcome, QuantumTicket, Ticket
from qloop.runtime.wishes import SessionView, SessionWish

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    from qloop.trace.reader import Trace


class Runtime(Operations, Sharing, Guessing, Hosting):
    """Everything that a loop needs, in one process. Options are those of `runtime.options.Options`.

    A context manager: leaving it ends all sessions. `run` is the id under which the run can be resumed.
    """

    def __init__(self, options: Options | None = None, **settings: Any) -> None:
        chosen = (options or options_from(settings)).check()
        order = take(chosen)
        chosen = chosen if order is None else order.identity(chosen)
        self.parts = assembly.assemble(chosen)
        self.options, self.run = chosen, self.parts.run
        self.core, self.timers, self.store = self.parts.core, self.parts.timers, self.parts.store
        self.sessions, self.effects = self.parts.sessions, self.parts.effects
        self.effects.drop_guesses = lambda book: drop_all(self.parts, book, "session_closed")
        self._closed, self.closing = False, []
        assembly.begin(self.parts, chosen)
        if order is not None:
            taken().runtime = self

    @property
    def virtual(self) -> bool:
        """Whether time is virtual, so that waiting makes it pass."""
        return self.timers.clock.virtual

    @property
    def default_qpu(self) -> str:
        """The QPU of sessions that name none; empty: whichever the scheduler finds best."""
        only = self.options.qpus[0] if self.options.grow and len(self.options.qpus) == 1 else ""
        return only if isinstance(only, str) else only.describe().name

    @property
    def clock(self) -> str:
        """The clock's name, as reports call it."""
        return self.timers.clock.name

    def open_session(self, wish: SessionWish) -> str:
        """Open a session (or take up the one of this name in a resumed run); returns its id."""
        self._check_open()
        if wish.qpu:
            assembly.require(self.parts, self.options, wish.qpu)
            self.check_not_retired(wish.qpu)
        book = assembly.open_book(self.parts, wish)
        self.parts.kinds[book.id] = ("background" if wish.kind == "background" else "loop", wish.optimum)
        self.core.tell(ev.SessionOpened(book.id, wish.tenant, wish.weight, int(wish.interactive_ttl_s * SECOND),
                                        int(wish.max_ttl_s * SECOND)))
        refused = self.effects.refusals.pop(book.id, None)
        if refused is not None:
            if self.sessions.books.get(book.id) is book:
                del self.sessions.books[book.id]
            raise refusal(refused)
        return book.id

    def prepare(self, session: str, circuit: QuantumCircuit, observable: SparsePauliOp | None) -> str:
        """Check and compile a circuit with its observable; returns its structure hash, by which tasks name it."""
        book = self.sessions.find(session)
        return self.parts.programs.prepare(book.id, book.shelf, circuit, observable, book.pin)

    def submit(self, session: str, structure: str, thetas: NDArray[np.float64], shots: int, *, counts: bool = False,
               iteration: int = 0, cpu_s: float = 0.0, inline: bool = False,
               after: Sequence[str] = ()) -> QuantumTicket:
        """Ask for evaluations of (batch, parameters) sets; accepted durably when this returns.

        What the journal already holds, or a guess, is not bought again. Raises what is wrong with it, or `Refused`.
        """
        book = self.sessions.find(session)
        source = requests.source(book, structure)
        rows = requests.check(thetas, source.n_parameters, shots, counts)
        identities = book.counter.identify(structure, rows, shots)
        digest = batch_digest(identities, counts)
        guess = claim(self.parts, book, digest, iteration, cpu_s) if book.guesses else None
        if guess is not None:
            return guess
        ticket = QuantumTicket(book.task_id(digest), book.id, iteration=iteration, structure=structure,
                               thetas=rows, shots=shots, counts=counts, identities=identities, digest=digest,
                               inline=inline and self.parts.may_inline(book.pin), ready_ns=self.timers.clock.now())
        row = book.memo.get(digest)
        known = recall(row) if row is not None else again(self.parts, book, digest) if book.spare else None
        if known is not None:
            return self._remember(ticket, known)
        try:
            make_room(self.parts, book, ticket)
            accept(self.parts, book, ticket, source.n_qubits, cpu_s, after)
        except Exception:           # refused, or not journaled: nothing was bought
            self.parts.accounts.forgo(ticket)
            self.effects.tickets.pop(ticket.id, None)
            self.sessions.forget(ticket)
            raise
        except BaseException:       # Ctrl-C: the caller gets no ticket, so nobody would run the task
            self.parts.abandon(ticket)
            raise
        return ticket

    def evaluate(self, session: str, structure: str, thetas: NDArray[np.float64], shots: int, *, iteration: int = 0,
                 cpu_s: float = 0.0, timeout: float | None = None) -> Outcome:
        """Submit and gather in one; where nothing is emulated this thread runs the task itself when its turn comes."""
        ticket: QuantumTicket | None = None
        try:
            ticket = self.submit(session, structure, thetas, shots, iteration=iteration, cpu_s=cpu_s, inline=True)
            return self.gather(ticket, timeout)
        except BaseException as error:      # also Ctrl-C between the two
            if ticket is not None and not ticket.done:
                self.parts.abandon(ticket)
            if ticket is not None and isinstance(error, TimeoutError):
                raise waiting.late(ticket, timeout, "It was cancelled.") from None
            raise

    def _remember(self, ticket: QuantumTicket, outcome: Outcome) -> QuantumTicket:
        """The journal holds the outcome: nothing is scheduled."""
        ticket.outcome = outcome
        recording = self.parts.recording
        if recording is not None:
            self.core.post(lambda now: recording.result(now, ticket))
        ticket.finish(TaskState.DONE, "known from the journal")
        return ticket

    def estimate(self, session: str, structure: str, calls: Mapping[int, int], shots: int, *,
                 counts: bool = False) -> tuple[QpuEstimate, ...]:
        """What so many calls of so many evaluations each would cost on each QPU that may run them, cheapest first."""
        return estimates.estimates(self.parts, self.sessions.find(session), structure, calls, shots, counts)

    def gather(self, ticket: QuantumTicket, timeout: float | None = None) -> Outcome:
        """Wait for a task's outcome; raises what went wrong, or TimeoutError after `timeout` seconds."""
        if ticket.inline:
            waiting.wait_inline(self.parts, ticket, timeout)
        else:
            waiting.wait(self.parts, ticket, timeout)
        if ticket.error is not None:
            raise ticket.error
        outcome = ticket.outcome
        assert isinstance(outcome, Outcome)
        return outcome

    def call(self, session: str, function: Callable[..., Any], *arguments: Any, iteration: int = 0,
             modelled_s: float = 0.0, needs: Needs = ANYWHERE, named: Mapping[str, Any] = NO_NAMES,
             after: Sequence[str] = (), attend: Attend = NOBODY) -> ClassicalTicket:
        """Run a function on a worker of a pilot; see `Client.call`."""
        return calls.submit(self.parts, self.sessions.find(session), Call(function, arguments, named), needs,
                            iteration, modelled_s, after, attend)

    def answer(self, ticket: Ticket, timeout: float | None = None) -> Any:
        """Wait for what the function returned; raises what went wrong, or TimeoutError."""
        assert isinstance(ticket, ClassicalTicket)
        waiting.wait(self.parts, ticket, timeout)
        return opened(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """End a task; when this returns, it has ended."""
        self.core.tell(ev.TaskCancelled(ticket.id))

    def close_session(self, session: str, *, cancel: bool = False, converged: bool | None = None,
                      keep: bool = False) -> None:
        """Drain and close, or cancel with all tasks; `converged` only says if it is; `keep` leaves it resumable."""
        if converged is not None:
            self.core.post(ev.SessionConverged(session, converged))
            return
        if session in self.sessions.books:
            drop_all(self.parts, self.sessions.books[session], "session_closed")
        if keep:
            self.sessions.kept.add(session)
        self.core.post(ev.SessionCancelled(session) if cancel or keep else ev.SessionClosing(session))

    def view(self, session: str) -> SessionView:
        """The session now, or as it ended in this life of the run."""
        past = self.sessions.past.get(session)
        if past is not None and session not in self.sessions.books:
            return past
        book = self.sessions.find(session)
        state = self.core.ask(lambda engine: engine.state.sessions[session].state.value)
        return view_of(book, str(state), self.clock)

    def explain(self, ticket: Ticket) -> Explanation:
        """Where a waiting task stands, and why it waits."""
        answer = self.core.ask(lambda engine: engine.explain(ticket.id))
        assert isinstance(answer, Explanation)
        return answer

    def note(self, session: str, what: str, **values: Any) -> None:
        """Tell the trace of an iteration's begin or end."""
        recording = self.parts.recording
        if recording is not None:
            self.core.post(lambda now: recording.note(now, session, what, values))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after so many seconds of the run's clock."""
        self.timers.at(self.timers.clock.now() + round(seconds * SECOND), action)

    def now_s(self) -> float:
        """Seconds of the run's clock."""
        return self.timers.clock.now() * 1e-9

    def ideal(self, session: str, structure: str, theta: NDArray[np.float64]) -> float | None:
        """The noise-free value at theta (P,), for the trace alone; None if nobody records it."""
        book = self.sessions.find(session)
        if self.parts.recording is None or self.parts.may_inline(book.pin):
            return None
        return self.parts.quantum.ideal(book, structure, theta)

    def run_until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`: virtual time at once, real time by waiting."""
        self.parts.stepper.until(finished)

    def trace(self) -> Trace:
        """What was recorded so far; InvalidInput if nothing is."""
        if self.parts.recording is None:
            raise InvalidInput("This runtime records no trace", "", "Set trace=True")
        trace, late = self.parts.recording.recorder.trace(), self.parts.quantum.late_ns
        return trace if late == 0 else trace.noted(f"emulated QPUs were up to {late * 1e-9:.3g} s late")

    def usage(self) -> Mapping[str, int]:
        """Results and shots bought in this life of the run, by open session."""
        return {book.id: book.shots for book in self.sessions.books.values()}

    def close(self, interrupted: bool | None = None) -> None:
        """End all sessions (open ones stay resumable), stop all threads, close the journal. Closing twice is fine.

        `interrupted`: whether the journal says that the run is to go on; by default, if a session was left open.
        """
        if self._closed:
            return
        self._closed = True
        try:
            for action in self.closing:
                action()
            self.effects.drains.give_up()
            self._end_sessions()
        finally:
            left = bool(self.sessions.kept or self.sessions.books)
            assembly.end(self.parts, interrupted=left if interrupted is None else interrupted)

    def _end_sessions(self) -> None:
        """Wait for the tasks of sessions that were closed, and leave the others to be taken up later."""
        if self.core.failure is not None:
            return
        try:
            waiting.drain(self.parts)
        finally:
            for session in list(self.sessions.books):
                self.close_session(session, keep=True)

    def _check_open(self) -> None:
        if self._closed:
            raise QloopError("The runtime is closed", "", "Make a new one")

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Close; the journal says that a run which an exception ended is to go on."""
        self.close(interrupted=None if kind is None else True)
