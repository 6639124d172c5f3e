"""Long tasks on emulated QPUs in chunks: their time passes chunk by chunk, and between two they may stand aside.

The values are computed when the task begins, and are a result, with its account, when all its chunks are over: what
stands aside is continued in the calibration epoch in which it began, or it is begun anew.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from qloop.model.commands import StartQuantum, YieldQuantum
from qloop.model.events import ChunkEnded
from qloop.model.states import Outcome as Ending
from qloop.qpus.drift.absences import breaks_off
from qloop.qpus.remote import Qpu
from qloop.runtime.core import Core
from qloop.runtime.endings import ending_of
from qloop.runtime.remote.side import RemoteSide
from qloop.runtime.ticket import Outcome, Turn
from qloop.runtime.timers import Timers


@dataclass(slots=True, eq=False)
class Run:
    """An attempt in chunks: its values, how much of its time is left, and since when it is on the QPU."""

    turn: Turn
    chunk_ns: int
    outcome: Outcome | None = None
    left_ns: int = -1       # not begun
    spent_ns: int = 0
    since_ns: int = 0
    yielded: bool = False

    def next_edge(self, now: int) -> int:
        """When the present chunk ends: whole chunks after the begin, so that one heard of late delays no other."""
        return self.since_ns + ((now - self.since_ns) // self.chunk_ns + 1) * self.chunk_ns


class Runs:
    """The attempts in chunks that run, by task and attempt, and those that stand aside, by task."""

    def __init__(self) -> None:
        self.running: dict[tuple[str, int], Run] = {}
        self.aside: dict[str, Run] = {}

    def begin(self, turn: Turn, command: StartQuantum) -> Run | None:
        """The engine starts or continues an attempt in chunks."""
        run = self.aside.pop(command.task, None) if command.resumed else None
        if run is None and not command.chunk_ns:
            return None
        if run is None:
            run = Run(turn, 0)
        run.yielded, run.chunk_ns = False, command.chunk_ns or max(1, run.left_ns)
        self.running[command.task, command.attempt] = run
        return run

    def leave(self, command: YieldQuantum, now: int) -> Run | None:
        """The engine's answer at the end of a chunk: the attempt leaves its QPU; returns it if it was known."""
        run = self.running.pop((command.task, command.attempt), None)
        if run is not None:
            ran = now - run.since_ns
            run.left_ns, run.spent_ns, run.yielded = max(0, run.left_ns - ran), run.spent_ns + ran, True
            run.turn.ticket.cold_ns = max(0, run.turn.ticket.cold_ns - ran)
            if command.keep:
                self.aside[command.task] = run
        return run


class ChunkSide:
    """What the quantum side does with attempts in chunks; the rest of it is `quantum.QuantumSide`."""

    qpus: Mapping[str, Qpu]
    timers: Timers
    remote: RemoteSide
    core: Core | None
    stopping: threading.Event
    runs: Runs

    def buy(self, turn: Turn) -> tuple[Outcome, int]:
        """Evaluate; the outcome, and how long the QPU takes for it."""
        raise NotImplementedError

    def _keep(self, turn: Turn, outcome: Outcome) -> Outcome:
        raise NotImplementedError

    def _pay_cut(self, turn: Turn, net_ns: int) -> None:
        raise NotImplementedError

    def _report(self, turn: Turn, ending: Ending, outcome: Outcome | None, error: Exception | None, measured: int,
                late: int = 0) -> None:
        raise NotImplementedError

    def in_chunks(self, turn: Turn, command: StartQuantum) -> Turn:
        """The turn to run for this command; called with the core's lock held."""
        if not command.resumed:
            self.forget(command.task)
        if not turn.ticket.inline and not self.remote.has(command.qpu):
            run = self.runs.begin(turn, command)
            if run is not None:
                run.turn.run = run
                return run.turn
        return turn

    def stand_aside(self, command: YieldQuantum) -> None:
        """The attempt, at the end of a chunk, leaves its QPU; called with the core's lock held."""
        spent = self.runs.running.get((command.task, command.attempt))
        before = 0 if spent is None else spent.spent_ns
        run = self.runs.leave(command, self.timers.clock.now())
        if run is not None:
            with run.turn.book.lock:
                run.turn.book.tally.took(run.turn.ticket, run.spent_ns - before, over=False)
        if run is not None and not command.keep:
            self._lose(run)

    def forget(self, task: str) -> None:
        """If the task stood aside, it will not be continued; called with the core's lock held."""
        run = self.runs.aside.pop(task, None)
        if run is not None:
            self._lose(run)

    def _lose(self, run: Run) -> None:
        """The shots so far are paid for, and of no use."""
        assert self.core is not None
        if run.spent_ns:
            spent, run.spent_ns = run.spent_ns, 0
            self.core.afterwards(lambda: self._pay_cut(run.turn, spent))

    def serve(self, run: Run) -> None:
        """Under a real clock: take the time of the attempt in this thread, until it is over or stands aside."""
        ending, error = self._open(run)
        clock, end = self.timers.clock, run.since_ns + run.left_ns
        while not self.stopping.is_set() and clock.now() < end:
            wait = min(end, run.next_edge(clock.now())) - clock.now()
            self.stopping.wait(min(max(0.0, clock.real_seconds(wait)), threading.TIMEOUT_MAX))
            if clock.now() < end and not self._may_go_on(run):
                return
        self._close(run, ending, error)

    def serve_virtually(self, run: Run) -> None:
        """In virtual time: come back at the end of each chunk."""
        ending, error = self._open(run)
        self._plan(run, run.since_ns + run.left_ns, ending, error)

    def _plan(self, run: Run, end: int, ending: Ending, error: Exception | None) -> None:
        edge = run.next_edge(self.timers.clock.now())
        self.timers.at(min(end, edge), lambda: self._edge(run, end, ending, error))

    def _edge(self, run: Run, end: int, ending: Ending, error: Exception | None) -> None:
        if self.timers.clock.now() >= end:
            self._close(run, ending, error)
        elif self._may_go_on(run):
            self._plan(run, end, ending, error)

    def _open(self, run: Run) -> tuple[Ending, Exception | None]:
        """The attempt is on its QPU: compute its values if it only begins."""
        turn, begins = run.turn, run.left_ns < 0
        run.since_ns = self.timers.clock.now()
        run.left_ns = max(0, run.left_ns)
        if not begins:
            return Ending.OK, None
        turn.ticket.begun_ns = run.since_ns
        if turn.ticket.done:
            return Ending.CANCELLED, None
        try:
            run.outcome, run.left_ns = self.buy(turn)
        except Exception as raised:
            return ending_of(raised), raised
        return Ending.OK, None

    def _may_go_on(self, run: Run) -> bool:
        """At the end of a chunk: the engine has answered when this returns."""
        assert self.core is not None
        turn = run.turn
        ran = self.timers.clock.now() - run.since_ns
        self.core.tell(ChunkEnded(turn.ticket.id, turn.attempt, turn.place, ran))
        return not run.yielded

    def _close(self, run: Run, ending: Ending, error: Exception | None) -> None:
        """All its time is over: the values are a result now, unless the QPU went away or they are not wanted."""
        turn, ran = run.turn, self.timers.clock.now() - run.since_ns
        self.runs.running.pop((turn.ticket.id, turn.attempt), None)
        outcome, gone = run.outcome, breaks_off(self.qpus[turn.place], run.since_ns, ran)
        if outcome is not None and not gone and outcome.source == "qpu" and turn.ticket.attempt == turn.attempt:
            try:
                outcome = self._keep(turn, outcome)
            except Exception as raised:
                ending, error = ending_of(raised), raised
        self._report(turn, ending, outcome, error, ran)
