"""The part of the scenario's world that lets QPUs run tasks, in chunks if they are long."""

from __future__ import annotations

from typing import Any

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.simulator.platform import accounts as kinds

from .platform_upkeep import RUN, Upkeep


class Chunked(Upkeep):
    """What runs on QPUs, and what stands aside; `World` has the rest."""

    def begin_with(self, qpus: int) -> None:
        """Nothing runs, and nothing stands aside."""
        self.stamp = [0] * qpus
        self.ends = [0] * qpus              # when what runs would end without a break
        self.chunk = [0] * qpus
        self.rest: dict[str, int] = {}      # what tasks that stand aside have yet to run

    def run_on(self, now: int, command: cmd.StartQuantum, number: int, q: int, length: int) -> None:
        """The attempt begins there, `length` ns long, or is continued."""
        rest = self.rest.pop(command.task, 0)
        length = rest if command.resumed else length
        self.stamp[q] += 1
        self.running[q] = (number, command.attempt, now, self.stamp[q])
        self.ends[q], self.chunk[q] = now + length, command.chunk_ns or length + 1
        self.push(now + min(length, self.chunk[q]), RUN, q, (q, self.stamp[q], command.task))
        self.log.append((now, kinds.QUANTUM_START, number, q))

    def at_edge(self, now: int, q: int, stamp: int, task: str) -> bool:
        """Whether what runs there has only come to the end of a chunk; if so, the engine was asked."""
        if now >= self.ends[q]:
            return False
        _, attempt, begin, _ = self.running[q]
        self.send(now, ev.ChunkEnded(task, attempt, str(q), now - begin))
        if self.stamp[q] == stamp and q in self.running:
            self.push(min(self.ends[q], now + self.chunk[q]), RUN, q, (q, stamp, task))
        return True

    def stand_aside(self, now: int, command: cmd.YieldQuantum) -> None:
        q = int(command.qpu)
        number: Any = self.running.pop(q)[0]
        self.rest[command.task] = self.ends[q] - now
        self.log.append((now, kinds.QUANTUM_PAUSE, number, q))
