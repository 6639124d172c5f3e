"""What a runtime does for functions: hire workers when first asked for, keep files, keep what finished stages gave."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from qloop.errors import Conflict, JournalError
from qloop.model.limits import SECOND
from qloop.pilots.spec import PilotSpec
from qloop.runtime import layout
from qloop.runtime.assembly import Parts
from qloop.runtime.journal.rows import TaskRow, TaskState
from qloop.runtime.options import MEMORY, Options
from qloop.runtime.pilots import hold, pilot_specs

STAGE = "stage"     # the kind of a journaled task that holds a finished stage's result


class Hosting:
    """The part of a runtime that functions lean on; any thread may call it."""

    parts: Parts
    options: Options
    closing: list[Callable[[], None]]       # what is told before the runtime closes

    @property
    def has_workers(self) -> bool:
        """Whether there is a pilot to run classical tasks."""
        return bool(self.parts.classical.held)

    @property
    def pace(self) -> float:
        """How many times as fast as real time the run's clock goes."""
        return self.parts.timers.clock.scale

    @property
    def traced(self) -> bool:
        """Whether a trace is recorded."""
        return self.parts.recording is not None

    def hire(self, wish: str | PilotSpec) -> None:
        """Have one more pilot from now on, as one of the option `pilots`; Conflict for a name that is taken."""
        held = self.parts.classical.held
        spec = pilot_specs(0, [wish])[0]
        if spec.label in held:
            raise Conflict(f"There is a pilot named {spec.label!r}", "Tasks are pinned to pilots by name",
                           "Give the PilotSpec a name of its own")
        self.parts.classical.hire(hold([spec], self.parts.timers.clock.virtual)[0])

    def files_folder(self) -> tuple[Path, bool]:
        """A folder for large values, beside the journal; and whether it is a passing one, for there is no such file."""
        journal = self.options.journal
        if journal is None:
            journal = layout.journal_path(self.parts.run)
        if isinstance(journal, str | Path) and str(journal) != MEMORY:
            return layout.files_folder(Path(journal).absolute()), False
        return Path(tempfile.mkdtemp(prefix="qloop-files-")), True

    def keep_stage(self, session: str, key: str, outcome: bytes) -> None:
        """Journal what a finished stage of a session returned, under a key that says what it was asked."""
        store, now = self.parts.store, self.parts.timers.clock.now()
        task = store.put_task(TaskRow(f"{session}/{STAGE}-{key}", session, STAGE, b"", now)).id
        attempt = store.lease(task, "runtime", now, now + SECOND)
        if attempt is not None and not store.finish(task, attempt, TaskState.DONE, outcome, now):
            raise JournalError(f"The stage {task} could not be journaled", "Its attempt was fenced out", "")

    def kept_stage(self, session: str, key: str) -> bytes | None:
        """What a stage with this key returned in this or an earlier life of the session; None if it has not."""
        found = self.parts.store.get_task(f"{session}/{STAGE}-{key}")
        return found.outcome if found is not None and found.state is TaskState.DONE else None
