"""What a person decides of held intents: the task is at the provider under some id, or it never was there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qloop.errors import InvalidInput, JournalError, UnknownName
from qloop.runtime import history
from qloop.runtime.journal.purchases import ENDED_INTENT, IntentInfo, IntentState
from qloop.runtime.journal.sqlite import SqliteStore


class Found(msgspec.Struct, frozen=True):
    """An intent and the journal in which it lies."""

    journal: Path
    intent: IntentInfo


def find(journal: Path | None = None, ended: bool = False) -> list[Found]:
    """The intents of one journal, or of all runs of this home that nobody runs now; `ended` ones too, if asked."""
    found = []
    for path in [journal] if journal is not None else history.journal_files():
        try:
            store = SqliteStore(path, create=False)
        except JournalError:
            if journal is not None:
                raise
            continue        # it is running now, or damaged: 'qloop sessions' tells
        try:
            found += [Found(path, intent) for intent in store.intents() if ended or not settled(store, intent)]
        finally:
            store.close()
    return found


def settled(store: SqliteStore, intent: IntentInfo) -> bool:
    """Whether nothing is open about it; its result may be there although a crash came before the intent's end."""
    return intent.state in ENDED_INTENT or store.get_result(intent.row.session, intent.row.digest) is not None


def adopt(token: str, provider: str, journal: Path | None = None) -> Found:
    """The provider has the task under this id; the next life of the run waits for it."""
    if not provider.strip():
        raise InvalidInput("The provider's id of the task is empty", "", "Look it up at the provider")
    return _decide(token, IntentState.ACCEPTED, provider, "adopted by decision", journal)


def again(token: str, journal: Path | None = None) -> Found:
    """The provider never had the task; the next life of the run buys it anew."""
    return _decide(token, IntentState.ABANDONED, "", "abandoned by decision", journal)


def _decide(token: str, state: IntentState, provider: str, reason: str, journal: Path | None) -> Found:
    """Write a decision down; only what is held is to be decided."""
    known = find(journal, ended=True)
    for one in known:
        if one.intent.row.token == token:
            break
    else:
        if not known:
            raise InvalidInput(f"There is no intent {token} in {journal or 'the journals of this home'}",
                               "Nothing was asked of a remote QPU there", "Name its journal with --journal FILE")
        raise UnknownName("intent", token, [one.intent.row.token for one in known])
    if one.intent.state is not IntentState.HELD:
        raise InvalidInput(f"The intent {token} is {one.intent.state}", "Only what is held is to be decided",
                           "Resume the run: it knows what to do")
    store = SqliteStore(one.journal, create=False)
    try:
        now = one.intent.row.at_ns
        store.move_intent(token, state, now, provider, reason)
        moved = next(intent for intent in store.intents() if intent.row.token == token)
        return Found(one.journal, moved)
    finally:
        store.close()
