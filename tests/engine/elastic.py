"""A world of pilots: workers join when they were ordered, tasks take their time, and everything is checked."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND, Limits
from qloop.model.needs import Capacity
from qloop.model.states import Outcome
from qloop.policies.catalog import policy

FOREVER_S = 1e8


class Elastic:
    """Obeys the engine's commands in virtual time. `ran`: (task, worker, begin, end) in s of what was done."""

    def __init__(self, pilots: list[ev.PilotSet], name: str = "efaas") -> None:
        self.engine = Engine(policy(name), Limits(attempts=100, interactive_ttl_ns=2**61, max_ttl_ns=2**61))
        self.state, self.now, self.count = self.engine.state, 0, 0
        self.made, self.nodes_of = -1, 0        # workers so far; of how many a node is full, 0: two nodes for ever
        self.queue: list[tuple[int, int, ev.Event]] = []
        self.terms = {pilot.pilot: pilot for pilot in pilots}
        self.lengths: dict[str, float] = {}
        self.running: dict[str, tuple[int, str, int]] = {}
        self.ran: list[tuple[str, str, float, float]] = []
        self.ended: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.most_seen = dict.fromkeys(self.terms, 0)
        self.send(ev.SessionOpened("s", "t"))
        for pilot in pilots:
            self.send(pilot)

    def submit(self, task: str, length_s: float, **needs: object) -> None:
        self.lengths[task] = length_s
        self.send(ev.ClassicalSubmitted(task, "s", **needs))  # type: ignore[arg-type]

    def at(self, seconds: float, event: ev.Event) -> None:
        self.count += 1
        heappush(self.queue, (self.now + round(seconds * SECOND), self.count, event))

    def send(self, event: ev.Event) -> None:
        for command in self.engine.handle(self.now, event):
            self.obey(command)
        invariants.check(self.state)
        for name in self.terms:
            workers = len(self.state.pilots[name].workers) if name in self.state.pilots else 0
            self.most_seen[name] = max(self.most_seen[name], workers)

    def obey(self, command: cmd.Command) -> None:
        match command:
            case cmd.GrowPilot():
                for _ in range(command.count):
                    self.join(command.pilot)
            case cmd.ReleaseWorker():
                self.at(0.0, ev.WorkerLeft(command.worker, "let go"))
            case cmd.StartClassical():
                self.running[command.task] = command.attempt, command.worker, self.now
                self.at(self.lengths[command.task], ev.ClassicalEnded(
                    command.task, command.attempt, command.worker, Outcome.OK,
                    round(self.lengths[command.task] * SECOND)))
            case cmd.WakeAt():
                self.at((command.at_ns - self.now) / SECOND, ev.Tick())
            case cmd.TaskEnded():
                self.ended[command.task] = command.state.value
            case cmd.Refused():
                self.refused[command.subject] = command.reason

    def join(self, pilot: str) -> None:
        terms = self.terms[pilot]
        self.count += 1
        self.made += 1
        number = self.made // self.nodes_of if self.nodes_of else self.count % 2
        node = f"{pilot}-node-{number if terms.workers_per_node > 1 else self.count}"
        self.at(terms.cold_s, ev.WorkerJoined(f"{pilot}-{self.count}", 1, (), pilot, node, terms.node,
                                              round(terms.cold_s * SECOND)))

    def lose(self, which: int) -> None:
        """A worker dies; its pilot brings up another."""
        workers = [worker for worker in self.state.workers.values() if not worker.going]
        if workers:
            worker = workers[which % len(workers)]
            self.send(ev.WorkerLeft(worker.id, "it died"))
            self.join(worker.pilot)

    def fail(self, pilot: str) -> None:
        """The pilot is gone, and whoever was on the way with it."""
        self.queue = [entry for entry in self.queue
                      if not (isinstance(entry[2], ev.WorkerJoined) and entry[2].pilot == pilot)]
        heapify(self.queue)
        self.send(ev.PilotFailed(pilot, "its cluster is gone"))

    def step(self) -> bool:
        if not self.queue:
            return False
        self.now, _, event = heappop(self.queue)
        if isinstance(event, ev.ClassicalEnded):
            attempt, worker, begin = self.running.get(event.task, (0, "", 0))
            if attempt == event.attempt and worker in self.state.workers:
                self.ran.append((event.task, worker, begin / SECOND, self.now / SECOND))
        self.send(event)
        return True

    def run(self, until_s: float = FOREVER_S) -> None:
        while self.queue and self.queue[0][0] <= until_s * SECOND:
            self.step()
        if until_s < FOREVER_S:
            self.now = max(self.now, round(until_s * SECOND))


def pilot(name: str, least: int = 0, most: int = 4, cores: int = 1, **more: object) -> ev.PilotSet:
    gpus = tuple(str(i) for i in range(int(more.pop("gpus", 0))))  # type: ignore[call-overload]
    memory = int(more.pop("memory", 0))  # type: ignore[call-overload]
    return ev.PilotSet(name, "local", least, most, Capacity(cores, memory, gpus),
                       **{"cold_s": 1.0, "keep_alive_ns": 5 * SECOND, **more})  # type: ignore[arg-type]
