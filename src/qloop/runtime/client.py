"""The one small interface through which loops see a runtime; in-process now, over HTTP later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.model.estimate import QpuEstimate
from qloop.model.needs import ANYWHERE, Needs
from qloop.pilots.inside import heard_here, inside
from qloop.runtime.calls import NO_NAMES, NOBODY, Attend, check_needs
from qloop.runtime.tally import Speculated, Stake
from qloop.runtime.ticket import Outcome, QuantumTicket, Ticket
from qloop.runtime.wishes import SessionView, SessionWish

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    from qloop.runtime.answering import Answering
    from qloop.runtime.embedded import Runtime


__all__ = ["Attend", "Client", "Host", "Outcome", "QuantumTicket", "SessionView", "SessionWish", "Speculated", "Stake",
           "Ticket", "answering", "check_needs", "connect", "connect_workers", "fetch", "reopen"]


class Client(Protocol):
    """What a loop can ask of a runtime."""

    @property
    def virtual(self) -> bool:
        """Whether time is virtual, so that waiting makes it pass."""

    @property
    def default_qpu(self) -> str:
        """The QPU of sessions that name none; empty: whichever the scheduler finds best."""

    def open_session(self, wish: SessionWish) -> str:
        """Open a session (or take up the one of this name in a resumed run); returns its id."""

    def prepare(self, session: str, circuit: QuantumCircuit, observable: SparsePauliOp | None) -> str:
        """Check and compile a circuit with its observable; returns its structure hash, by which tasks name it."""

    def submit(self, session: str, structure: str, thetas: NDArray[np.float64], shots: int, *, counts: bool = False,
               iteration: int = 0, cpu_s: float = 0.0, inline: bool = False,
               after: Sequence[str] = ()) -> QuantumTicket:
        """Ask for evaluations of (batch, parameters) sets; accepted durably when this returns."""

    def evaluate(self, session: str, structure: str, thetas: NDArray[np.float64], shots: int, *, iteration: int = 0,
                 cpu_s: float = 0.0, timeout: float | None = None) -> Outcome:
        """Submit and gather in one; where nothing is emulated this thread runs the task itself when its turn comes."""

    def estimate(self, session: str, structure: str, calls: Mapping[int, int], shots: int, *,
                 counts: bool = False) -> tuple[QpuEstimate, ...]:
        """What so many calls of so many evaluations each would cost on each QPU that may run them, cheapest first."""

    def speculate(self, session: str, structure: str, thetas: NDArray[np.float64], shots: int, stake: Stake, *,
                  iteration: int = 0, ahead: Sequence[QuantumTicket] = ()) -> QuantumTicket | None:
        """Evaluate where nobody else wants a QPU, in case it is asked for after `ahead`; None if it is not done."""

    def squash(self, ticket: QuantumTicket, reason: str) -> None:
        """A guess is not wanted: `theta_mismatch`, `epoch_change`, `budget`, `preempted` or `session_closed`."""

    def is_current(self, ticket: QuantumTicket) -> bool:
        """Whether the values of a guess, if it has any, are of the present calibration epoch."""

    def speculated(self, session: str) -> Speculated:
        """What the session's guesses came to so far."""

    def gather(self, ticket: QuantumTicket, timeout: float | None = None) -> Outcome:
        """Wait for a task's outcome; raises what went wrong, or TimeoutError after `timeout` seconds."""

    def call(self, session: str, function: Callable[..., Any], *arguments: Any, iteration: int = 0,
             modelled_s: float = 0.0, needs: Needs = ANYWHERE, named: Mapping[str, Any] = NO_NAMES,
             after: Sequence[str] = (), attend: Attend = NOBODY) -> Ticket:
        """Run a function on a worker; in virtual time it takes `modelled_s`, which is its estimate otherwise.

        Arguments may be tickets of earlier calls, also inside of tuples, lists and dicts: they stand for what those
        return. It starts after them, and after the tasks named in `after`. `Refused` if no pilot can ever run it.
        """

    def answer(self, ticket: Ticket, timeout: float | None = None) -> Any:
        """Wait for what the function returned; raises what went wrong."""

    def cancel(self, ticket: Ticket) -> None:
        """End a task."""

    def close_session(self, session: str, *, cancel: bool = False, converged: bool | None = None,
                      keep: bool = False) -> None:
        """Drain and close, or cancel with all tasks; `converged` only says if it is; `keep` leaves it resumable."""

    def ideal(self, session: str, structure: str, theta: NDArray[np.float64]) -> float | None:
        """The noise-free value at theta (P,), for the trace alone; None if nobody records it."""

    def view(self, session: str) -> SessionView:
        """The session now."""

    def explain(self, ticket: Ticket) -> Any:
        """Where a waiting task stands, and why it waits."""

    def note(self, session: str, what: str, **values: Any) -> None:
        """Tell the trace of an iteration's begin or end."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after so many seconds of the run's clock."""

    def now_s(self) -> float:
        """Seconds of the run's clock."""

    def close(self) -> None:
        """End all sessions; open ones can be resumed."""


class Host(Client, Protocol):
    """What functions ask of a runtime besides."""

    closing: list[Callable[[], None]]

    @property
    def has_workers(self) -> bool:
        """Whether there is a pilot to run classical tasks."""

    @property
    def pace(self) -> float:
        """How many times as fast as real time the run's clock goes."""

    @property
    def traced(self) -> bool:
        """Whether a trace is recorded."""

    def run_until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`: virtual time at once, real time by waiting."""

    def files_folder(self) -> tuple[Path, bool]:
        """A folder for large values, beside the journal; and whether it is a passing one, for there is no such file."""

    def keep_stage(self, session: str, key: str, outcome: bytes) -> None:
        """Journal what a finished stage of a session returned, under a key that says what it was asked."""

    def kept_stage(self, session: str, key: str) -> bytes | None:
        """What a stage with this key returned in this or an earlier life of the session; None if it has not."""


def connect() -> Client:
    """The program's own runtime, made at the first call; in a worker, the one that sent the task there."""
    if inside():
        from qloop.runtime.asking import asking

        return asking()
    if heard_here():
        raise InvalidInput("A function in virtual time cannot open a session", "It runs at one moment of that time",
                           "Use clock='real' or a number, or run the loop in the program")
    from qloop.runtime.current import default_runtime

    return default_runtime()


def connect_workers() -> Host:
    """The program's own runtime, with workers on this machine."""
    if inside() or heard_here():
        raise InvalidInput("A function that runs on a worker cannot submit further calls", "",
                           "Call it directly, or submit both from the program and pass the future")
    from qloop.runtime.current import default_workers

    return default_workers()


def answering(client: Host, label: str) -> Answering:
    """What answers a task that asks for quantum results; sessions without a name are named after `label`."""
    from qloop.runtime.answering import Answering

    return Answering(cast("Runtime", client), label)


def reopen(session: str, journal: str | None = None) -> tuple[Client, SessionWish]:
    """A runtime on the journal in which a session lies, and the wish that opens it again; UnknownName if unknown."""
    from qloop.runtime.recovery import reopen as take_up

    return take_up(session, journal)


def fetch(name: str, offset: int, size: int) -> bytes:
    """In a worker: a piece of a file that lies beside the run's journal."""
    from qloop.runtime.asking import fetch as ask_for

    return ask_for(name, offset, size)
