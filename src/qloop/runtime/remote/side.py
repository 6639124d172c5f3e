"""The runtime's side of remote QPUs: which intent a task goes on with, and what each end means for the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from qloop.errors import QpuError
from qloop.model.events import CalibrationEnded
from qloop.qpus.protocol import Program, QpuResult, Request
from qloop.qpus.remote import Calibration, NotAccepted, Qpu, RemoteQpu
from qloop.runtime.core import Core
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.programs import Programs
from qloop.runtime.remote.buying import buy
from qloop.runtime.remote.calls import bounded
from qloop.runtime.remote.deal import Deal, Wanted, unended
from qloop.runtime.ticket import Turn
from qloop.runtime.timers import Timers

OFFLINE_S = 60.0        # how long a QPU that takes no tasks is left alone, if it does not say

Check = Callable[[str, QpuResult, Request], None]


class RemoteSide:
    """Buys the attempts that the engine places on remote QPUs. `step` is for fault plans."""

    def __init__(self, qpus: Mapping[str, Qpu], programs: Programs, store: Store, timers: Timers,
                 closing: threading.Event, check: Check) -> None:
        self.qpus, self.programs, self.store, self.timers = qpus, programs, store, timers
        self.closing, self.check = closing, check
        self.core: Core | None = None
        self.leave_for: Callable[[str, float, str], None] = lambda name, seconds, reason: None
        self._far: dict[str, bool] = {}
        self.kept: Callable[[str], bool] = lambda session: False
        self.step: Callable[[str], None] = lambda name: None

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

    def buy(self, turn: Turn) -> tuple[QpuResult, IntentInfo]:
        """Buy the attempt, or go on with what an earlier one began, wherever that is; see `buying.buy`."""
        known = unended(self.store.intents(turn.book.id, turn.ticket.digest))
        name = turn.place if known is None else known.row.qpu
        try:
            result, intent = buy(self._deal(turn, name), known)
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

    def _deal(self, turn: Turn, name: str) -> Deal:
        """What is wanted, compiled for the QPU's present calibration."""
        qpu, ticket = self.remote(name), turn.ticket
        program, epoch = self._program(turn, name)
        request = Request(ticket.thetas, ticket.shots, ticket.identities, ticket.counts, epoch)
        wanted = Wanted(ticket, turn.book.id, program, request, epoch, lambda result: self.check(name, result, request),
                        self.closing.is_set, self.timers.clock.now, lambda: self.kept(turn.book.id))
        return Deal(self.store, name, qpu, wanted, self.step)

    def _program(self, turn: Turn, name: str) -> tuple[Program, int]:
        """The program for the calibration that the task would meet now, and that calibration's epoch."""
        epoch = self.calibration(name).epoch
        book, structure = turn.book, turn.ticket.structure
        program = self.programs.get(book.id, book.shelf, structure, name)
        if getattr(program, "epoch", epoch) != epoch:
            program = self.programs.renew(book.id, book.shelf, structure, name)
        self._note_epoch(name, epoch)
        return program, epoch

    def _note_epoch(self, name: str, epoch: int) -> None:
        """Tell the engine of a calibration that was met."""
        if self.core is not None:
            self.core.post(CalibrationEnded(name, epoch))
