"""The runtime's side of remote QPUs: which intent a task goes on with, and what each end means for the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from qloop.errors import QpuError
from qloop.model.events import CalibrationEnded
from qloop.qpus.protocol import Program, QpuResult, Request
from qloop.qpus.remote import Calibration, NotAccepted, Qpu, RemoteQpu, Unanswered
from qloop.runtime.core import Core
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.programs import Programs
from qloop.runtime.remote.answers import check_answer
from qloop.runtime.remote.buying import buy
from qloop.runtime.remote.calls import bounded, pause
from qloop.runtime.remote.deal import Deal, Lost, Wanted, unended
from qloop.runtime.ticket import Turn
from qloop.runtime.timers import Timers

OFFLINE_S = 60.0        # how long a QPU that takes no tasks is left alone, if it does not say
CALIBRATION_LOOKS = 8   # at most, before a task


class RemoteSide:
    """Buys the attempts that the engine places on remote QPUs. `step` is for fault plans."""

    def __init__(self, qpus: Mapping[str, Qpu], programs: Programs, store: Store, timers: Timers,
                 closing: threading.Event) -> None:
        self.qpus, self.programs, self.store, self.timers, self.closing = qpus, programs, store, timers, closing
        self.core: Core | None = None
        self.leave_for: Callable[[str, float, str], None] = lambda name, seconds, reason: None
        self.kept: Callable[[str], bool] = lambda session: False
        self.step: Callable[[str], None] = lambda name: None
        self._far: dict[str, bool] = {}
        self._dealing: dict[tuple[str, bytes], tuple[threading.Lock, list[int]]] = {}
        self._lock = threading.Lock()

    def has(self, name: str) -> bool:
        """Whether the QPU of this name is remote."""
        known = self._far.get(name)
        if known is None:       # asking a protocol is slow, and this is asked at every task
            known = self._far[name] = isinstance(self.qpus[name], RemoteQpu)
        return known

    def calibration(self, name: str) -> Calibration:
        """The present calibration of a remote QPU."""
        qpu = self.remote(name)
        return bounded(qpu.remote().call_s, f"calibration of QPU {name}", qpu.calibration)

    def remote(self, name: str) -> RemoteQpu:
        """The remote QPU of this name; QpuError if the runtime has none."""
        qpu = self.qpus.get(name)
        if not isinstance(qpu, RemoteQpu):
            raise QpuError(f"The task is under way at QPU {name}, which this runtime does not have",
                           "An earlier life of the run asked it", f"Add {name} to the runtime's QPUs and resume")
        return qpu

    @contextmanager
    def alone(self, turn: Turn) -> Iterator[None]:
        """One thread at a time deals with an evaluation, until its result is in the journal.

        Another attempt of the task may have its turn, elsewhere, while an earlier one still waits for a provider.
        """
        key = turn.book.id, turn.ticket.digest
        with self._lock:
            lock, users = self._dealing.setdefault(key, (threading.Lock(), [0]))
            users[0] += 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                users[0] -= 1
                if not users[0]:
                    del self._dealing[key]

    def buy(self, turn: Turn) -> tuple[QpuResult, IntentInfo]:
        """Buy the attempt, or go on with what an earlier one began, wherever that is; see `buying.buy`."""
        known = unended(self.store.intents(turn.book.id, turn.ticket.digest))
        name = turn.place if known is None else known.row.qpu
        try:
            result, intent = buy(self._deal(turn, name, known), known)
        except NotAccepted as error:
            if error.offline:
                self.leave_for(name, error.retry_after_s or OFFLINE_S, str(error))
            raise
        self._note_epoch(name, result.epoch)
        return result, intent

    def close_intent(self, intent: IntentInfo) -> None:
        """The result is in the journal."""
        self.store.move_intent(intent.row.token, IntentState.DONE, self.timers.clock.now())

    def close(self) -> None:
        """Let go of what is held at providers; one that does not answer is left alone."""
        for name, qpu in self.qpus.items():
            if isinstance(qpu, RemoteQpu):
                try:
                    bounded(qpu.remote().call_s, f"end of QPU {name}", qpu.close)
                except QpuError:
                    continue

    def _deal(self, turn: Turn, name: str, known: IntentInfo | None) -> Deal:
        """What is wanted, compiled for the QPU's present calibration, unless the provider has the task already."""
        qpu, ticket, book = self.remote(name), turn.ticket, turn.book
        if known is not None and known.state is not IntentState.OPEN:
            program, epoch = self.programs.get(book.id, book.shelf, ticket.structure, name), known.row.epoch
        else:
            program, epoch = self._program(turn, name)
        request = Request(ticket.thetas, ticket.shots, ticket.identities, ticket.counts, epoch)
        observable = book.shelf.sources[ticket.structure].observable
        wanted = Wanted(ticket, book.id, program, request, epoch,
                        lambda result: check_answer(name, result, request, observable), self.closing.is_set,
                        self.timers.clock.now, lambda: self.kept(book.id) and not ticket.speculative)
        return Deal(self.store, name, qpu, wanted, self.step)

    def _program(self, turn: Turn, name: str) -> tuple[Program, int]:
        """The program for the calibration that the task would meet now, and that calibration's epoch."""
        epoch = self._present_epoch(turn, name)
        book, structure = turn.book, turn.ticket.structure
        program = self.programs.get(book.id, book.shelf, structure, name)
        if getattr(program, "epoch", epoch) != epoch:
            program = self.programs.renew(book.id, book.shelf, structure, name)
        self._note_epoch(name, epoch)
        return program, epoch

    def _present_epoch(self, turn: Turn, name: str) -> int:
        """The epoch that a task would meet now; a provider that does not say for a moment is asked again."""
        for look in range(CALIBRATION_LOOKS):
            try:
                return self.calibration(name).epoch
            except (NotAccepted, Unanswered) as error:
                if isinstance(error, NotAccepted) and error.offline:
                    raise
                why = str(error)
            if self.closing.is_set() or turn.ticket.wait_done(pause(look, self.remote(name).remote().poll_s)):
                break
        raise Lost(f"QPU {name} does not say which calibration is in force", why)

    def _note_epoch(self, name: str, epoch: int) -> None:
        """Tell the engine of a calibration that was met."""
        if self.core is not None:
            self.core.post(CalibrationEnded(name, epoch))
