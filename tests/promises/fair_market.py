"""Tenants that compete for QPUs under the real engine and policy, in virtual time; what each got, as bounds need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.policies.catalog import policy
from qloop.policies.record import Policy
from tests.policies.desk import Desk

PLAIN = policy("efaas", "least_wait")


@dataclass
class Flow:
    """A session that keeps `depth` tasks outstanding, of lengths up to `longest` s, misjudged by these factors."""

    tenant: str
    depth: int
    longest: float
    hot: bool = False
    cpu: float = 0.0
    misjudged: Sequence[float] = (1.0,)
    open: bool = True
    ends: list[tuple[float, float]] = field(default_factory=list)     # (end, service)
    got: float = 0.0


class Market(Desk):
    """A desk whose flows come again at once; `history` has the service of each tenant (s) at each start and end."""

    def __init__(self, qpus: int, seed: int, rule: Policy = PLAIN) -> None:
        super().__init__(rule, qpus)
        self.rng = np.random.Generator(np.random.Philox(key=seed))
        self.flows: dict[str, Flow] = {}
        self.number = count()
        self.began: dict[str, float] = {}
        self.resumed: dict[str, float] = {}     # what tasks had run when they last went on after standing aside
        self.history: list[tuple[float, dict[str, float]]] = []
        self.then = self.again

    def tenant(self, name: str, weight: float) -> None:
        self.send(ev.TenantSet(name, weight))

    def flow(self, name: str, flow: Flow, weight: float = 1.0) -> None:
        """The session comes, with its backlog; of NORMAL tasks unless it is a loop."""
        self.flows[name] = flow
        self.open(name, flow.tenant, weight)
        if not flow.hot:
            self.send(ev.SessionConverged(name))
        for _ in range(flow.depth):
            self.one_more(name)

    def one_more(self, name: str) -> None:
        flow = self.flows[name]
        service = float(self.rng.uniform(0.2, 1.0)) * flow.longest
        wrong = flow.misjudged[int(self.rng.integers(len(flow.misjudged)))]
        self.submit(f"{name}/{next(self.number)}", name, service, service * wrong, cpu_s=flow.cpu)

    def again(self, task: str) -> None:
        name = task.split("/")[0]
        flow = self.flows[name]
        flow.got += self.service[task]
        flow.ends.append((self.now, self.service[task]))
        if flow.open:
            self.one_more(name)

    def begin(self, command: cmd.StartQuantum) -> None:
        self.note()
        if command.resumed:
            self.resumed[command.task] = self.before(command.task)
        super().begin(command)
        self.began[command.task] = self.now

    def end(self, command: cmd.StartQuantum, *more: float) -> None:
        self.note()
        self.began.pop(command.task, None)
        self.resumed.pop(command.task, None)
        super().end(command, *more)

    def note(self) -> None:
        """What each tenant had until now, the part of running tasks included."""
        served = {flow.tenant: 0.0 for flow in self.flows.values()}
        for flow in self.flows.values():
            served[flow.tenant] += flow.got
        for task, since in self.began.items():
            runs = 0.0 if task in self.rest else self.now - since
            served[self.flows[task.split("/")[0]].tenant] += self.before(task) + runs
        self.history.append((self.now, served))

    def before(self, task: str) -> float:
        """What a task has had in earlier stretches than the one that runs, s."""
        aside = self.service[task] - self.rest[task] if task in self.rest else 0.0
        return aside or self.resumed.get(task, 0.0)

    def wait_until(self, time: float) -> None:
        """Let everything happen until then; it is that time now."""
        self.run(until=time)
        self.now = max(self.now, time)

    def all_new(self, before: int) -> bool:
        """Whether a task of each flow, beyond the first `before` of all, has begun."""
        new = {task.split("/")[0] for _, task, _ in self.starts if int(task.split("/")[1]) >= before}
        return new >= {name for name, flow in self.flows.items() if flow.open}

    def lag(self, f: str, g: str, weights: dict[str, float], since: float = 0.0) -> float:
        """The largest |W_f/w_f - W_g/w_g| over all intervals that begin at `since` or later."""
        apart = [served[f] / weights[f] - served[g] / weights[g] for at, served in self.history
                 if at >= since and f in served and g in served]
        return max(apart) - min(apart)

    def had(self, tenant: str) -> float:
        """What its tasks that ended took, and what others had before they last stood aside, s."""
        names = {name for name, flow in self.flows.items() if flow.tenant == tenant}
        before = sum(self.before(task) for task in self.began if task.split("/")[0] in names)
        return before + sum(self.flows[name].got for name in names)
