"""What the scripted service holds: a QPU with calibrations, tasks with a queue, sessions with an end."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.qpus.ibm.running import execute, raw_configuration, raw_properties

FIRST_CALIBRATION = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = "Queued", "Running", "Completed", "Failed", "Cancelled"
FINAL = (COMPLETED, FAILED, CANCELLED)


@dataclasses.dataclass
class Task:
    """One submission, as the service keeps it."""

    id: str
    program: str
    params: dict[str, Any]
    tags: list[str]
    session: str | None
    created: datetime
    state: str = QUEUED
    reason: str = ""
    code: int = 0
    running: datetime | None = None
    result: str = ""
    seconds: float = 0.0
    looks: int = 0
    script: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Group:
    """A session or a batch."""

    id: str
    mode: str
    max_ttl: int
    created: datetime
    accepting: bool = True
    state: str = "open"


class World:
    """The service's state, with a clock that runs with the wall's and can be put forward.

    `steps`: a task is queued at its first look, running at the second, completed at the third, unless `hold` is set or
    its own `script` of words says otherwise. Everything is done under one lock.
    """

    def __init__(self, backend: str = "ibm_manila") -> None:
        self.lock = threading.RLock()
        self.backend = backend
        self.configuration = raw_configuration(backend)
        self.properties = raw_properties(backend)
        self.calibrations = [(FIRST_CALIBRATION, FIRST_CALIBRATION)]
        self.tasks: dict[str, Task] = {}
        self.groups: dict[str, Group] = {}
        self.keys = {"the-key-that-must-not-be-seen-0123456789abcd"}
        self.operational, self.status, self.pending_limit = True, "active", 0
        self.usage: dict[str, Any] = {"usage_limit_reached": False, "usage_consumed_seconds": 0}
        self.hold = False
        self.hide_running = False
        self.script: list[str] = []
        self._ahead = 0.0
        self._number = itertools.count(1)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def advance(self, seconds: float) -> None:
        with self.lock:
            self._ahead += seconds

    def recalibrate(self) -> datetime:
        """A calibration ends now; what runs later runs on it."""
        with self.lock:
            self._ahead += 2.0
            moment = self.now().replace(microsecond=0)
            self.calibrations.append((moment, moment))
            self._ahead += 2.0
            return moment

    def calibrated(self, moment: datetime) -> datetime:
        """The date of the calibration in force."""
        return max((taken for at, taken in self.calibrations if at <= moment), default=FIRST_CALIBRATION)

    def submit(self, body: dict[str, Any]) -> Task:
        with self.lock:
            name = f"task{next(self._number):04d}{time.time_ns() % 10**6:06d}"
            task = Task(name, body["program_id"], body["params"], list(body.get("tags", [])), body.get("session_id"),
                        self.now(), script=list(self.script))
            self.tasks[name] = task
            return task

    def look(self, task: Task) -> str:
        """The state word that a look sees; then the task goes one step on."""
        with self.lock:
            if task.script:
                word = task.script.pop(0)
                if word == COMPLETED and task.state != COMPLETED:
                    self.finish(task)
                return word
            task.looks += 1
            if not self.hold and task.state == QUEUED and task.looks > 1:
                self.start(task)
            elif not self.hold and task.state == RUNNING:
                self.finish(task)
            return task.state

    def start(self, task: Task) -> None:
        task.state, task.running = RUNNING, self.now()

    def finish(self, task: Task) -> None:
        if task.running is None:
            self.start(task)
        task.state, task.seconds = COMPLETED, 3.0
        task.result = execute(task.program, task.params)

    def fail(self, task: Task, reason: str, code: int, seconds: float) -> None:
        with self.lock:
            task.state, task.reason, task.code, task.seconds = FAILED, reason, code, seconds
            if seconds:
                task.running = self.now()

    def open_group(self, body: dict[str, Any]) -> Group:
        with self.lock:
            group = Group(f"group{next(self._number):04d}", body.get("mode", "dedicated"), body.get("max_ttl", 28800),
                          self.now())
            self.groups[group.id] = group
            return group

    def group(self, name: str) -> Group:
        """A session as it is now: closed once its longest time is over."""
        with self.lock:
            group = self.groups[name]
            if self.now() > group.created + timedelta(seconds=group.max_ttl):
                group.accepting, group.state = False, "closed"
            return group

    def live(self, name: str = "") -> list[Task]:
        """The tasks with this tag (all without one), the oldest first."""
        with self.lock:
            return [task for task in self.tasks.values() if not name or name in task.tags]
