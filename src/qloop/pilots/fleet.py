"""A pilot's agents and their workers as the hub knows them: who is there, what runs where, and what is to be told.

Every attempt that is sent ends here exactly once: by its agent's word, or with the agent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec

from qloop.errors import InvalidInput
from qloop.model.states import Outcome
from qloop.pilots import messages
from qloop.pilots.allocator import Gone
from qloop.pilots.hub import Hub, Link
from qloop.pilots.protocol import MOST_WORKERS, Asked, Began, Ended, Joined, Left, PilotEvent, Told
from qloop.pilots.supply import Allocation, Supply


@dataclass(slots=True)
class Agent:
    """An agent that is connected. `ordered`: workers it shall have; `orders_ns`: since when those that are to come are.

    `closing`: it takes no more; `dismissed`: it was told to end.
    """

    link: Link
    allocation: Allocation
    prefix: str
    most: int
    ordered: int = 0
    closing: bool = False
    dismissed: bool = False
    workers: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    orders_ns: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Sent:
    """An attempt that an agent was told to run, and that has not ended."""

    agent: Agent
    task: str
    attempt: int
    sent_ns: int


class Fleet:
    """All agents of one pilot. `events`: what is to be told; `workers`: those that have joined and not left."""

    def __init__(self, name: str, supply: Supply, welcome: messages.Welcome) -> None:
        self.events: list[PilotEvent] = []
        self.workers: dict[str, Agent] = {}
        self.agents: dict[Link, Agent] = {}
        self.hub: Hub | None = None
        self._name, self._supply, self._welcome = name, supply, welcome
        self._sent: dict[str, Sent] = {}
        self._serial = 0

    # -- what the pilot wants

    def settle(self) -> None:
        """Let there be as many workers as there shall be, as far as that can be done now."""
        self._supply.forget()
        missing = self._supply.target - sum(agent.ordered for agent in self.agents.values() if not agent.closing)
        for agent in self.agents.values():
            room = 0 if agent.closing else min(missing, agent.most - agent.ordered)
            if room > 0:
                self._order(agent, room)
                missing -= room
        for agent in list(self.agents.values()):
            if not agent.ordered and not agent.closing and missing <= 0:
                self._dismiss(agent)
        if missing > 0:
            self._supply.require(missing)

    def release(self, worker: str) -> None:
        """This worker leaves for good, and with the last one of an agent the agent."""
        agent = self.workers.get(worker)
        if agent is None or worker in agent.released or agent.dismissed:
            return
        agent.released.add(worker)
        self._supply.target -= 1
        agent.ordered -= 1
        self.send(agent, messages.Release(worker))
        if not agent.ordered and not agent.closing:
            self._dismiss(agent)

    def run(self, command: messages.Run, payload: bytes) -> None:
        """Run this on a worker that has joined and is free."""
        agent = self.workers[command.worker]
        busy = self._sent.get(command.worker)
        if busy is not None:
            raise InvalidInput(f"The worker {command.worker!r} cannot run task {command.task!r} now",
                               f"it runs {busy.task!r}", "Wait for its end")
        self._sent[command.worker] = Sent(agent, command.task, command.attempt, time.monotonic_ns())
        self.send(agent, command, payload)

    def runs(self, worker: str, task: str, attempt: int) -> Agent | None:
        """The agent of this worker, if that runs this attempt."""
        sent = self._sent.get(worker)
        return sent.agent if sent is not None and (sent.task, sent.attempt) == (task, attempt) else None

    def drop(self, gone: Gone) -> None:
        """An allocation has ended: so have its agents, whatever their connections say."""
        assert self.hub is not None
        for link in [link for link, agent in self.agents.items() if agent.allocation.name == gone.name]:
            self.hub.part(link, gone.reason or "its allocation has ended")

    def send(self, agent: Agent, command: messages.Command, payload: bytes = b"") -> None:
        """Tell an agent something."""
        assert self.hub is not None
        self.hub.send(agent.link, messages.command(command, payload))

    def _order(self, agent: Agent, count: int) -> None:
        now = time.monotonic_ns()
        since = now if agent.allocation.worked else agent.allocation.asked_ns
        agent.orders_ns += [since] * count
        agent.ordered += count
        self.send(agent, messages.Grow(count))

    def _dismiss(self, agent: Agent) -> None:
        agent.closing = agent.dismissed = True
        self.send(agent, messages.End("the pilot needs it no more"))

    # -- what is heard: `qloop.pilots.hub.Host`

    def welcome(self, hello: messages.Hello) -> messages.Welcome | str:
        """Agents of the allocations that were asked for are wanted."""
        if hello.name.partition("/")[0] not in self._supply.allocations:
            return f"no allocation {hello.name[:100]!r} is expected, or it is not needed any more"
        if not 1 <= hello.workers <= MOST_WORKERS or hello.capacity.cores < 1 or hello.capacity.memory_bytes < 0:
            return "it offers no workers"
        self._serial += 1
        return msgspec.structs.replace(self._welcome, prefix=f"{self._name}-{self._serial}")

    def joined(self, link: Link) -> None:
        """An agent is there; it gets its orders at once."""
        allocation = self._supply.came(link.hello.name)
        self.agents[link] = Agent(link, allocation, f"{self._name}-{self._serial}-", link.hello.workers)
        self.settle()

    def reported(self, link: Link, report: messages.Report) -> None:
        """What an agent says of its own workers; of others it can say nothing."""
        agent = self.agents[link]
        match report:
            case messages.Closing():
                agent.closing = True
                self.settle()
            case messages.Kept() if report.worker in agent.released:
                agent.ordered += 1
                self._supply.target += 1
            case messages.Failing():
                self._supply.hint = report.reason
                assert self.hub is not None
                self.hub.part(link, report.reason)
            case Joined() if report.worker.startswith(agent.prefix):
                self._came(agent, report)
            case Left() if report.worker in agent.workers:
                agent.workers.remove(report.worker)
                del self.workers[report.worker]
                self.events.append(report)
            case Began() | Ended() | Told() | Asked() if self.runs(report.worker, report.task, report.attempt) is agent:
                self._about(agent, report)
            case _:
                pass    # of an attempt that has ended here, or nonsense

    def lost(self, link: Link, reason: str) -> None:
        """An agent is gone, its workers have left, what ran there is LOST."""
        agent = self.agents.pop(link)
        for worker in sorted(agent.workers):
            del self.workers[worker]
            self.events.append(Left(worker, reason))
        for worker, sent in [(worker, sent) for worker, sent in self._sent.items() if sent.agent is agent]:
            del self._sent[worker]
            spent = time.monotonic_ns() - sent.sent_ns
            self.events.append(Ended(worker, sent.task, sent.attempt, Outcome.LOST, spent, error=reason))
        self._supply.went(link.hello.name, agent.dismissed)
        self.settle()

    def refused(self, reason: str) -> None:
        """Kept as a hint for the case that nobody comes."""
        self._supply.hint = f"the hub refused an agent: {reason}"

    def _came(self, agent: Agent, report: Joined) -> None:
        self._supply.worked(agent.allocation)
        startup_ns = time.monotonic_ns() - agent.orders_ns.pop(0) if agent.orders_ns else report.startup_ns
        agent.workers.add(report.worker)
        self.workers[report.worker] = agent
        self.events.append(msgspec.structs.replace(report, startup_ns=startup_ns))

    def _about(self, agent: Agent, report: Began | Ended | Told | Asked) -> None:
        if isinstance(report, Began):
            report = msgspec.structs.replace(report, at_ns=report.at_ns + agent.link.offset_ns)
        elif isinstance(report, Ended):
            del self._sent[report.worker]
        self.events.append(report)
