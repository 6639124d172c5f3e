"""Runs and the engine's log, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from qloop.runtime.journal.rows import ENDED_RUN, Run, RunInfo, RunState, check_end, check_run, check_time, conflict
from qloop.runtime.journal.sqlite_access import Access, signed, unsigned


class SqliteRuns(Access):
    """The verbs of `RunVerbs`."""

    def begin_run(self, row: Run) -> None:
        """Record that a run begins, or that an interrupted one goes on."""
        check_run(row)
        values = (row.id, row.program, row.started_at_ns, signed(row.seed), row.clock, row.version, row.commit,
                  row.config_hash, row.config)

        def operation(connection: sqlite3.Connection) -> None:
            found = connection.execute(self._sql["select_run"], (row.id,)).fetchone()
            if found is None:
                connection.execute(self._sql["insert_run"], values)
            elif _run(found).row.content() != row.content():
                raise conflict("run", row.id)
            else:
                connection.execute(self._sql["resume_run"], (row.id,))

        self._write(operation)

    def end_run(self, run: str, state: RunState, at_ns: int) -> bool:
        """End or interrupt a run; False if it has already ended."""
        check_end("run", state, ENDED_RUN | {RunState.INTERRUPTED})
        check_time(at_ns)

        def operation(connection: sqlite3.Connection) -> bool:
            self._run_number(connection, run)
            return connection.execute(self._sql["end_run"], (state.value, at_ns, run)).rowcount > 0

        return self._write(operation)

    def runs(self) -> list[RunInfo]:
        """All runs in the order they began."""
        return [_run(found) for found in self._rows("select_runs")]

    def last_ns(self, run: str) -> int:
        """The latest time of the run's clock that its results and calls know of; 0 if there are none."""
        found = self._rows("last_ns", run)
        return int(str(found[0][0])) if found else 0

    def append(self, run: str, events: list[bytes]) -> int:
        """Append events to the run's log; returns the sequence number of the last."""

        def operation(connection: sqlite3.Connection) -> int:
            number = self._run_number(connection, run)
            last = int(connection.execute(self._sql["last_event"], (number,)).fetchone()[0])
            connection.executemany(self._sql["insert_event"],
                                   [(number, last + nth, event) for nth, event in enumerate(events, 1)])
            return last + len(events)

        return self._write(operation)

    def read_log(self, run: str, after: int = 0) -> list[tuple[int, bytes]]:
        """The run's log from the event that follows `after`."""

        def operation(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            number = self._run_number(connection, run)
            return connection.execute(self._sql["select_log"], (number, after)).fetchall()

        return self._writer.read(operation)


def _run(found: Sequence[Any]) -> RunInfo:
    values = list(found)
    values[3] = unsigned(values[3])
    return RunInfo(Run(*values[:9]), RunState(values[9]), values[10])
