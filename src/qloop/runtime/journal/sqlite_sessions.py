"""Sessions, their chosen facts and their checkpoints, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from qloop.runtime.journal.rows import (
    ENDED_SESSION,
    Checkpoint,
    SessionFilter,
    SessionInfo,
    SessionRow,
    SessionState,
    check_end,
    check_session,
    check_time,
    conflict,
    unknown,
)
from qloop.runtime.journal.sqlite_access import Access, signed, unsigned


class SqliteSessions(Access):
    """The verbs of `SessionVerbs`."""

    def put_session(self, row: SessionRow) -> SessionRow:
        """Keep a session and return the stored row."""
        check_session(row)

        def operation(connection: sqlite3.Connection) -> SessionRow:
            found = connection.execute(self._sql["select_session"], (row.id,)).fetchone()
            if found is not None:
                stored = _session(found).row
                if stored.content() != row.content():
                    raise conflict("session", row.id)
                return stored
            run = self._run_number(connection, row.run)
            connection.execute(self._sql["insert_session"], (row.id, run, row.tenant, row.name, signed(row.seed),
                                                             row.settings, row.opened_at_ns))
            return row

        return self._write(operation)

    def end_session(self, session: str, state: SessionState, reason: str, at_ns: int) -> bool:
        """End a session; False if it has already ended."""
        check_end("session", state, ENDED_SESSION)
        check_time(at_ns)

        def operation(connection: sqlite3.Connection) -> bool:
            found = connection.execute(self._sql["number_of_session"], (session,)).fetchone()
            if found is None:
                raise unknown("session", session)
            ended = connection.execute(self._sql["end_session"], (state.value, reason, at_ns, session)).rowcount > 0
            if ended and state is SessionState.CANCELLED:
                connection.execute(self._sql["cancel_tasks_of_session"], (at_ns, found[0]))
            return ended

        return self._write(operation)

    def get_session(self, session: str) -> SessionInfo | None:
        """One session with its counts; None if unknown."""
        found = self._rows("select_session", session)
        return _session(found[0]) if found else None

    def sessions(self, where: SessionFilter | None = None) -> list[SessionInfo]:
        """The sessions that match, in the order they were put."""
        where = where or SessionFilter()
        state = where.state.value if where.state else None
        return [_session(found) for found in self._rows("select_sessions", where.run, where.tenant, state)]

    def choose(self, session: str, key: str, value: bytes) -> bytes:
        """Fix a fact of the session once; returns what was fixed."""
        number = self._session_number(session)

        def operation(connection: sqlite3.Connection) -> bytes:
            connection.execute(self._sql["choose"], (number, key, value))
            return bytes(connection.execute(self._sql["select_choice"], (number, key)).fetchone()[0])

        return self._write(operation)

    def chosen(self, session: str) -> dict[str, bytes]:
        """All facts that were fixed for the session."""
        return {str(key): value for key, value in self._pairs("select_chosen", self._session_number(session))}

    def put_checkpoint(self, session: str, name: str, iteration: int, state: bytes) -> bool:
        """Replace a loop's checkpoint; False if the stored one is of a later iteration."""
        return self._changed("put_checkpoint", self._session_number(session), name, iteration, state)

    def get_checkpoint(self, session: str, name: str) -> Checkpoint | None:
        """The loop's last checkpoint; None if there is none."""
        found = self._pairs("select_checkpoint", self._session_number(session), name)
        return Checkpoint(*found[0]) if found else None

    def _pairs(self, name: str, *values: object) -> list[tuple[Any, Any]]:
        return [(found[0], found[1]) for found in self._rows(name, *values)]


def _session(found: Sequence[Any]) -> SessionInfo:
    values = list(found)
    values[4] = unsigned(values[4])
    return SessionInfo(SessionRow(*values[:7]), SessionState(values[7]), *values[8:])
