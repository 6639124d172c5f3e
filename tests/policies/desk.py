"""One engine in virtual time whose tasks take as long as they are told to."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.record import Policy

FOREVER = 10**18


class Desk:
    """Times in seconds. `starts` and `ends` list (time, task, QPU) in order; `hot` says so of each task started."""

    def __init__(self, policy: Policy, qpus: int = 1, seed: int = 0, check: bool = False, width: int = 9) -> None:
        self.engine = Engine(policy, seed=seed)
        self.check = check
        self.heap: list[tuple[int, int, Callable[[], None]]] = []
        self.count, self.now = 0, 0.0
        self.service: dict[str, float] = {}
        self.starts: list[tuple[float, str, str]] = []
        self.rest: dict[str, float] = {}        # of tasks that stand aside
        self.until: dict[str, float] = {}       # of QPUs: when what runs ends without a break
        self.yields: list[tuple[float, str, bool]] = []     # time, task, whether its shots are kept
        self.ends: list[tuple[float, str, str]] = []
        self.hot: dict[str, bool] = {}
        self.then: Callable[[str], None] | None = None
        for q in range(qpus):
            self.send(ev.QpuJoined(f"u{q}", width))

    def open(self, session: str, tenant: str = "t", weight: float = 1.0) -> None:
        self.send(ev.SessionOpened(session, tenant, weight, FOREVER, FOREVER))

    def submit(self, task: str, session: str, service: float = 1.0, estimate: float | None = None,
               **more: object) -> None:
        self.service[task] = service
        self.send(ev.QuantumSubmitted(task, session, more.pop("width", 1), estimate_s=service if estimate is None
                                      else estimate, **more))  # type: ignore[arg-type]

    def at(self, time: float, action: Callable[[], None]) -> None:
        self.count += 1
        heappush(self.heap, (round(time * SECOND), self.count, action))

    def run(self, until: float = float("inf")) -> None:
        while self.heap and self.heap[0][0] <= until * SECOND:
            at, _, action = heappop(self.heap)
            self.now = at / SECOND
            action()

    def send(self, event: ev.Event) -> list[cmd.Command]:
        commands = self.engine.handle(round(self.now * SECOND), event)
        if self.check:
            invariants.check(self.engine.state)
        for command in commands:
            if isinstance(command, cmd.StartQuantum):
                self.begin(command)
            elif isinstance(command, cmd.YieldQuantum):
                self.rest[command.task] = self.until.pop(command.qpu) - self.now
                self.yields.append((self.now, command.task, command.keep))
            elif isinstance(command, cmd.WakeAt) and command.at_ns == self.engine.state.wish_at:
                self.at(command.at_ns / SECOND, lambda: self.send(ev.Tick()))
            elif isinstance(command, cmd.StartCalibration):
                self.at(self.now + command.length_ns / SECOND, lambda c=command: self.send(  # type: ignore[misc]
                    ev.CalibrationEnded(c.qpu, round(self.now))))
        return commands

    def begin(self, command: cmd.StartQuantum) -> None:
        self.starts.append((self.now, command.task, command.qpu))
        self.hot[command.task] = command.hot
        rest = self.rest.pop(command.task, 0.0)
        length = rest if command.resumed else self.service[command.task]
        self.until[command.qpu] = self.now + length
        self.plan(command, self.now, self.now + length)

    def plan(self, command: cmd.StartQuantum, since: float, end: float) -> None:
        chunk = command.chunk_ns / SECOND
        if chunk and self.now + chunk < end - 1e-9:
            self.at(self.now + chunk, lambda: self.edge(command, since, end))
        else:
            self.at(end, lambda: self.end(command, since))

    def edge(self, command: cmd.StartQuantum, since: float, end: float) -> None:
        count = len(self.yields)
        self.send(ev.ChunkEnded(command.task, command.attempt, command.qpu, round((self.now - since) * SECOND)))
        if len(self.yields) == count:
            self.plan(command, since, end)

    def end(self, command: cmd.StartQuantum, since: float) -> None:
        if not any(qpu.running is not None and qpu.running.id == command.task for qpu in self.engine.state.qpus):
            return      # it was lost with its QPU
        self.ends.append((self.now, command.task, command.qpu))
        self.send(ev.QuantumEnded(command.task, command.attempt, command.qpu,
                                  measured_ns=round((self.now - since) * SECOND)))
        if self.then is not None:
            self.then(command.task)

    def order(self) -> list[str]:
        return [task for _, task, _ in self.starts]
