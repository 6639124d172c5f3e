"""Quantum results under their digests, in SQLite: the hot path of every loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from qloop.runtime.journal.combiner import Kind
from qloop.runtime.journal.purchases import CallRow, check_call
from qloop.runtime.journal.rows import ResultRow, check_result, conflict
from qloop.runtime.journal.sqlite_purchases import SqlitePurchases


class SqliteResults(SqlitePurchases):
    """The verbs of `ResultVerbs`, which keep accounts in the same transaction."""

    def put_result(self, row: ResultRow, call: CallRow | None = None) -> bool:
        """Keep a result; False if the session holds it already."""
        check_result(row)
        values = (self._numbers.get(row.session) or self._session_number(row.session), row.digest, row.task,
                  row.attempt, row.qpu, row.epoch, row.shots, row.simulator, row.value, row.at_ns)
        statement = self._sql["put_result"]
        if call is None:
            new = self._writer.write(lambda connection: connection.execute(statement, values).rowcount, Kind.ONE)
        else:
            new = self._with_account(row, values, call)
        if new:
            return True
        stored = self.get_result(row.session, row.digest)
        if stored is None or stored.content() != row.content():
            raise conflict("result", row.digest.hex())
        self._changed("answer_task", row.at_ns, row.task, values[0])
        return False

    def _with_account(self, row: ResultRow, values: tuple[object, ...], call: CallRow) -> int:
        check_call(call)
        statement, account = self._sql["put_result"], self._call(call)

        def operation(connection: sqlite3.Connection) -> int:
            new = connection.execute(statement, values).rowcount
            if not new:
                found = connection.execute(self._sql["select_result"], (values[0], row.session, row.digest)).fetchone()
                if _result(found).content() != row.content():
                    raise conflict("result", row.digest.hex())
            self._account(connection, call, account)
            return new

        return self._write(operation)

    def get_result(self, session: str, digest: bytes) -> ResultRow | None:
        """The session's result under this digest; None if it was never bought."""
        found = self._rows("select_result", self._session_number(session), session, digest)
        return _result(found[0]) if found else None

    def results(self, session: str) -> list[ResultRow]:
        """The session's results in the order put."""
        return [_result(found) for found in self._rows("select_results", session)]


def _result(found: Sequence[Any]) -> ResultRow:
    return ResultRow(*found)
