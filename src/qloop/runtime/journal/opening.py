"""The one door to a journal: on a file, or in memory."""

from __future__ import annotations

from pathlib import Path

from qloop.runtime.journal.connection import Durability
from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.sqlite import SqliteStore


def open_journal(path: Path | str | None, durability: Durability = "process", create: bool = True) -> Store:
    """Open the journal at `path`, made if it is not there and `create`; None keeps it in memory.

    `durability` is what acknowledged writes outlive: the `process` or a loss of `power`. `JournalError` says why a
    file cannot be used: damaged, foreign, newer, in use by another process, or not permitted.
    """
    return MemoryStore() if path is None else SqliteStore(path, durability, create)
