"""Intents and accounts in memory: the reference of what the verbs mean."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import msgspec

from qloop.errors import InvalidInput
from qloop.runtime.journal.memory_tasks import Gate
from qloop.runtime.journal.purchases import (
    ENDED_INTENT,
    CallRow,
    IntentInfo,
    IntentRow,
    IntentState,
    check_call,
    check_intent,
)
from qloop.runtime.journal.rows import check_time, conflict, unknown


class _Intent(msgspec.Struct):
    row: IntentRow
    state: IntentState = IntentState.OPEN
    provider: str = ""
    reason: str = ""
    ended_at_ns: int = 0

    def info(self) -> IntentInfo:
        return IntentInfo(self.row, self.state, self.provider, self.reason, self.ended_at_ns)


class MemoryPurchases:
    """The verbs of `PurchaseVerbs`. `_lock` is the store's, `_run_of` tells a known session's run."""

    _lock: Gate

    def __init__(self) -> None:
        self._intents: dict[str, _Intent] = {}
        self._calls: dict[str, CallRow] = {}

    def _run_of(self, session: str) -> str:
        raise NotImplementedError

    def put_intent(self, row: IntentRow) -> IntentInfo:
        """Keep an intent; returns how it stands, which for a known token may be further on."""
        check_intent(row)
        with self._lock:
            known = self._intents.get(row.token)
            if known is None:
                self._run_of(row.session)
                known = self._intents[row.token] = _Intent(row)
            elif known.row.content() != row.content():
                raise conflict("intent", row.token)
            return known.info()

    def move_intent(self, token: str, state: IntentState, now_ns: int, provider: str = "", reason: str = "") -> bool:
        """The intent is now in this state; False if it has ended."""
        check_time(now_ns)
        with self._lock:
            found = self._intents.get(token)
            if found is None:
                raise unknown("intent", token)
            if found.state in ENDED_INTENT:
                return False
            found.state, found.reason = state, reason
            found.provider = provider or found.provider
            found.ended_at_ns = now_ns if state in ENDED_INTENT else 0
            return True

    def intents(self, session: str | None = None, digest: bytes | None = None) -> list[IntentInfo]:
        """The intents of a session, or of one evaluation of it, or all, in the order put."""
        if digest is not None and session is None:
            raise InvalidInput("An evaluation was named without its session", "", "Name the session, too")
        with self._lock:
            return [found.info() for found in self._intents.values()
                    if session in (None, found.row.session) and digest in (None, found.row.digest)]

    def put_call(self, row: CallRow) -> bool:
        """Keep the account of a call; False if its id is there with the same content."""
        check_call(row)
        with self._lock:
            self._run_of(row.session)
            return self._put_call(row)

    def _put_call(self, row: CallRow) -> bool:
        known = self._calls.setdefault(row.id, row)
        if known != row:
            raise conflict("call", row.id)
        return known is row

    def calls(self, *, run: str | None = None, session: str | None = None) -> list[CallRow]:
        """The calls of a session, of a run, or all, in the order put."""
        with self._lock:
            return [row for row in self._calls.values() if session in (None, row.session)
                    and run in (None, self._run_of(row.session))]

    def _forget_purchases(self, sessions: AbstractSet[str]) -> None:
        """Keep only what belongs to these sessions."""
        self._intents = {key: value for key, value in self._intents.items() if value.row.session in sessions}
        self._calls = {key: value for key, value in self._calls.items() if value.session in sessions}
