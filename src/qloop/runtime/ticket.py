"""A ticket: the runtime's record of one task that somebody waits for."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.model.cost import Cost
from qloop.model.needs import ANYWHERE, Needs
from qloop.model.states import TaskState


class Latch:
    """A door that opens once: a bare lock, because a hot loop makes one for each task."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let everybody through, for ever."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is open; False after `timeout` seconds."""
        if not self._lock.acquire(timeout=-1 if timeout is None else max(0.0, min(timeout, threading.TIMEOUT_MAX))):
            return False
        self._lock.release()
        return True


@dataclass(slots=True)
class Outcome:
    """What a quantum task gave: expectation values (batch,) or counts, where, and in which calibration epoch.

    `compiled_epoch`: the one that its circuit was compiled for, where that is known to matter (-1: it does not); where
    it differs from `epoch`, the QPU was calibrated between. `net_ns` is the QPU time that it took, `cost` what was paid
    for it now: nothing for a result from the journal.
    """

    values: tuple[float, ...]
    counts: tuple[dict[str, int], ...] = ()
    ideal: tuple[float, ...] = ()
    qpu: str = ""
    epoch: int = 0
    shots: int = 0
    simulator: str = ""
    source: str = "qpu"
    net_ns: int = 0
    cost: Cost = Cost()
    compiled_epoch: int = -1


@dataclass(slots=True, eq=False)
class Ticket:
    """One task: what is asked, where it stands, and who is to be told.

    `inline` says that the waiting thread itself will run it when its turn comes.
    """

    id: str
    session: str
    state: TaskState = TaskState.READY
    outcome: Any = None
    error: BaseException | None = None
    reason: str = ""
    iteration: int = 0
    inline: bool = False
    attempt: int = 0
    place: str = ""
    ready_ns: int = 0
    begun_ns: int = 0
    ended_ns: int = 0
    _end: Latch = field(default_factory=Latch)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _callbacks: list[Callable[[Ticket], None]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether it has reached its last state."""
        return self.state in (TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED)

    def finish(self, state: TaskState, reason: str) -> None:
        """Its last state; tells everybody once."""
        for callback in self.settle(state, reason):
            self.tell(callback)

    def settle(self, state: TaskState, reason: str) -> list[Callable[[Ticket], None]]:
        """Its last state, for all who wait; returns the callbacks, which are still to be told."""
        with self._lock:
            if self.done:
                return []
            self.state, self.reason = state, reason
            callbacks, self._callbacks = self._callbacks, []
        self._wake()
        self._end.open()
        return callbacks

    def _wake(self) -> None:
        """Wake the thread that waits for the task's turn."""

    def tell(self, callback: Callable[[Ticket], None]) -> None:
        """Call back; what a callback raises is logged, because it is nobody's who could take it."""
        try:
            callback(self)
        except Exception:
            logging.getLogger("qloop").exception("A callback of task %s raised an exception", self.id)

    def wait_done(self, timeout: float | None = None) -> bool:
        """Wait until it is done; False after `timeout` seconds."""
        return self.done or self._end.wait(timeout)

    def when_done(self, callback: Callable[[Ticket], None]) -> None:
        """Call back once it is done, at once if it is."""
        with self._lock:
            if not self.done:
                self._callbacks.append(callback)
                return
        self.tell(callback)


@dataclass(slots=True, eq=False)
class QuantumTicket(Ticket):
    """A quantum task: parameter sets (batch, parameters), shots (0: exact), and the digests that name each row.

    `reported` is the last attempt whose end the engine was told of. `speculative`: nobody wants it yet; `squashed` says
    why nobody ever will, `held` has its values meanwhile. `took_ns` is the time that its attempts took on QPUs,
    `tallied` the last of them whose end is counted in it.
    """

    structure: str = ""
    thetas: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    shots: int = 0
    counts: bool = False
    identities: tuple[bytes, ...] = ()
    digest: bytes = b""
    cold_ns: int = 0
    late_ns: int = 0
    reported: int = 0
    speculative: bool = False
    squashed: str = ""
    launched_ns: int = -1
    took_ns: int = 0
    tallied: int = 0
    risk_s: float = 0.0
    held: Any = None
    _turns: queue.SimpleQueue[Turn | None] = field(default_factory=queue.SimpleQueue)

    @property
    def guess(self) -> bool:
        """Whether it was asked for before anybody knew if it will be wanted."""
        return self.launched_ns >= 0

    def grant(self, turn: Turn) -> None:
        """The task has a QPU: tell the thread that will run it."""
        self._turns.put(turn)

    def turn(self, timeout: float | None = None) -> Turn | None:
        """Wait for the next turn; None if the task is done, or after `timeout` seconds."""
        try:
            return self._turns.get(timeout=None if timeout is None else min(timeout, threading.TIMEOUT_MAX))
        except queue.Empty:
            return None

    def _wake(self) -> None:
        self._turns.put(None)


@dataclass(slots=True, eq=False)
class Turn:
    """One attempt of a task: on which QPU it is to run, in whose session, and the set-up it pays for.

    `cut` tells a guess to stop; `gone`: its QPU leaves before it is over, so nothing is bought; `over`: its end was
    reported; `run`: it runs in chunks (chunked.py).
    """

    ticket: QuantumTicket
    book: Any
    attempt: int
    place: str
    cold_ns: int
    cut: threading.Event | None = None
    gone: bool = False
    over: bool = False
    run: Any = None


@dataclass(slots=True, eq=False)
class ClassicalTicket(Ticket):
    """A classical task: a pickled call that a worker carries out; in virtual time it takes `modelled_ns`.

    `fill` makes the call once all that it needs is there, where it is not known before. `hear` is told what the task
    says while it runs (what it is, bytes), `asked` what it asks, with where the answer goes; both in a pilot's thread.
    """

    payload: bytes = b""
    modelled_ns: int = 0
    needs: Needs = ANYWHERE
    fill: Callable[[], bytes] | None = None
    hear: Callable[[str, bytes], None] | None = None
    asked: Callable[[bytes, Callable[[bytes], None]], None] | None = None
    began: int = 0      # the last attempt whose function was called
    stdout_text: str = ""
    stderr_text: str = ""

    def packed(self) -> bytes:
        """The call as bytes."""
        return self.payload if self.fill is None else self.fill()
