"""Life of the file: migration, backup while others write, retention's space, flush and checkpoints."""

from __future__ import annotations

import re
import sqlite3
import threading
from pathlib import Path

import pytest

from qloop.errors import InvalidInput, JournalError
from qloop.runtime.journal.connection import APPLICATION_ID
from qloop.runtime.journal.rows import Checkpoint, ResultRow, Run, RunState, SessionRow, TaskState
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.journal.statements import load_statements, schema


def row(nth: int, session: str = "s") -> ResultRow:
    return ResultRow(nth.to_bytes(32, "big"), session, f"t{nth}", 1, "exact", 0, 100, "q", b"v" * 50, nth)


def opened(path) -> SqliteStore:
    store = SqliteStore(path)
    store.begin_run(Run("r", "p", 0, 1, "real", "0.1"))
    store.put_session(SessionRow("s", "r", "t", "n", 1))
    return store


@pytest.fixture
def version_1(tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(Path(__file__).with_name("version_1.sql").read_text())
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("PRAGMA user_version = 1")
    old.close()
    return path


def shape(path) -> set[tuple[str, str, str]]:
    """Every column with its type, and every index."""
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = {(table, str(column[1]), f"{column[2]} {column[3]} {column[5]}") for (table,) in tables
                   for column in connection.execute(f"PRAGMA table_info({table})")}
        indexes = {("index", str(name), str(table)) for name, table in
                   connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")}
    connection.close()
    return columns | indexes


def test_version_1_is_migrated_with_all_it_holds(version_1, tmp_path):
    store = SqliteStore(version_1)
    assert store.runs()[0].row == Run("r", "loop.py", 1000, 2**64 - 1, "real", "0.0.9", "abc", "hash", b"{}")
    assert [(result.value, result.at_ns) for result in store.results("s1")] == [(b"\n", 5), (b"\x0b", 6)]
    task = store.get_task("t1")
    assert task is not None
    assert (task.state, task.attempt, task.until_ns) == (TaskState.LEASED, 2, 50)
    assert store.read_log("r") == [(1, b"a"), (2, b"b")]
    assert (store.chosen("s1"), store.get_checkpoint("s1", "spsa")) == ({"simulator": b"q"}, Checkpoint(4, b"4"))
    digest = store.results("s1")[0].digest
    assert store.put_result(ResultRow(digest, "s2", "t", 1, "exact", 0, 1, "q", b"own", 9)), "P11: a session's own row"
    store.close()
    opened(tmp_path / "new.sqlite").close()
    assert shape(version_1) == shape(tmp_path / "new.sqlite")
    SqliteStore(version_1).close()


def test_a_migration_that_fails_leaves_version_1(version_1):
    with sqlite3.connect(version_1) as old:
        old.execute("UPDATE results SET digest = x'00' WHERE no = 2")
    old.close()
    before = shape(version_1)
    with pytest.raises(JournalError, match="CHECK constraint failed"):
        SqliteStore(version_1)
    assert shape(version_1) == before
    with sqlite3.connect(version_1) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT count(*) FROM results").fetchone() == (2,)
    old.close()


def test_a_backup_is_consistent_while_others_write(tmp_path):
    store, stop, acknowledged = opened(tmp_path / "journal.sqlite"), threading.Event(), [0]
    for nth in range(5000):
        store.put_result(row(nth))

    def write() -> None:
        for nth in range(5000, 200_000):
            if stop.is_set():
                break
            store.put_result(row(nth))
            acknowledged[0] = nth

    writer = threading.Thread(target=write)
    writer.start()
    before = acknowledged[0]
    store.backup(tmp_path / "copy.sqlite")
    stop.set()
    writer.join()
    store.close()
    copy = SqliteStore(tmp_path / "copy.sqlite", create=False)
    kept = [result.at_ns for result in copy.results("s")]
    assert kept == list(range(len(kept)))
    assert max(4999, before) < len(kept) <= acknowledged[0] + 2
    copy.close()


def test_a_backup_overwrites_nothing(tmp_path):
    store = opened(tmp_path / "journal.sqlite")
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(InvalidInput, match="exists already"):
        store.backup(tmp_path / "copy")
    with pytest.raises(JournalError, match="cannot be written"):
        store.backup(tmp_path / "no" / "such" / "folder")
    assert (tmp_path / "copy").read_text() == "precious"
    store.close()


def test_the_write_ahead_log_is_folded_in_without_being_asked(tmp_path):
    store = opened(tmp_path / "journal.sqlite")
    for nth in range(2500):
        store.put_result(row(nth))
    for thread in [one for one in threading.enumerate() if one.name == "qloop-journal"]:
        thread.join()
    assert store.stats().checkpoints >= 2
    store.flush()
    assert (tmp_path / "journal.sqlite-wal").stat().st_size == 0
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["journal.sqlite"]


def test_the_space_of_deleted_runs_is_used_again(tmp_path):
    store, sizes = SqliteStore(tmp_path / "journal.sqlite"), []
    for life in range(4):
        store.begin_run(Run(f"r{life}", "p", 0, 1, "real", "0.1"))
        store.put_session(SessionRow(f"s{life}", f"r{life}", "t", "n", 1))
        for nth in range(1000):
            store.put_result(row(nth, f"s{life}"))
        store.end_run(f"r{life}", RunState.DONE, life)
        assert store.retention(life, keep_runs=0) == [f"r{life}"]
        store.flush()
        sizes.append((tmp_path / "journal.sqlite").stat().st_size)
    assert max(sizes[1:]) <= 1.1 * sizes[0]
    store.close()


def test_the_durability_is_what_was_asked(tmp_path):
    for durability, synchronous in (("process", 1), ("power", 2)):
        store = SqliteStore(tmp_path / durability, durability)
        found = store._writer.read(lambda connection: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in (
            "synchronous", "journal_mode", "locking_mode", "foreign_keys")])
        assert found == [synchronous, "wal", "exclusive", 1]
        store.close()


def test_each_statement_is_valid_and_uses_an_index(tmp_path):
    """No verb of the hot path scans a table; listings may."""
    connection = sqlite3.connect(":memory:")
    for statement in schema():
        connection.execute(statement)
    listings = {"select_runs", "ended_runs", "select_sessions", "select_intents", "select_calls"}
    for name, statement in load_statements().items():
        numbers = [int(number) for number in re.findall(r"\?(\d)", statement)]
        values = (None,) * (max(numbers) if numbers else statement.count("?"))
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        scans = [step[3] for step in plan if step[3].startswith("SCAN")]
        assert not scans or name in listings, f"{name}: {scans}"
    connection.close()
