"""Turns SQLite's errors into `JournalError`s that say what happened, why, and what to do."""

from __future__ import annotations

import sqlite3
from typing import Final

from qloop.errors import InvalidInput, JournalError, QloopError

EXPECTED: Final = (sqlite3.Error, OverflowError, UnicodeError)
"""What sqlite3 raises for a failing file, and for values that it cannot keep."""
_FULL: Final = ("database or disk is full", "disk I/O error")


def translated(error: BaseException, path: str) -> QloopError:
    """The error that a caller sees for what SQLite raised while the journal was in use."""
    text = str(error)
    if isinstance(error, QloopError):
        return error
    if isinstance(error, sqlite3.IntegrityError) and "FOREIGN KEY" in text:
        return InvalidInput("The session, task or run of this write is not in the journal",
                            "Retention has removed it meanwhile", "Put it again first")
    if isinstance(error, OverflowError):
        return InvalidInput("A number does not fit in 64 bits", text, "Give integers below 2**63")
    if isinstance(error, UnicodeError):
        return InvalidInput("A text is not valid Unicode", text, "Give names and ids that can be encoded as UTF-8")
    if any(cause in text for cause in _FULL):
        return full(path, text)
    if isinstance(error, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
        return corrupt(path, text)
    return JournalError(f"The journal {path} cannot be written or read", text,
                        "Check the disk and the file's permissions, then run the program again")


def full(path: str, why: str) -> JournalError:
    """The disk is full, or does not take what is written."""
    return JournalError(f"The journal {path} cannot take this write: the disk is full or fails", why,
                        "Nothing of this write was kept; free some space and go on, or resume the run later")


def corrupt(path: str, why: str) -> JournalError:
    """The file was a journal, or claims to be SQLite, and is damaged."""
    return JournalError(f"The journal {path} is damaged", why,
                        "Restore the last backup of it, or move it away to start a new one")


def not_a_journal(path: str, why: str) -> JournalError:
    """The file belongs to something else."""
    return JournalError(f"{path} is not a journal of qloop", why, "Name another file; this one was left as it is")


def newer(path: str, version: int, known: int) -> JournalError:
    """The file's schema is of a later qloop."""
    return JournalError(f"The journal {path} was written by a newer qloop",
                        f"Its schema is version {version}, and this qloop knows versions up to {known}",
                        "Upgrade qloop, or name another file")


def in_use(path: str, holder: str) -> JournalError:
    """Another process, or another store of this process, has the journal open."""
    return JournalError(f"The journal {path} is in use by {holder}", "One process at a time may write to a journal",
                        "Wait until it ends, stop it, or name another file")


def unusable(path: str, why: str, do: str) -> JournalError:
    """The path cannot be a journal at all."""
    return JournalError(f"The journal {path} cannot be opened", why, do)
