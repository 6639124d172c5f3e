"""Opens a journal: refuses what is not one, takes its lock, makes or migrates its schema.

The lock is SQLite's own exclusive lock on the file, which the system releases when the process dies in any way. A
side file names the holder, for the message that a second process gets; it is never trusted for more.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from qloop.errors import InvalidInput, JournalError
from qloop.runtime.journal import failures
from qloop.runtime.journal.statements import migration, schema

Durability = Literal["process", "power"]

APPLICATION_ID: Final = 0x716C6F70  # "qlop"
SCHEMA: Final = 3
CHECKED_BYTES: Final = 64 << 20
"""Files up to this size are checked whole when they are opened (about 0.3 s); larger ones when they are read."""
BACKSTOP_PAGES: Final = 16_384
_SYNCHRONOUS: Final = {"process": "NORMAL", "power": "FULL"}


def connect(path: Path, durability: Durability, create: bool) -> sqlite3.Connection:
    """The journal's one connection, locked, checked, of the present schema; `JournalError` says why not."""
    if durability not in _SYNCHRONOUS:
        raise InvalidInput(f"There is no durability {durability!r}", "", "Choose 'process' or 'power'")
    _check_place(path, create)
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}", uri=True, timeout=0,
                                     isolation_level=None, check_same_thread=False, cached_statements=256)
    except sqlite3.Error as error:
        raise _refusal(error, path) from error
    try:
        _prepare(connection, path, durability)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise _refusal(error, path) from error
        raise
    holder_file(path).write_text(f"{os.getpid()}\n", encoding="ascii")
    return connection


def holder_file(path: Path) -> Path:
    """The side file that names the process which has the journal open."""
    return path.with_name(path.name + "-holder")


def forget_holder(path: Path) -> None:
    """Remove the side file; called before the lock is released, so that a successor's is not removed."""
    with contextlib.suppress(OSError):
        holder_file(path).unlink()


def _check_place(path: Path, create: bool) -> None:
    """Refuse what SQLite would report only as 'unable to open database file'."""
    if path.is_dir():
        raise failures.unusable(str(path), "It is a directory", "Name a file, for instance one in this directory")
    if not path.exists() and not create:
        raise failures.unusable(str(path), "There is no such file", "Check the name, or start a run to make it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failures.unusable(str(path), f"Its directory cannot be made: {error}", "Name another file") from error
    present = path if path.exists() else path.parent
    if not os.access(present, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        raise failures.unusable(str(path), f"{present} or its directory may not be read and written by this user",
                                "Change the permissions, or name another file")


# A trigger keeps "put a result" one statement, which is one transaction without BEGIN and COMMIT; it is temporary,
# so that it belongs to this program and not to the file's schema.
_ANSWERED: Final = """CREATE TEMP TRIGGER answered AFTER INSERT ON main.results BEGIN
    UPDATE tasks SET state = 'done', until_ns = 0, ended_at_ns = NEW.at_ns
    WHERE id = NEW.task AND session = NEW.session AND state IN ('ready', 'leased');
END"""


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    """Lock, check, make or migrate; nothing of a foreign file is changed."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = _recognise(connection, path)
    if path.stat().st_size <= CHECKED_BYTES:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise failures.corrupt(str(path), " ".join(str(verdict).split()))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {BACKSTOP_PAGES}")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA temp_store = MEMORY")
    _bring_up_to_date(connection, version)
    connection.execute(_ANSWERED)
    connection.execute("PRAGMA foreign_keys = ON")


def _recognise(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the file, 0 if it is empty; `JournalError` if it is not ours to open."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == APPLICATION_ID:
        if version > SCHEMA:
            raise failures.newer(str(path), version, SCHEMA)
        if version < 1 or not tables:
            raise failures.corrupt(str(path), f"It says schema version {version} and holds {tables} tables")
        return version
    if application or version or tables:
        raise failures.not_a_journal(str(path), "It is an SQLite database of another application")
    return 0


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    """Make the schema, or migrate from `version`, in one transaction: a crash leaves the file as it was."""
    connection.execute("BEGIN EXCLUSIVE")
    steps = [migration(number) for number in range(version + 1, SCHEMA + 1)] if version else [schema()]
    for statement in (text for step in steps for text in step):
        connection.execute(statement)
    if version != SCHEMA:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


def _refusal(error: sqlite3.Error, path: Path) -> JournalError:
    """Why a file could not be opened."""
    text = str(error)
    if "locked" in text:
        return failures.in_use(str(path), _holder(path))
    if "not a database" in text:
        return failures.not_a_journal(str(path), "It is not an SQLite database")
    if "malformed" in text:
        return failures.corrupt(str(path), text)
    if "full" in text:
        return failures.full(str(path), text)
    return failures.unusable(str(path), text, "Check the file, its directory and the disk")


def _holder(path: Path) -> str:
    """Who says that it has the journal open."""
    try:
        pid = int(holder_file(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return "another process"
    return f"this process ({pid})" if pid == os.getpid() else f"process {pid}"
