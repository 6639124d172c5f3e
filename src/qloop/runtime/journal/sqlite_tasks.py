"""Tasks and their fenced attempts, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from qloop.errors import SessionEnded
from qloop.runtime.journal.rows import (
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
from qloop.runtime.journal.sqlite_access import Access


class SqliteTasks(Access):
    """The verbs of `TaskVerbs`."""

    def put_task(self, row: TaskRow) -> TaskRow:
        """Keep a ready task and return the stored row."""
        check_task(row)

        def operation(connection: sqlite3.Connection) -> TaskRow:
            found = connection.execute(self._sql["select_task"], (row.id,)).fetchone()
            if found is not None:
                stored = _task(found).row
                if stored.content() != row.content():
                    raise conflict("task", row.id)
                return stored
            number = self._open_session(connection, row.session)
            connection.execute(self._sql["insert_task"], (row.id, number, row.kind, row.body, row.created_at_ns))
            return row

        return self._write(operation)

    def lease(self, task: str, worker: str, now_ns: int, until_ns: int) -> int | None:
        """Bind the task's next attempt to a worker; its number, or None if it is not ready."""
        check_id("worker", worker)
        check_lease(now_ns, until_ns)

        def operation(connection: sqlite3.Connection) -> int | None:
            leased = connection.execute(self._sql["lease"], (worker, until_ns, task)).rowcount > 0
            attempt = int(self._fence(connection, task)[2])
            return attempt if leased else None

        return self._write(operation)

    def heartbeat(self, task: str, attempt: int, now_ns: int, until_ns: int) -> bool:
        """Prolong a lease that still holds; False if this attempt is fenced out."""
        check_lease(now_ns, until_ns)
        return self._changed("heartbeat", until_ns, task, attempt, now_ns)

    def release(self, task: str, attempt: int, now_ns: int) -> bool:
        """Give an attempt back; False if this attempt is fenced out."""
        return self._changed("release", task, attempt, now_ns)

    def finish(self, task: str, attempt: int, state: TaskState, outcome: bytes, now_ns: int) -> bool:
        """End the task as done or failed, if the attempt still holds its lease."""
        check_end("finished task", state, frozenset({TaskState.DONE, TaskState.FAILED}))
        check_time(now_ns)
        values = (state.value, outcome, now_ns, task, attempt, now_ns)

        def operation(connection: sqlite3.Connection) -> bool:
            if connection.execute(self._sql["finish"], values).rowcount > 0:
                return True
            number, stored, last, worker, known = self._fence(connection, task)
            if attempt != last or not worker:
                return False
            if stored == TaskState.CANCELLED:
                connection.execute(self._sql["keep_evidence"], (number, attempt, outcome, now_ns))
            return bool(stored == state and known == outcome)

        return self._write(operation)

    def cancel(self, task: str, now_ns: int) -> bool:
        """Cancel a task that has not ended; False if it has."""
        check_time(now_ns)

        def operation(connection: sqlite3.Connection) -> bool:
            self._fence(connection, task)
            return connection.execute(self._sql["cancel"], (now_ns, task)).rowcount > 0

        return self._write(operation)

    def expire(self, now_ns: int) -> list[str]:
        """Make every task ready again whose lease ended at or before `now_ns`."""

        def operation(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute(self._sql["select_expired"], (now_ns,)).fetchall()
            if found:
                connection.execute(self._sql["expire"], (now_ns,))
            return [name for _, name in found]

        return self._write(operation)

    def get_task(self, task: str) -> TaskInfo | None:
        """One task; None if unknown."""
        found = self._rows("select_task", task)
        return _task(found[0]) if found else None

    def tasks(self, session: str) -> list[TaskInfo]:
        """The session's tasks in the order put."""
        return [_task(found) for found in self._rows("select_tasks", session)]

    def evidence(self, task: str) -> list[Evidence]:
        """Outcomes that came after the task was cancelled, by attempt."""
        return [_evidence(found) for found in self._rows("select_evidence", task)]

    def _fence(self, connection: sqlite3.Connection, task: str) -> tuple[Any, ...]:
        """(number, state, last attempt, worker, outcome) of a task; `InvalidInput` if there is none."""
        found = connection.execute(self._sql["fence_of_task"], (task,)).fetchone()
        if found is None:
            raise unknown("task", task)
        return tuple(found)

    def _open_session(self, connection: sqlite3.Connection, session: str) -> int:
        found = connection.execute(self._sql["state_of_session"], (session,)).fetchone()
        if found is None:
            raise unknown("session", session)
        if found[1] != SessionState.OPEN:
            raise SessionEnded(f"The session {session!r} is {found[1]}", "It takes no more tasks", "Open a new session")
        return int(found[0])


def _task(found: Sequence[Any]) -> TaskInfo:
    return TaskInfo(TaskRow(*found[:5]), TaskState(found[5]), *found[6:])


def _evidence(found: Sequence[Any]) -> Evidence:
    return Evidence(*found)
