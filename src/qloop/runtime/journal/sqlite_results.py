"""Quantum results under their digests, in SQLite: the hot path of every loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qloop.runtime.journal.combiner import Kind
from qloop.runtime.journal.rows import ResultRow, check_result, conflict
from qloop.runtime.journal.sqlite_access import Access


class SqliteResults(Access):
    """The verbs of `ResultVerbs`."""

    def put_result(self, row: ResultRow) -> bool:
        """Keep a result; False if the session holds it already."""
        check_result(row)
        values = (self._numbers.get(row.session) or self._session_number(row.session), row.digest, row.task,
                  row.attempt, row.qpu, row.epoch, row.shots, row.simulator, row.value, row.at_ns)
        statement = self._sql["put_result"]
        if self._writer.write(lambda connection: connection.execute(statement, values).rowcount, Kind.ONE):
            return True
        stored = self.get_result(row.session, row.digest)
        if stored is None or stored.content() != row.content():
            raise conflict("result", row.digest.hex())
        self._changed("answer_task", row.at_ns, row.task, values[0])
        return False

    def get_result(self, session: str, digest: bytes) -> ResultRow | None:
        """The session's result under this digest; None if it was never bought."""
        found = self._rows("select_result", self._session_number(session), session, digest)
        return _result(found[0]) if found else None

    def results(self, session: str) -> list[ResultRow]:
        """The session's results in the order put."""
        return [_result(found) for found in self._rows("select_results", session)]


def _result(found: Sequence[Any]) -> ResultRow:
    return ResultRow(*found)
