"""Intents and accounts, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from qloop.errors import InvalidInput
from qloop.runtime.journal.purchases import CallRow, IntentInfo, IntentRow, IntentState, check_call, check_intent
from qloop.runtime.journal.rows import check_time, conflict, unknown
from qloop.runtime.journal.sqlite_access import Access


class SqlitePurchases(Access):
    """The verbs of `PurchaseVerbs`."""

    def put_intent(self, row: IntentRow) -> IntentInfo:
        """Keep an intent; returns how it stands, which for a known token may be further on."""
        check_intent(row)
        known = self._rows("select_intent", row.token)
        if not known:
            self._changed("put_intent", row.token, self._session_number(row.session), row.digest, row.task, row.qpu,
                          row.shots, row.epoch, row.at_ns)
            known = self._rows("select_intent", row.token)
        stored = _intent(known[0])
        if stored.row.content() != row.content():
            raise conflict("intent", row.token)
        return stored

    def move_intent(self, token: str, state: IntentState, now_ns: int, provider: str = "", reason: str = "") -> bool:
        """The intent is now in this state; False if it has ended."""
        check_time(now_ns)
        if self._changed("move_intent", token, state.value, provider, reason, now_ns):
            return True
        if not self._rows("select_intent", token):
            raise unknown("intent", token)
        return False

    def intents(self, session: str | None = None, digest: bytes | None = None) -> list[IntentInfo]:
        """The intents of a session, or of one evaluation of it, or all, in the order put."""
        if digest is not None and session is None:
            raise InvalidInput("An evaluation was named without its session", "", "Name the session, too")
        if digest is not None and session is not None:
            return [_intent(found) for found in self._rows("select_intents_of_evaluation", session, digest)]
        return [_intent(found) for found in self._rows("select_intents", session)]

    def put_call(self, row: CallRow) -> bool:
        """Keep the account of a call; False if its id is there with the same content."""
        check_call(row)
        values = self._call(row)
        return self._write(lambda connection: self._account(connection, row, values))

    def calls(self, *, run: str | None = None, session: str | None = None) -> list[CallRow]:
        """The calls of a session, of a run, or all, in the order put."""
        found: Sequence[Sequence[Any]] = self._rows("select_calls", run, session)
        return [CallRow(*row) for row in found]

    def _account(self, connection: sqlite3.Connection, row: CallRow, values: tuple[object, ...]) -> bool:
        """Within a transaction: keep the account of a call."""
        if connection.execute(self._sql["put_call"], values).rowcount:
            return True
        if CallRow(*connection.execute(self._sql["select_call"], (row.id,)).fetchone()) != row:
            raise conflict("call", row.id)
        return False

    def _call(self, row: CallRow) -> tuple[object, ...]:
        return (row.id, self._session_number(row.session), *msgspec.structs.astuple(row)[2:])


def _intent(found: Sequence[Any]) -> IntentInfo:
    return IntentInfo(IntentRow(*found[:8]), IntentState(found[8]), *found[9:])
