"""Tasks and their fenced attempts in memory: the reference of what the verbs mean."""

from __future__ import annotations

import threading

import msgspec

from qloop.errors import JournalError, SessionEnded
from qloop.runtime.journal.rows import (
    ENDED_TASK,
    Evidence,
    SessionState,
    TaskInfo,
    TaskRow,
    TaskState,
    check_end,
    check_id,
    check_lease,
    check_task,
    check_time,
    conflict,
    unknown,
)


class Gate:
    """A lock that lets nobody in once the journal is closed: `JournalError`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._closed = False

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._closed:
            self._lock.release()
            raise JournalError("The journal in memory is closed", "", "Open a new one")

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def close(self) -> None:
        """Let nobody in from now on."""
        with self._lock:
            self._closed = True


class Task(msgspec.Struct):
    """A task and how it stands."""

    row: TaskRow
    nth: int
    state: TaskState = TaskState.READY
    attempt: int = 0
    worker: str = ""
    until_ns: int = 0
    outcome: bytes = b""
    ended_at_ns: int = 0
    late: dict[int, Evidence] = {}

    def holds(self, attempt: int, now_ns: int) -> bool:
        """Whether this attempt has the lease now: the fence."""
        return self.state is TaskState.LEASED and self.attempt == attempt and self.until_ns > now_ns

    def free(self) -> None:
        """Make the task ready for its next attempt."""
        self.state, self.worker, self.until_ns = TaskState.READY, "", 0

    def end(self, state: TaskState, outcome: bytes, now_ns: int) -> None:
        """Enter a terminal state."""
        self.state, self.outcome, self.until_ns, self.ended_at_ns = state, outcome, 0, now_ns

    def info(self) -> TaskInfo:
        """The task as the verbs show it."""
        return TaskInfo(self.row, self.state, self.attempt, self.worker, self.until_ns, self.outcome, self.ended_at_ns)


class MemoryTasks:
    """The verbs of `TaskVerbs`. `_state_of` tells whether a session is open."""

    def __init__(self) -> None:
        self._lock = Gate()
        self._tasks: dict[str, Task] = {}
        self._leased: dict[str, Task] = {}
        self._made = 0

    def _state_of(self, session: str) -> SessionState:
        raise NotImplementedError

    def put_task(self, row: TaskRow) -> TaskRow:
        """Keep a ready task and return the stored row."""
        check_task(row)
        with self._lock:
            known = self._tasks.get(row.id)
            if known is not None:
                if known.row.content() != row.content():
                    raise conflict("task", row.id)
                return known.row
            state = self._state_of(row.session)
            if state is not SessionState.OPEN:
                raise SessionEnded(f"The session {row.session!r} is {state}", "It takes no more tasks",
                                   "Open a new session")
            self._made += 1
            self._tasks[row.id] = Task(row, self._made)
            return row

    def _answered(self, task: str, session: str, now_ns: int) -> None:
        """The task has its result: done, unless it has ended."""
        found = self._tasks.get(task)
        if found is not None and found.row.session == session and found.state not in ENDED_TASK:
            found.end(TaskState.DONE, found.outcome, now_ns)
            self._leased.pop(task, None)

    def lease(self, task: str, worker: str, now_ns: int, until_ns: int) -> int | None:
        """Bind the task's next attempt to a worker; its number, or None if it is not ready."""
        check_id("worker", worker)
        check_lease(now_ns, until_ns)
        with self._lock:
            found = self._task(task)
            if found.state is not TaskState.READY:
                return None
            found.state, found.worker, found.until_ns = TaskState.LEASED, worker, until_ns
            found.attempt += 1
            self._leased[task] = found
            return found.attempt

    def heartbeat(self, task: str, attempt: int, now_ns: int, until_ns: int) -> bool:
        """Prolong a lease that still holds; False if this attempt is fenced out."""
        check_lease(now_ns, until_ns)
        with self._lock:
            found = self._tasks.get(task)
            if found is None or not found.holds(attempt, now_ns):
                return False
            found.until_ns = max(found.until_ns, until_ns)
            return True

    def release(self, task: str, attempt: int, now_ns: int) -> bool:
        """Give an attempt back; False if this attempt is fenced out."""
        check_time(now_ns)
        with self._lock:
            found = self._tasks.get(task)
            if found is None or not found.holds(attempt, now_ns):
                return False
            found.free()
            del self._leased[task]
            return True

    def finish(self, task: str, attempt: int, state: TaskState, outcome: bytes, now_ns: int) -> bool:
        """End the task as done or failed, if the attempt still holds its lease."""
        check_end("finished task", state, frozenset({TaskState.DONE, TaskState.FAILED}))
        check_time(now_ns)
        with self._lock:
            found = self._task(task)
            if found.holds(attempt, now_ns):
                found.end(state, outcome, now_ns)
                del self._leased[task]
                return True
            if found.attempt != attempt or not found.worker:
                return False
            if found.state is TaskState.CANCELLED:
                found.late.setdefault(attempt, Evidence(task, attempt, outcome, now_ns))
            return found.state is state and found.outcome == outcome

    def cancel(self, task: str, now_ns: int) -> bool:
        """Cancel a task that has not ended; False if it has."""
        check_time(now_ns)
        with self._lock:
            found = self._task(task)
            if found.state in ENDED_TASK:
                return False
            found.end(TaskState.CANCELLED, b"", now_ns)
            self._leased.pop(task, None)
            return True

    def expire(self, now_ns: int) -> list[str]:
        """Make every task ready again whose lease ended at or before `now_ns`."""
        check_time(now_ns)
        with self._lock:
            over = sorted((found for found in self._leased.values() if found.until_ns <= now_ns),
                          key=lambda found: found.nth)
            for found in over:
                self._leased.pop(found.row.id).free()
            return [found.row.id for found in over]

    def get_task(self, task: str) -> TaskInfo | None:
        """One task; None if unknown."""
        with self._lock:
            found = self._tasks.get(task)
            return found.info() if found else None

    def tasks(self, session: str) -> list[TaskInfo]:
        """The session's tasks in the order put."""
        with self._lock:
            return [found.info() for found in self._tasks.values() if found.row.session == session]

    def evidence(self, task: str) -> list[Evidence]:
        """Outcomes that came after the task was cancelled, by attempt."""
        with self._lock:
            found = self._tasks.get(task)
            return [found.late[attempt] for attempt in sorted(found.late)] if found else []

    def _task(self, task: str) -> Task:
        found = self._tasks.get(task)
        if found is None:
            raise unknown("task", task)
        return found
