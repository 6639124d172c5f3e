"""Carrying out quantum tasks on QPUs inside this process: run, journal, and only then report."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import Conflict, JournalError
from qloop.model.commands import StartQuantum
from qloop.model.events import QuantumEnded
from qloop.model.limits import NEVER
from qloop.model.states import Outcome as Ending
from qloop.qpus.drift.absences import breaks_off
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Caching, LocalQpu, Program, Request
from qloop.qpus.remote import Qpu
from qloop.runtime.accounting import Account, Accounts
from qloop.runtime.chunked import ChunkSide, Runs
from qloop.runtime.core import Core
from qloop.runtime.endings import check, ending_of
from qloop.runtime.guess_runs import Cuts, GuessSide
from qloop.runtime.identity import Counter, draws
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import CallRow, IntentInfo
from qloop.runtime.journal.rows import ResultRow
from qloop.runtime.programs import Programs, Shelf
from qloop.runtime.remote.side import RemoteSide
from qloop.runtime.stored import Stored, recall
from qloop.runtime.tally import Tally
from qloop.runtime.ticket import Outcome, QuantumTicket, Turn
from qloop.runtime.timers import Timers


@dataclass(slots=True)
class Book:
    """What the runtime keeps of one open session."""

    id: str
    seed: int
    pin: str
    tenant: str
    name: str
    counter: Counter
    shelf: Shelf = field(default_factory=Shelf)
    memo: dict[bytes, ResultRow] = field(default_factory=dict)
    results: int = 0
    shots: int = 0
    resumed: int = 0
    submitted: int = 0
    failed: dict[bytes, int] = field(default_factory=dict)
    account: Account | None = None
    guesses: dict[bytes, QuantumTicket] = field(default_factory=dict)
    spare: dict[bytes, QuantumTicket] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def task_id(self, digest: bytes) -> str:
        """The id of the task that asks for this; after a failure a new one, for late ends must not find it."""
        again = self.failed.get(digest, 0)
        return f"{self.id}/{digest[:12].hex()}" + (f"+{again}" if again else "")

    def count(self, shots: int) -> None:
        """One more result is bought, from whatever thread."""
        with self.lock:
            self.results += 1
            self.shots += shots


class QuantumSide(GuessSide, ChunkSide):
    """Runs what the engine starts. One thread for each QPU, except where the waiting thread runs its own task."""

    def __init__(self, qpus: Mapping[str, Qpu], programs: Programs, store: Store, timers: Timers) -> None:
        self.qpus, self.programs, self.store, self.timers = qpus, programs, store, timers
        self.core: Core | None = None
        self.accounts: Accounts | None = None
        self.stopping = threading.Event()
        self.remote = RemoteSide(qpus, programs, store, timers, self.stopping)
        self.epochs = dict.fromkeys(qpus, 0)
        self.late_ns = 0
        self.cuts, self.runs = Cuts(), Runs()
        self._reference = ExactQpu("reference")
        self._references: dict[str, Program] = {}
        self._lines: dict[str, queue.SimpleQueue[Turn | None]] = {}
        self._threads: list[threading.Thread] = []

    def start(self, ticket: QuantumTicket, book: Book, command: StartQuantum) -> None:
        """The engine gave the task a QPU; called with the core's lock held."""
        cold_ns = int(dict(command.terms).get("load", 0.0) * 1e9)
        ticket.attempt, ticket.place = command.attempt, command.qpu
        if not command.resumed:
            ticket.cold_ns = cold_ns
        turn = Turn(ticket, book, command.attempt, command.qpu, cold_ns)
        turn = self.in_chunks(turn, command)
        if ticket.speculative:
            self.cuts.begin(turn)
        if self.timers.clock.virtual:
            assert self.core is not None
            self.core.afterwards(lambda: self._run_virtually(turn))
        elif ticket.inline:
            ticket.grant(turn)
        else:
            self._line(command.qpu).put(turn)

    def run(self, turn: Turn) -> None:
        """Run the attempt in this thread and report its end."""
        if turn.run is not None:
            self.serve(turn.run)
            return
        clock, begun = self.timers.clock, self.timers.clock.now()
        turn.ticket.begun_ns = begun
        ending, outcome, error, late = Ending.CANCELLED, None, None, 0
        try:
            if not turn.ticket.done:
                outcome, length = self.buy(turn)
                late = self._emulate(begun, length, turn.cut)
                if turn.cut is None or not turn.cut.is_set():
                    ending, outcome = Ending.OK, self._kept(turn, outcome)
                elif not self.remote.has(turn.place):
                    self._pay_cut(turn, min(length, clock.now() - begun))
        except Exception as raised:
            ending, error = ending_of(raised), raised
        finally:
            self._report(turn, ending, outcome, error, clock.now() - begun, late)

    def give_back(self, ticket: QuantumTicket) -> None:
        """Report the attempt that its thread has left or will never begin, so that its QPU is free again."""
        if ticket.reported != ticket.attempt:
            turn = Turn(ticket, None, ticket.attempt, ticket.place, 0)
            self._report(turn, Ending.CANCELLED, None, None, 0)

    def buy(self, turn: Turn) -> tuple[Outcome, int]:
        """Evaluate, journal the result, and only then return it, with the emulated duration in ns."""
        ticket, book, name = turn.ticket, turn.book, turn.place
        if turn.attempt > 1:
            known = self.store.get_result(book.id, ticket.digest)
            if known is not None:       # an earlier attempt was given up for lost, but its result was paid for
                return recall(known), 0
        if self.remote.has(name):
            return self._buy_remotely(turn), 0
        qpu = cast(LocalQpu, self.qpus[name])
        program = self.programs.get(book.id, book.shelf, ticket.structure, name)
        epoch, simulator = self.epochs[name], str(program.simulator)
        digests = draws(ticket.identities, name, epoch, simulator) if ticket.shots else ticket.identities
        request = Request(ticket.thetas, ticket.shots, digests, ticket.counts, epoch, ticket.begun_ns)
        result = qpu.evaluate(program, request)
        check(name, result, request)
        outcome = Outcome(result.values, result.counts, result.ideal, name, result.epoch, result.shots, simulator)
        length = qpu.duration(program, request)
        if length:
            length += self._set_up(turn, qpu, program, request)
        turn.gone = breaks_off(qpu, ticket.begun_ns, length)
        if turn.gone:
            return outcome, length      # nothing is bought: the engine hears of the absence before the task's end
        later = turn.cut is not None or turn.run is not None
        return outcome if later else self._keep(turn, outcome), length

    def _set_up(self, turn: Turn, qpu: LocalQpu, program: Program, request: Request) -> int:
        """What cold caches cost, in ns: as the policy reckoned, or as the QPU's own caches say."""
        if isinstance(qpu, Caching):
            turn.cold_ns = turn.ticket.cold_ns = qpu.set_up(program, request, turn.cold_ns)
        return turn.cold_ns

    def _buy_remotely(self, turn: Turn) -> Outcome:
        """Have a provider run it, or take up what an earlier attempt began there, and journal the result."""
        with self.remote.alone(turn):
            known = self.store.get_result(turn.book.id, turn.ticket.digest)
            return recall(known) if known is not None else self._deal(turn)

    def _deal(self, turn: Turn) -> Outcome:
        result, intent = self.remote.buy(turn)
        outcome = Outcome(result.values, result.counts, result.ideal, intent.row.qpu, result.epoch, result.shots,
                          result.simulator, net_ns=result.net_ns, compiled_epoch=intent.row.epoch)
        kept = self._keep(turn, outcome, intent)
        self.remote.close_intent(intent)
        return kept

    def _keep(self, turn: Turn, outcome: Outcome, intent: IntentInfo | None = None) -> Outcome:
        """Journal a bought result and its account; where another attempt's is there already, that one is the task's.

        Of a QPU that takes no time and costs nothing the result itself is the account: a hot loop writes one row.
        """
        assert self.accounts is not None
        call = self.accounts.bought(turn, outcome, self.timers.clock.now(), intent)
        return self._store(turn, outcome, call, spent=False, bought=intent is not None)

    def _store(self, turn: Turn, outcome: Outcome, call: CallRow, *, spent: bool, bought: bool = False) -> Outcome:
        """Journal result and account, and settle, unless that is `spent` already; `bought`: at a provider."""
        ticket, book = turn.ticket, turn.book
        assert self.accounts is not None
        shots = ticket.shots * len(ticket.thetas)
        value = msgspec.msgpack.encode(Stored(outcome.values, outcome.counts, outcome.ideal, outcome.net_ns,
                                              outcome.shots))
        row = ResultRow(ticket.digest, book.id, ticket.id, turn.attempt, outcome.qpu, outcome.epoch, shots,
                        outcome.simulator, value, self.timers.clock.now())
        try:
            new = self.store.put_result(row, call if call.net_ns or call.amount or bought else None)
        except Conflict:
            self.accounts.squashed(ticket, call, spent=spent)
            first = self.store.get_result(book.id, ticket.digest)
            assert first is not None
            return recall(first)
        except JournalError:        # the shots were bought all the same
            if not spent:
                self.accounts.settle(ticket, call)
            raise
        if not spent:
            self.accounts.settle(ticket, call)
        if new:
            book.count(shots)
        return outcome

    def ideal(self, book: Book, structure: str, theta: NDArray[np.float64]) -> float:
        """The noise-free expectation value at theta (P,), computed beside the platform."""
        program = self._references.get(structure)
        if program is None:
            source = book.shelf.sources[structure]
            program = self._references[structure] = self._reference.compile(source.circuit, source.observable)
        return self._reference.evaluate(program, Request(theta.reshape(1, -1), 0, (b"",))).values[0]

    def stop(self) -> None:
        """End the threads, and what is held at providers."""
        self.stopping.set()
        self.cuts.cut_all()
        for line in self._lines.values():
            line.put(None)
        for thread in self._threads:
            thread.join(timeout=5.0)
        self.remote.close()

    def _run_virtually(self, turn: Turn) -> None:
        """Compute now; the result is there when the emulated time is over."""
        if turn.run is not None:
            self.serve_virtually(turn.run)
            return
        begun = turn.ticket.begun_ns = self.timers.clock.now()
        ending, outcome, error, length = Ending.OK, None, None, 0
        try:
            outcome, length = self.buy(turn)
        except Exception as raised:
            ending, error = Ending.FAILED, raised
        self.timers.at(begun + length, lambda: self._end_virtually(turn, ending, outcome, error, length))

    def _report(self, turn: Turn, ending: Ending, outcome: Outcome | None, error: Exception | None, measured: int,
                late: int = 0) -> None:
        """Tell the engine that the attempt is over; what an attempt brings that was given up stays untold."""
        ticket, turn.over = turn.ticket, True
        if turn.book is not None:
            with turn.book.lock:
                turn.book.tally.took(ticket, measured)
        if ticket.attempt == turn.attempt and not ticket.done:
            ticket.outcome, ticket.error, ticket.late_ns = outcome, error, late
            ticket.ended_ns = self.timers.clock.now()
        reason = "" if error is None else f"{type(error).__name__}: {error}"
        assert self.core is not None
        try:
            if error is not None and self.accounts is not None:
                self.accounts.failed(turn, error, reason, self.timers.clock.now())
        except Exception:       # the QPU must become free whatever becomes of the account
            logging.getLogger("qloop").exception("A failed call of task %s could not be accounted", ticket.id)
        self.core.post(QuantumEnded(ticket.id, turn.attempt, turn.place, ending, min(measured, NEVER), reason))
        ticket.reported = turn.attempt

    def _emulate(self, begun: int, length: int, cut: threading.Event | None = None) -> int:
        """Under a real clock, take as long as the emulated hardware; returns the ns that it took longer than that."""
        if not length:
            return 0
        clock = self.timers.clock
        left = begun + length - clock.now()
        if left <= 0:
            self.late_ns = max(self.late_ns, -left)
            return -left
        (cut or self.stopping).wait(min(clock.real_seconds(left), threading.TIMEOUT_MAX))
        return 0

    def _line(self, qpu: str) -> queue.SimpleQueue[Turn | None]:
        """The line of a QPU's thread, which starts with its first task."""
        line = self._lines.get(qpu)
        if line is None:
            line = self._lines[qpu] = queue.SimpleQueue()
            thread = threading.Thread(target=self._serve, args=(line,), name=f"qloop-qpu-{qpu}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return line

    def _serve(self, line: queue.SimpleQueue[Turn | None]) -> None:
        while (turn := line.get()) is not None:
            try:
                self.run(turn)
            except BaseException:       # a callback may end its own thread, and others wait for this one
                logging.getLogger("qloop").exception("After task %s its QPU's thread met an error", turn.ticket.id)
