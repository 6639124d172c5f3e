"""The client of a function in a worker: what it asks is answered by the runtime that sent it there."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, QloopError
from qloop.model.estimate import QpuEstimate
from qloop.model.needs import ANYWHERE, Needs
from qloop.model.states import TaskState
from qloop.pilots import inside
from qloop.runtime import questions as ask
from qloop.runtime.calls import NO_NAMES, NOBODY, Attend
from qloop.runtime.questions import Question, Reply
from qloop.runtime.tally import Speculated, Stake
from qloop.runtime.ticket import Outcome, QuantumTicket, Ticket
from qloop.runtime.wishes import SessionView, SessionWish

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

Values = NDArray[np.float64]


class AskedTicket(QuantumTicket):
    """A quantum task that another process holds; whoever wants to know of it asks."""

    __slots__ = ("client",)
    client: AskingClient

    @property
    def done(self) -> bool:
        """Whether it has reached its last state; asks, as long as it had not."""
        if self.outcome is None and self.error is None:
            self.client.look(self)
        return self.outcome is not None or self.error is not None

    def when_done(self, callback: Callable[[Ticket], None]) -> None:
        """InvalidInput, but for one that is done: nobody calls into a worker's function."""
        if not self.done:
            raise InvalidInput("A function in a worker cannot be called back when a quantum task is done",
                               "It asks, and waits for the answer", "Use result()")
        self.tell(callback)


class AskingClient:
    """The runtime that sent this task, for as long as the task runs."""

    virtual = False

    def __init__(self) -> None:
        self._life = inside.turn()

    @functools.cached_property
    def _greeting(self) -> tuple[ask.Greeting, float]:
        """What the runtime is, and when that was heard (`time.monotonic`)."""
        return _ask(ask.Hello(), ask.Greeting), time.monotonic()

    @property
    def default_qpu(self) -> str:
        """The QPU of sessions that name none."""
        return self._greeting[0].default_qpu

    def open_session(self, wish: SessionWish) -> str:
        """Open a session, or take it up where an earlier attempt of this task left it."""
        return str(_ask(ask.OpenSession(wish, self._life), str))

    def prepare(self, session: str, circuit: QuantumCircuit, observable: SparsePauliOp | None) -> str:
        """Check and compile a circuit with its observable; returns its structure hash."""
        return str(_ask(ask.Prepare(session, ask.circuit_bytes(circuit), ask.observable_parts(observable)), str))

    def submit(self, session: str, structure: str, thetas: Values, shots: int, *, counts: bool = False,
               iteration: int = 0, cpu_s: float = 0.0, inline: bool = False,
               after: Sequence[str] = ()) -> QuantumTicket:
        """Ask for evaluations of (batch, parameters) sets."""
        rows = _rows(thetas)
        task = _ask(ask.Evaluate(session, structure, rows.tobytes(), len(rows), shots, counts, iteration, cpu_s,
                                 wait=False, after=tuple(after)), str)
        ticket = AskedTicket(task, session, iteration=iteration, structure=structure, thetas=rows, shots=shots,
                             counts=counts)
        ticket.client = self
        return ticket

    def evaluate(self, session: str, structure: str, thetas: Values, shots: int, *, iteration: int = 0,
                 cpu_s: float = 0.0, timeout: float | None = None) -> Outcome:
        """Evaluate, and wait."""
        rows = _rows(thetas)
        outcome: Outcome = _ask(ask.Evaluate(session, structure, rows.tobytes(), len(rows), shots, False, iteration,
                                             cpu_s, timeout), Outcome)
        return outcome

    def gather(self, ticket: QuantumTicket, timeout: float | None = None) -> Outcome:
        """Wait for a task's outcome."""
        if ticket.outcome is None and ticket.error is None:
            self._take(ticket, timeout)
        if ticket.error is not None:
            raise ticket.error
        outcome = ticket.outcome
        assert isinstance(outcome, Outcome)
        return outcome

    def look(self, ticket: QuantumTicket) -> None:
        """Take the outcome, if it is there."""
        self._take(ticket, 0.0)

    def _take(self, ticket: QuantumTicket, timeout: float | None) -> None:
        try:
            ticket.outcome = _ask(ask.Gather(ticket.id, timeout), Outcome | None)
            if ticket.outcome is not None:
                ticket.state = TaskState.DONE
        except QloopError as error:
            ticket.error = error
            ticket.state = TaskState.CANCELLED if error.code == "cancelled" else TaskState.FAILED

    def estimate(self, session: str, structure: str, calls: Mapping[int, int], shots: int, *,
                 counts: bool = False) -> tuple[QpuEstimate, ...]:
        """What so many calls would cost."""
        found: tuple[QpuEstimate, ...] = _ask(ask.Estimate(session, structure, dict(calls), shots, counts),
                                              tuple[QpuEstimate, ...])
        return found

    def cancel(self, ticket: Ticket) -> None:
        """End a task."""
        _ask(ask.Cancel(ticket.id), None)
        ticket.state = TaskState.CANCELLED

    def close_session(self, session: str, *, cancel: bool = False, converged: bool | None = None,
                      keep: bool = False) -> None:
        """Close a session; see `Client.close_session`."""
        _ask(ask.CloseSession(session, cancel, converged, keep), None)

    def view(self, session: str) -> SessionView:
        """The session now."""
        view: SessionView = _ask(ask.View(session), SessionView)
        return view

    def ideal(self, session: str, structure: str, theta: Values) -> float | None:
        """The noise-free value at theta (P,), for the trace alone; None if nobody records it."""
        if not self._greeting[0].traced:
            return None
        where = np.ascontiguousarray(theta, dtype=np.float64).tobytes()
        value: float | None = _ask(ask.Ideal(session, structure, where), float | None)
        return value

    def note(self, session: str, what: str, **values: Any) -> None:
        """Tell the trace of an iteration's begin or end."""
        if not self._greeting[0].traced:
            return
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
        _ask(ask.Note(session, what, plain), None)

    def now_s(self) -> float:
        """Seconds of the run's clock."""
        told, heard = self._greeting
        return told.now_s + (time.monotonic() - heard) * told.scale

    def speculate(self, session: str, structure: str, thetas: Values, shots: int, stake: Stake, *,
                  iteration: int = 0, ahead: Sequence[QuantumTicket] = ()) -> QuantumTicket | None:
        """Nothing is asked ahead from a worker."""
        return None

    def squash(self, ticket: QuantumTicket, reason: str) -> None:
        """Nothing was asked ahead."""

    def is_current(self, ticket: QuantumTicket) -> bool:
        """Nothing was asked ahead."""
        return False

    def speculated(self, session: str) -> Speculated:
        """Nothing was asked ahead."""
        return Speculated(refused="a function in a worker does not ask ahead")

    def explain(self, ticket: Ticket) -> Any:
        """The program can see it; a worker cannot."""
        _refuse("Why a task waits cannot be asked in a worker")

    def call(self, session: str, function: Callable[..., Any], *arguments: Any, iteration: int = 0,
             modelled_s: float = 0.0, needs: Needs = ANYWHERE, named: Mapping[str, Any] = NO_NAMES,
             after: Sequence[str] = (), attend: Attend = NOBODY) -> Ticket:
        """A worker gives no work to others."""
        _refuse("A function that runs on a worker cannot have others run on workers")

    def answer(self, ticket: Ticket, timeout: float | None = None) -> Any:
        """A worker gives no work to others."""
        _refuse("A function that runs on a worker cannot have others run on workers")

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Nobody calls into a worker's function."""
        _refuse("A function in a worker cannot be called back")

    def close(self) -> None:
        """The runtime is not this task's to close."""


def asking() -> AskingClient:
    """A client of the runtime that sent this task; an error outside of a worker comes with the first question."""
    return AskingClient()


def fetch(name: str, offset: int, size: int) -> bytes:
    """A piece of a file of the run."""
    return bytes(_ask(ask.Fetch(name, offset, size), bytes))


def _rows(thetas: Values) -> Values:
    rows = np.ascontiguousarray(thetas, dtype=np.float64)
    return rows.reshape(1, -1) if rows.ndim == 1 else rows


def _ask(question: Question, kind: Any) -> Any:
    """Ask, wait, and read the answer as a value of this kind; raises what went wrong there."""
    reply = msgspec.msgpack.decode(inside.ask(msgspec.msgpack.encode(question)), type=Reply)
    if reply.problem is not None:
        raise ask.error_of(reply.problem)
    return msgspec.msgpack.decode(reply.value, type=kind)


def _refuse(what: str) -> NoReturn:
    raise InvalidInput(what, "", "Do this in the program that submits it")
