"""Carrying out quantum tasks on QPUs inside this process: run, journal, and only then report."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import QpuError
from qloop.model.commands import StartQuantum
from qloop.model.events import QuantumEnded
from qloop.model.limits import NEVER
from qloop.model.states import Outcome as Ending
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import LocalQpu, Program, QpuResult, Request
from qloop.runtime.core import Core
from qloop.runtime.identity import Counter, draws
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import ResultRow
from qloop.runtime.programs import Programs, Shelf
from qloop.runtime.ticket import Outcome, QuantumTicket
from qloop.runtime.timers import Timers


class Stored(msgspec.Struct, array_like=True):
    """What the journal keeps of an outcome."""

    values: tuple[float, ...]
    counts: tuple[dict[str, int], ...] = ()
    ideal: tuple[float, ...] = ()


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


def recall(row: ResultRow) -> Outcome:
    """The outcome that a journaled result holds."""
    stored = msgspec.msgpack.decode(row.value, type=Stored)
    return Outcome(stored.values, stored.counts, stored.ideal, row.qpu, row.epoch, row.shots, row.simulator, "journal")


class QuantumSide:
    """Runs what the engine starts. One thread for each QPU, except where the waiting thread runs its own task."""

    def __init__(self, qpus: Mapping[str, LocalQpu], programs: Programs, store: Store, timers: Timers) -> None:
        self.qpus, self.programs, self.store, self.timers = qpus, programs, store, timers
        self.core: Core | None = None
        self.epochs = dict.fromkeys(qpus, 0)
        self.late_ns = 0
        self._reference = ExactQpu("reference")
        self._references: dict[str, Program] = {}
        self._lines: dict[str, queue.SimpleQueue[tuple[QuantumTicket, Book] | None]] = {}
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self, ticket: QuantumTicket, book: Book, command: StartQuantum) -> None:
        """The engine gave the task a QPU; called with the core's lock held."""
        ticket.attempt, ticket.place = command.attempt, command.qpu
        ticket.cold_ns = int(dict(command.terms).get("cold", 0.0) * 1e9)
        if self.timers.clock.virtual:
            self._run_virtually(ticket, book)
        elif ticket.inline:
            ticket.grant()
        else:
            self._line(command.qpu).put((ticket, book))

    def run(self, ticket: QuantumTicket, book: Book) -> None:
        """Run the task in this thread and report its end; what went wrong is kept on the ticket."""
        clock, begun = self.timers.clock, self.timers.clock.now()
        ticket.begun_ns = begun
        ending = Ending.CANCELLED
        try:
            if not ticket.done:
                length = self.buy(ticket, book)
                self._emulate(begun, length)
                ending = Ending.OK
        except Exception as error:
            ticket.error, ending = error, Ending.FAILED
        finally:
            self._report(ticket, ending, clock.now() - begun)

    def buy(self, ticket: QuantumTicket, book: Book) -> int:
        """Evaluate, journal the result, and only then keep it on the ticket; returns the emulated duration in ns."""
        name, qpu = ticket.place, self.qpus[ticket.place]
        program = self.programs.get(book.id, book.shelf, ticket.structure, name)
        epoch, simulator = self.epochs[name], str(program.simulator)
        digests = draws(ticket.identities, name, epoch, simulator) if ticket.shots else ticket.identities
        request = Request(ticket.thetas, ticket.shots, digests, ticket.counts, epoch)
        result = qpu.evaluate(program, request)
        check(result, request)
        outcome = Outcome(result.values, result.counts, result.ideal, name, result.epoch, result.shots, simulator)
        value = msgspec.msgpack.encode(Stored(outcome.values, outcome.counts, outcome.ideal))
        self.store.put_result(ResultRow(ticket.digest, book.id, ticket.id, ticket.attempt, name, result.epoch,
                                        ticket.shots * len(ticket.thetas), simulator, value, self.timers.clock.now()))
        ticket.outcome = outcome
        book.results += 1
        book.shots += ticket.shots * len(ticket.thetas)
        length = qpu.duration(program, request)
        return length + ticket.cold_ns if length else 0

    def ideal(self, book: Book, structure: str, theta: NDArray[np.float64]) -> float:
        """The noise-free expectation value at theta (P,), computed beside the platform."""
        program = self._references.get(structure)
        if program is None:
            source = book.shelf.sources[structure]
            program = self._references[structure] = self._reference.compile(source.circuit, source.observable)
        return self._reference.evaluate(program, Request(theta.reshape(1, -1), 0, (b"",))).values[0]

    def stop(self) -> None:
        """End the threads."""
        self._stopping.set()
        for line in self._lines.values():
            line.put(None)
        for thread in self._threads:
            thread.join(timeout=5.0)

    def _run_virtually(self, ticket: QuantumTicket, book: Book) -> None:
        """Compute now; the result is there when the emulated time is over."""
        ticket.begun_ns = self.timers.clock.now()
        length, ending = 0, Ending.OK
        try:
            length = self.buy(ticket, book)
        except Exception as error:
            ticket.error, ending = error, Ending.FAILED
        self.timers.at(ticket.begun_ns + length, lambda: self._report(ticket, ending, length))

    def _report(self, ticket: QuantumTicket, ending: Ending, measured: int) -> None:
        """Tell the engine that the attempt is over."""
        ticket.ended_ns = self.timers.clock.now()
        reason = "" if ticket.error is None else f"{type(ticket.error).__name__}: {ticket.error}"
        assert self.core is not None
        self.core.post(QuantumEnded(ticket.id, ticket.attempt, ticket.place, ending, min(measured, NEVER), reason))

    def _emulate(self, begun: int, length: int) -> None:
        """Under a real clock, take as long as the emulated hardware; remember the worst delay beyond it."""
        clock = self.timers.clock
        left = begun + length - clock.now()
        if left > 0:
            self._stopping.wait(clock.real_seconds(left))
        elif length:
            self.late_ns = max(self.late_ns, -left)

    def _line(self, qpu: str) -> queue.SimpleQueue[tuple[QuantumTicket, Book] | None]:
        """The line of a QPU's thread, which starts with its first task."""
        line = self._lines.get(qpu)
        if line is None:
            line = self._lines[qpu] = queue.SimpleQueue()
            thread = threading.Thread(target=self._serve, args=(line,), name=f"qloop-qpu-{qpu}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return line

    def _serve(self, line: queue.SimpleQueue[tuple[QuantumTicket, Book] | None]) -> None:
        while (item := line.get()) is not None:
            self.run(*item)


def check(result: QpuResult, request: Request) -> None:
    """Refuse a result that cannot be one: `QpuError`, before it is journaled."""
    rows = len(request.thetas)
    if len(result.counts if request.counts else result.values) != rows:
        raise QpuError(f"QPU {result.qpu} answered {len(result.values)} values for {rows} parameter sets", "",
                       "Report this as a bug of the QPU")
    if not all(map(math.isfinite, result.values)):
        raise QpuError(f"QPU {result.qpu} answered a value that is not finite", "", "Nothing was kept; try again")
    if request.counts and any(sum(row.values()) != request.shots for row in result.counts):
        raise QpuError(f"QPU {result.qpu} answered another number of shots than {request.shots}", "",
                       "Nothing was kept; try again")
