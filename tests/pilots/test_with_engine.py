"""The engine decides, the local pilot carries out, workers are killed on the way: every task ends once, and rightly."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import numpy as np

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import Limits
from qloop.model.states import Outcome, TaskState
from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value, pack
from qloop.pilots.protocol import Began, Ended, Joined, Left, PilotEvent
from qloop.policies import catalog
from qloop.testing import pilot_tasks as tasks

from .processes import PATIENCE_S


class Host:
    """The least that a runtime does: carries commands to the pilot and events to the engine."""

    def __init__(self, pilot: LocalPilot) -> None:
        self.pilot = pilot
        self.engine = Engine(catalog.policy("fifo"), Limits(attempts=100))
        self.begin = time.monotonic_ns()
        self.payloads: dict[str, bytes] = {}
        self.values: dict[str, float] = {}
        self.ended: dict[str, TaskState] = {}

    def send(self, event: ev.Event) -> None:
        for command in self.engine.handle(time.monotonic_ns() - self.begin, event):
            self.obey(command)
        invariants.check(self.engine.state)

    def obey(self, command: cmd.Command) -> None:
        match command:
            case cmd.StartClassical():
                self.pilot.run(command.worker, command.task, command.attempt, self.payloads[command.task])
            case cmd.AbortClassical():
                self.pilot.abort(command.worker, command.task, command.attempt)
            case cmd.TaskEnded():
                assert command.task not in self.ended
                self.ended[command.task] = command.state
            case cmd.Refused():
                raise AssertionError(command)

    def hear(self, event: PilotEvent) -> None:
        match event:
            case Joined():
                self.send(ev.WorkerJoined(event.worker, event.cores, event.environments))
            case Left():
                self.send(ev.WorkerLeft(event.worker, event.reason))
            case Ended():
                if event.outcome is Outcome.OK:
                    self.values[event.task] = open_value(event)
                self.send(ev.ClassicalEnded(event.task, event.attempt, event.worker, event.outcome,
                                            event.measured_ns, event.error))
            case Began():
                pass


def test_every_task_ends_once_while_workers_are_killed():
    count, random = 300, np.random.Generator(np.random.Philox(key=5))
    with LocalPilot() as pilot:
        host = Host(pilot)
        pilot.start(2)
        host.send(ev.SessionOpened("s", "ada"))
        for nth in range(count):
            host.payloads[f"t{nth}"] = pack(tasks.add, nth)
            host.send(ev.ClassicalSubmitted(f"t{nth}", "s", environment=""))
        kills = 0
        end = time.monotonic() + PATIENCE_S
        while len(host.ended) < count:
            assert time.monotonic() < end
            for event in pilot.poll(1.0):
                host.hear(event)
            pids = list(pilot.pids().values())
            if pids and random.random() < 0.1:
                kills += 1
                with contextlib.suppress(ProcessLookupError):   # dead of the last kill, and not yet heard of
                    os.kill(pids[int(random.integers(len(pids)))], signal.SIGKILL)
        assert kills > 0
        assert set(host.ended.values()) == {TaskState.DONE}
        assert host.values == {f"t{nth}": nth + 1 for nth in range(count)}


def test_a_cancelled_task_frees_its_slot_and_a_failed_one_is_not_repeated():
    with LocalPilot() as pilot:
        host = Host(pilot)
        pilot.start(1)
        host.send(ev.SessionOpened("s", "ada"))
        host.payloads = {"hangs": pack(tasks.sleep, 600.0), "fails": pack(tasks.raise_value_error, "no"),
                         "works": pack(tasks.add, 1)}
        for task in host.payloads:
            host.send(ev.ClassicalSubmitted(task, "s"))
        end = time.monotonic() + PATIENCE_S
        while len(host.ended) < 3:
            assert time.monotonic() < end
            for event in pilot.poll(1.0):
                host.hear(event)
                if isinstance(event, Began) and event.task == "hangs":
                    host.send(ev.TaskCancelled("hangs"))
        assert host.ended == {"hangs": TaskState.CANCELLED, "fails": TaskState.FAILED, "works": TaskState.DONE}
