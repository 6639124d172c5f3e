"""How a trace tells of chunks: who stood aside, and where a task went on beside other events of the same nanosecond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qloop.model.commands import Command, YieldQuantum
from qloop.model.events import ChunkEnded
from qloop.runtime.ticket import QuantumTicket, Ticket
from qloop.trace.recorder import Recorder
from qloop.trace.schema import ChunkEnd, Outcome, QpuEnd

Left = Callable[[int, str, Outcome, bool], None]


class Edges:
    """The ends of chunks; `running` has the ticket and the attempt on each QPU, `left` tells that one is over.

    An end at which a task went on is told only if anything else happens at its time: else its place in the order is of
    no consequence, and there are many. So it waits for the next event.
    """

    def __init__(self, recorder: Recorder, running: dict[str, tuple[Ticket, int]], left: Left) -> None:
        self.recorder, self.running, self.left = recorder, running, left
        self._now = -1
        self._beside = False
        self._waits: dict[str, Any] | None = None

    def before(self, now: int) -> None:
        """The engine was told something at `now`, which has not been recorded yet."""
        self._beside = now == self._now
        if self._waits is not None and self._beside:
            self.recorder.emit(ChunkEnd, now, **self._waits)
        self._now, self._waits = now, None

    def ended(self, now: int, event: ChunkEnded, answer: Sequence[Command]) -> None:
        """A chunk ended: the attempt goes on, stands aside, or, if its shots are not kept, is over."""
        ticket, attempt = self.running.get(event.qpu, (None, 0))
        if not isinstance(ticket, QuantumTicket) or (ticket.id, attempt) != (event.task, event.attempt):
            return
        where: dict[str, Any] = {"session": ticket.session, "iteration": ticket.iteration, "task": ticket.id,
                                 "qpu": event.qpu, "attempt": attempt}
        leaves = next((command for command in answer if isinstance(command, YieldQuantum)), None)
        if leaves is None and self._beside:
            self.recorder.emit(ChunkEnd, now, **where)
        elif leaves is None:
            self._waits = where
        elif leaves.keep:
            del self.running[event.qpu]
            self.recorder.emit(QpuEnd, now, **where, outcome="cancelled", paused=True,
                               overhead_ns=min(ticket.cold_ns, event.measured_ns))
        else:
            self.left(now, event.qpu, "cancelled", True)
