"""Whatever operators do, all work is done in the end, once, and none is overtaken because its QPU was paused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.model.states import TaskState
from qloop.policies.catalog import builtin
from tests.policies.chosen import LONG

QPUS, SESSIONS, TASKS = 3, 4, 24
WISHES = (ev.QpuPaused, ev.QpuDrained, ev.QpuResumed, ev.QpuResumed)
PLANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, QPUS - 1), st.integers(0, 3)), max_size=14)


class Story:
    """Tasks of one second each on three like QPUs, which an operator pauses and resumes as planned."""

    def __init__(self, policy: str, seed: int = 0) -> None:
        self.engine, self.now = Engine(builtin()[policy], seed=seed), 0
        self.begun: dict[str, int] = {}
        self.running: dict[str, str] = {}
        self.ended: dict[str, TaskState] = {}
        for q in range(QPUS):
            self.send(ev.QpuJoined(f"u{q}", 5))
        for s in range(SESSIONS):
            self.send(ev.SessionOpened(f"s{s}", "t"))

    def send(self, event: ev.Event) -> None:
        for command in self.engine.handle(self.now, event):
            if isinstance(command, cmd.StartQuantum):
                assert command.task not in self.begun, "begun twice"
                self.begun[command.task], self.running[command.qpu] = self.now, command.task
            elif isinstance(command, cmd.TaskEnded):
                self.ended[command.task] = command.state
        invariants.check(self.engine.state)

    def submit(self, tasks: int, pins: list[str]) -> None:
        for k in range(tasks):
            self.send(ev.QuantumSubmitted(f"{k}", f"s{k % SESSIONS}", 2, estimate_s=1.0, pin=pins[k % len(pins)]))
        for s in range(SESSIONS):
            self.send(ev.SessionClosing(f"s{s}"))

    def second(self) -> None:
        self.now += SECOND
        for qpu, task in list(self.running.items()):
            del self.running[qpu]
            self.send(ev.QuantumEnded(task, 1, qpu, measured_ns=SECOND))


@pytest.mark.parametrize("policy", LONG)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(plan=PLANS, pinned=st.booleans())
def test_all_work_is_done_once_the_operators_have_gone(policy: str, plan: list[tuple[int, int, int]],
                                                       pinned: bool) -> None:
    story = Story(policy)
    story.submit(TASKS, ["", "u0", "", "u2"] if pinned else [""])
    for second in range(13):
        for at, q, wish in plan:
            if at == second:
                story.send(WISHES[wish](f"u{q}"))
        story.second()
    for q in range(QPUS):
        story.send(ev.QpuResumed(f"u{q}"))
    for _ in range(TASKS + 2):
        story.second()
    assert story.ended == {f"{k}": TaskState.DONE for k in range(TASKS)}


@pytest.mark.parametrize("policy", ["fifo", "sjf", "easy"])
def test_a_pause_of_one_qpu_lets_nobody_be_overtaken(policy: str) -> None:
    """Like tasks are served in the order of their arrival before, during and after a pause."""
    rng = np.random.Generator(np.random.Philox(key=5))
    for _ in range(20):
        story = Story(policy)
        story.submit(TASKS, [""])
        out, back = sorted(rng.integers(0, 8, 2).tolist())
        for second in range(TASKS):
            if second == out:
                story.send(ev.QpuPaused(f"u{rng.integers(0, QPUS)}"))
            if second == back:
                for q in range(QPUS):
                    story.send(ev.QpuResumed(f"u{q}"))
            story.second()
        order = [story.begun[f"{k}"] for k in range(TASKS)]
        assert order == sorted(order)
