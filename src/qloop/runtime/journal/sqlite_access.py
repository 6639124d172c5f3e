"""What the parts of the SQLite store share: the writer, the statements, and the numbers that stand for ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TypeVar

from qloop.runtime.journal.combiner import Combiner, Kind, Operation
from qloop.runtime.journal.rows import unknown

T = TypeVar("T")


class Access:
    """Runs operations through the one writer. `_numbers` remembers committed sessions; numbers are never reused."""

    def __init__(self, writer: Combiner, sql: Mapping[str, str]) -> None:
        self._writer = writer
        self._sql = sql
        self._numbers: dict[str, int] = {}

    def _write(self, operation: Operation[T]) -> T:
        return self._writer.write(operation)

    def _changed(self, name: str, *values: object) -> bool:
        """Whether one statement, as a transaction by itself, changed a row."""
        statement = self._sql[name]
        return self._writer.write(lambda connection: connection.execute(statement, values).rowcount > 0, Kind.ONE)

    def _rows(self, name: str, *values: object) -> list[tuple[object, ...]]:
        """All rows of a query, in plain reading."""
        statement = self._sql[name]
        return self._writer.read(lambda connection: connection.execute(statement, values).fetchall())

    def _session_number(self, session: str) -> int:
        """The number of a committed session; `InvalidInput` if there is none."""
        number = self._numbers.get(session)
        if number is None:
            statement = self._sql["number_of_session"]
            found = self._writer.read(lambda connection: connection.execute(statement, (session,)).fetchone())
            if found is None:
                raise unknown("session", session)
            number = self._numbers[session] = int(found[0])
        return number

    def _run_number(self, connection: sqlite3.Connection, run: str) -> int:
        """The number of a run, within an operation; `InvalidInput` if there is none."""
        found = connection.execute(self._sql["number_of_run"], (run,)).fetchone()
        if found is None:
            raise unknown("run", run)
        return int(found[0])


def signed(seed: int) -> int:
    """A 64-bit seed as the signed integer that SQLite can hold."""
    return seed - 2**64 if seed >= 2**63 else seed


def unsigned(stored: int) -> int:
    """The seed that `signed` stored."""
    return stored & (2**64 - 1)
