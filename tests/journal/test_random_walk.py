"""P3 over many steps: attempts at least once, outcome exactly once, a fenced attempt writes nothing."""

from __future__ import annotations

import random

import pytest

from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.rows import ENDED_TASK, Run, SessionRow, TaskInfo, TaskRow, TaskState

LEASE = 10
LIVE = 12
"""Tasks that are open at a time; new ones replace those that ended."""


class Walk:
    """Workers that stop and go on, forget, repeat and lie about attempts, against a model that only counts."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.store = MemoryStore()
        self.now = 0
        self.made = 0
        self.open: list[str] = []
        self.held: list[tuple[str, int]] = []
        """Every (task, attempt) that some worker believes it holds, past leases included."""
        self.holder: dict[str, tuple[int, int]] = {}
        """The attempt that truly holds each leased task, and until when."""
        self.outcomes: dict[str, bytes] = {}
        self.counts = {"finished": 0, "fenced": 0, "expired": 0, "cancelled": 0}
        self.store.begin_run(Run("r", "walk", 0, seed, "virtual", "0.1"))
        self.store.put_session(SessionRow("s", "r", "t", "n", seed))

    def info(self, task: str) -> TaskInfo:
        found = self.store.get_task(task)
        assert found is not None
        return found

    def step(self) -> None:
        while len(self.open) < LIVE:
            self.made += 1
            self.open.append(f"t{self.made}")
            self.store.put_task(TaskRow(self.open[-1], "s", "k", b""))
        self.draw.choices((self.lease, self.finish, self.heartbeat, self.sweep, self.cancel, self.release),
                          (30, 30, 15, 20, 2, 5))[0]()

    def lease(self) -> None:
        task = self.draw.choice(self.open)
        before = self.info(task)
        number = self.store.lease(task, "w", self.now, self.now + LEASE)
        assert (number is not None) == (before.state is TaskState.READY)
        if number is not None:
            assert number == before.attempt + 1, "an attempt number was used twice"
            self.holder[task] = (number, self.now + LEASE)
            self.held.append((task, number))

    def believed(self) -> tuple[str, int] | None:
        if not self.held:
            return None
        return self.held.pop(self.draw.randrange(len(self.held)))

    def holds(self, task: str, number: int) -> bool:
        return task in self.holder and self.holder[task][0] == number and self.holder[task][1] > self.now

    def finish(self) -> None:
        belief = self.believed()
        if belief is None:
            return
        task, number = belief
        before, outcome = self.info(task), f"{task}/{number}".encode()
        accepted = self.store.finish(task, number, TaskState.DONE, outcome, self.now)
        if self.holds(task, number):
            assert accepted
            assert task not in self.outcomes, "a second outcome"
            self.outcomes[task] = outcome
            self.ended(task)
            self.counts["finished"] += 1
            if self.draw.random() < 0.5:
                self.held.append(belief)  # its reply is lost: the worker will say it again
            return
        assert accepted == (self.outcomes.get(task) == outcome)
        assert self.info(task) == before, "a fenced attempt wrote"
        self.counts["fenced"] += 1

    def ended(self, task: str) -> None:
        self.holder.pop(task, None)
        self.open.remove(task)

    def heartbeat(self) -> None:
        belief = self.believed()
        if belief is None:
            return
        alive = self.store.heartbeat(*belief, self.now, self.now + LEASE)
        assert alive == self.holds(*belief)
        if alive:
            self.holder[belief[0]] = (belief[1], self.now + LEASE)
        self.held.append(belief)

    def release(self) -> None:
        belief = self.believed()
        if belief is None:
            return
        assert self.store.release(*belief, self.now) == self.holds(*belief)
        if self.holds(*belief):
            del self.holder[belief[0]]

    def sweep(self) -> None:
        self.now += self.draw.randrange(4)
        if self.draw.random() < 0.5:
            return
        over = {task for task, (_, until) in self.holder.items() if until <= self.now}
        assert set(self.store.expire(self.now)) == over, "P6: requeued exactly when the lease is over"
        self.counts["expired"] += len(over)
        for task in over:
            del self.holder[task]

    def cancel(self) -> None:
        task = self.draw.choice(self.open)
        assert self.store.cancel(task, self.now)
        self.ended(task)
        self.counts["cancelled"] += 1

    def check_end(self) -> None:
        for task in self.store.tasks("s"):
            name = task.row.id
            assert (task.state in ENDED_TASK) == (name not in self.open)
            assert (task.state is TaskState.DONE) == (name in self.outcomes)
            assert task.outcome == self.outcomes.get(name, b"")
        assert all(count > 0 for count in self.counts.values()), f"the walk never met some case: {self.counts}"


@pytest.mark.parametrize(("steps", "seed"), [(100_000, 1), pytest.param(1_000_000, 2, marks=pytest.mark.ci)])
def test_p3_holds_at_every_step(steps, seed):
    walk = Walk(seed)
    for _ in range(steps):
        walk.step()
    walk.check_end()
