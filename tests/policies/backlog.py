"""Tenants that always have tasks waiting, under efaas; and what each got."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from qloop.model import events as ev
from qloop.policies.record import Policy

from .desk import Desk


class Backlog:
    """Sessions that keep `depth` tasks outstanding each; `got` is the QPU time that each has had, by session."""

    def __init__(self, policy: Policy, qpus: int, depth: int, seed: int = 0, longest: float = 4.0) -> None:
        self.desk = Desk(policy, qpus)
        self.rng = np.random.Generator(np.random.Philox(key=seed))
        self.depth, self.longest, self.number = depth, longest, count()
        self.got: dict[str, float] = {}
        self.misjudged: dict[str, Sequence[float]] = {}
        self.desk.then = self.again

    def session(self, name: str, tenant: str, converged: bool = True, misjudged: Sequence[float] = (1.0,)) -> None:
        """A session with a backlog, of NORMAL tasks if it has `converged`; its estimates are wrong by these factors."""
        self.desk.open(name, tenant)
        self.got[name], self.misjudged[name] = 0.0, misjudged
        if converged:
            self.desk.send(ev.SessionConverged(name))
        for _ in range(self.depth):
            self.submit(name)

    def submit(self, name: str) -> None:
        service = float(self.rng.uniform(0.1, self.longest))
        estimate = service * self.misjudged[name][int(self.rng.integers(len(self.misjudged[name])))]
        self.desk.submit(f"{name}/{next(self.number)}", name, service, estimate)

    def again(self, task: str) -> None:
        name = task.split("/")[0]
        self.got[name] += self.desk.service[task]
        self.submit(name)

    def tenants(self, of: dict[str, str]) -> dict[str, float]:
        """QPU time by tenant."""
        total: dict[str, float] = {}
        for name, got in self.got.items():
            total[of[name]] = total.get(of[name], 0.0) + got
        return total
