"""The SQLite journal: one file, one connection, one writer at a time, each verb a transaction.

Durability `process` outlives the death of the process (WAL, `synchronous=NORMAL`); `power` outlives that of the
machine (`FULL`: one fsync for each group of waiting writes). The write-ahead log is folded into the file by a
passing thread after every thousand commits, so that no caller pays for it unless it writes at that moment.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput, JournalError, QloopError
from qloop.runtime.journal.combiner import Combiner, Hook
from qloop.runtime.journal.connection import SCHEMA, Durability, connect, forget_holder
from qloop.runtime.journal.retention import beyond
from qloop.runtime.journal.rows import JournalStats
from qloop.runtime.journal.sqlite_results import SqliteResults
from qloop.runtime.journal.sqlite_runs import SqliteRuns
from qloop.runtime.journal.sqlite_sessions import SqliteSessions
from qloop.runtime.journal.sqlite_tasks import SqliteTasks
from qloop.runtime.journal.statements import load_statements

TABLES: Final = ("runs", "sessions", "tasks", "evidence", "results", "intents", "calls", "log", "chosen", "checkpoints")
_BACKUP_PAGES: Final = 128


class SqliteStore(SqliteRuns, SqliteSessions, SqliteTasks, SqliteResults):
    """A journal in a file; see `protocol.Store` for its verbs.

    `hook` is for fault plans: it is called around every transaction and may raise or kill.
    """

    def __init__(self, path: Path | str, durability: Durability = "process", create: bool = True,
                 hook: Hook | None = None) -> None:
        self._path = Path(path)
        self._durability = durability
        connection = connect(self._path, durability, create)
        super().__init__(Combiner(connection, str(path), hook), load_statements())

    def retention(self, now_ns: int, keep_days: float | None = None, keep_runs: int | None = None) -> list[str]:
        """Delete ended runs older than `keep_days` or beyond the last `keep_runs`; returns their ids."""
        ended = [(str(run), int(str(at_ns))) for run, at_ns in self._rows("ended_runs")]
        gone = beyond(ended, now_ns, keep_days, keep_runs)
        for run in gone:
            self._changed("delete_run", run)
            self._numbers.clear()
        return gone

    def backup(self, path: Path | str) -> None:
        """Write a consistent copy to a new file while others write."""
        target = Path(path)
        if target.exists():
            raise InvalidInput(f"The backup {target} exists already", "", "Name a new file")
        unfinished = target.with_name(target.name + "-unfinished")

        def operation(connection: sqlite3.Connection) -> None:
            with contextlib.closing(sqlite3.connect(unfinished)) as copy:
                connection.backup(copy, pages=_BACKUP_PAGES, progress=lambda *_: self._writer.yield_turn(), sleep=0)

        try:
            self._writer.read(operation)
            unfinished.replace(target)
        except (OSError, QloopError) as error:
            unfinished.unlink(missing_ok=True)
            raise JournalError(f"The backup {target} cannot be written", str(error),
                               "Name a file on a disk with space; the journal itself is unharmed") from error

    def stats(self) -> JournalStats:
        """Size and work so far."""

        def operation(connection: sqlite3.Connection) -> dict[str, int]:
            return {table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES}

        rows = self._writer.read(operation)
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return JournalStats(str(self._path), self._durability, SCHEMA, rows,
                            sum(file.stat().st_size for file in files if file.exists()),
                            self._writer.operations, self._writer.commits, self._writer.checkpoints)

    def flush(self) -> None:
        """Bring everything acknowledged to the disk itself."""
        self._writer.checkpoint("TRUNCATE")

    def close(self) -> None:
        """Release the journal; closing twice is harmless."""
        self._writer.close(lambda _: forget_holder(self._path))
