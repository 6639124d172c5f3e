"""The far side of a remote QPU, with a script: it keeps tasks as a provider does, and says what is to go wrong.

It outlives crashes of the runtime; in a file, if it is given one, also those of its process.
"""

from __future__ import annotations

import enum
import fcntl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from qloop.qpus.protocol import Recovery


class Wire(enum.Enum):
    """What goes wrong with one call."""

    REFUSED = "refused"                 # a definite no
    BUSY = "busy"                       # 429 with Retry-After
    OFFLINE = "offline"                 # the QPU takes no tasks
    CREDENTIALS = "credentials"         # expired
    NOT_SENT = "not sent"               # 5xx or a broken connection: the request never arrived
    REPLY_LOST = "reply lost"           # carried out, and the reply never arrived
    TRUNCATED = "truncated"             # carried out, and the reply cannot be read
    HANG = "hang"                       # carried out, and the call never returns
    LATE = "late"                       # the reply is lost, and the request arrives only after some more calls
    DOUBLED = "doubled"                 # the wire sent the request twice, and the reply is lost
    UNKNOWN_WORD = "unknown word"       # a status that the adapter does not know
    BACKWARDS = "backwards"             # a status from earlier
    GONE = "gone"                       # it knows no such task
    FAILED = "failed"                   # the task ran, and failed
    FAILED_UNRUN = "failed unrun"       # the task failed before it ran
    NO_RESULT = "no result"             # done, but no result is there
    NOT_A_NUMBER = "not a number"
    WRONG_SHOTS = "wrong shots"
    FOREIGN = "foreign"                 # the result of another task
    IGNORED = "ignored"                 # a cancel that does nothing
    CALIBRATED = "calibrated"           # the QPU was calibrated just before this call
    CRASHED = "crashed"                 # the adapter has a bug


class Task(msgspec.Struct):
    """A task at the provider: how often its status was read, and whether its shots were taken."""

    id: str
    token: str
    looks: int = 0
    phase: str = "queued"
    executed: bool = False
    epoch: int = 0
    hidden: int = 0


class Ledger(msgspec.Struct):
    """All that the provider knows."""

    tasks: list[Task] = []
    epoch: int = 1_700_000_000
    calls: dict[str, int] = {}


class Provider:
    """The far side. `plan` gives faults by (verb, nth call of it from 1); a task runs at its `queue`-th look.

    `late` is after how many calls a late request arrives.
    """

    def __init__(self, plan: Mapping[tuple[str, int], Wire] | None = None, *, recovery: Recovery = Recovery.TOKEN,
                 queue: int = 1, late: int = 2, file: Path | None = None) -> None:
        self.plan, self.recovery, self.queue, self.late, self.file = dict(plan or {}), recovery, queue, late, file
        self.lock = threading.RLock()
        self._ledger = Ledger()

    def read(self) -> Ledger:
        """What it knows now."""
        if self.file is not None and self.file.exists():
            self._ledger = msgspec.json.decode(self.file.read_bytes(), type=Ledger)
        return self._ledger

    def change(self, act: Callable[[Ledger], Any]) -> Any:
        """Let something happen; in a file for all processes, one at a time."""
        with self.lock:
            if self.file is None:
                return act(self._ledger)
            with self.file.with_suffix(".lock").open("w") as guard:
                fcntl.flock(guard, fcntl.LOCK_EX)
                ledger = self.read()
                answer = act(ledger)
                scratch = self.file.with_suffix(".new")
                scratch.write_bytes(msgspec.json.encode(ledger))
                scratch.replace(self.file)
                return answer

    @property
    def bought(self) -> int:
        """How many tasks had their shots taken."""
        return sum(task.executed for task in self.read().tasks)

    def fault(self, verb: str) -> Wire | None:
        """What goes wrong with this call; requests on their way arrive a step further."""
        def act(ledger: Ledger) -> Wire | None:
            ledger.calls[verb] = nth = ledger.calls.get(verb, 0) + 1
            for task in ledger.tasks:
                task.hidden = max(0, task.hidden - 1)
            wrong = self.plan.get((verb, nth))
            if wrong is Wire.CALIBRATED:
                ledger.epoch += 3600
            return wrong

        found: Wire | None = self.change(act)
        return found

    def take(self, token: str, copies: int = 1, hidden: int = 0) -> str:
        """A request has arrived."""
        def act(ledger: Ledger) -> str:
            for _ in range(copies):
                known = [task for task in ledger.tasks if task.token == token]
                if known and self.recovery is Recovery.TOKEN:
                    return known[0].id
                if known and self.recovery is Recovery.CLIENT_ID:
                    return "" if copies == 1 else known[0].id
                bears = token if self.recovery is not Recovery.NONE else ""
                ledger.tasks.append(Task(f"task-{len(ledger.tasks) + 1}", bears, hidden=hidden))
            return ledger.tasks[-1].id

        name: str = self.change(act)
        return name

    def look(self, name: str, phase: str | None = None) -> Task | None:
        """Where a task stands; each look brings it on."""
        def act(ledger: Ledger) -> Task | None:
            for task in ledger.tasks:
                if task.id == name:
                    advance(task, phase, ledger.epoch, self.queue)
                    return task
            return None

        found: Task | None = self.change(act)
        return found


def advance(task: Task, phase: str | None, epoch: int, queue: int) -> None:
    """One look further: queued, running (its shots are taken), done; or what the script says."""
    task.looks += 1
    if task.phase in ("cancelled", "failed", "done"):
        return
    if phase is not None:
        task.phase, task.executed = phase, phase == "failed" or task.executed
    elif task.looks > queue:
        task.phase = "running" if task.phase == "queued" else "done"
        if not task.executed:
            task.executed, task.epoch = True, epoch
