"""Files that are no journal, or not ours to open: each is refused with a message that says why and what to do."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest

from qloop.errors import InvalidInput, JournalError
from qloop.runtime.journal.connection import APPLICATION_ID, SCHEMA, holder_file
from qloop.runtime.journal.rows import ResultRow, Run, SessionRow
from qloop.runtime.journal.sqlite import SqliteStore

from .children import Say, child


def row(nth: int) -> ResultRow:
    return ResultRow(nth.to_bytes(32, "big"), "s", f"t{nth}", 1, "exact", 0, 100, "q", b"v" * 100, nth)


def filled(path, results: int = 400) -> SqliteStore:
    store = SqliteStore(path)
    store.begin_run(Run("r", "p", 0, 1, "real", "0.1"))
    store.put_session(SessionRow("s", "r", "t", "n", 1))
    for nth in range(results):
        store.put_result(row(nth))
    return store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def test_a_text_file_is_not_a_journal_and_stays_as_it_is(path):
    path.write_text("these are my notes\n" * 100)
    with pytest.raises(JournalError, match=r"is not a journal of qloop. It is not an SQLite database. Name another"):
        SqliteStore(path)
    assert path.read_text() == "these are my notes\n" * 100


def test_a_foreign_database_is_refused_and_stays_as_it_is(path):
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE guests (name TEXT)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="SQLite database of another application"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_journal(path):
    path.touch()
    filled(path).close()
    assert SqliteStore(path, create=False).stats().rows["results"] == 400


def test_a_newer_journal_names_both_versions(path):
    filled(path, 1).close()
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version = {SCHEMA + 5}")
    later.close()
    message = rf"newer qloop. Its schema is version {SCHEMA + 5}, .* up to {SCHEMA}.*Upgrade"
    with pytest.raises(JournalError, match=message):
        SqliteStore(path)


def test_our_mark_on_an_empty_database_is_damage(path):
    with sqlite3.connect(path) as odd:
        odd.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    odd.close()
    with pytest.raises(JournalError, match=r"is damaged. It says schema version 0 and holds 0 tables"):
        SqliteStore(path)


def test_a_damaged_page_is_found_when_the_journal_is_opened(path):
    filled(path).close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(8192))
    with pytest.raises(JournalError, match=r"is damaged\..*Restore the last backup"):
        SqliteStore(path)


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_journal_is_damaged(path, part):
    filled(path).close()
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(JournalError, match=r"is damaged\..*Restore the last backup"):
        SqliteStore(path)


def test_damage_found_later_is_named_too(path):
    store = filled(path)
    store.flush()
    os.truncate(path, 4096 * 3)
    store._writer.read(lambda connection: connection.execute("PRAGMA shrink_memory").fetchall())
    with pytest.raises(JournalError, match=r"is damaged|cannot be written or read|disk is full or fails"):
        store.results("s")
    store.close()


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(JournalError, match=r"cannot be opened. It is a directory. Name a file"):
        SqliteStore(tmp_path)


def test_a_file_in_the_way_of_the_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="Its directory cannot be made"):
        SqliteStore(tmp_path / "file" / "journal.sqlite")


def test_a_missing_journal_is_not_made_unasked(path):
    with pytest.raises(JournalError, match=r"There is no such file. Check the name"):
        SqliteStore(path, create=False)
    assert not path.exists()


def test_missing_directories_are_made(tmp_path):
    filled(tmp_path / "a" / "b" / "journal.sqlite", 1).close()
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["journal.sqlite"]


def test_an_unknown_durability(path):
    with pytest.raises(InvalidInput, match=r"no durability 'paper'. Choose 'process' or 'power'"):
        SqliteStore(path, "paper")  # type: ignore[arg-type]


@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o000, 0o777), (0o444, 0o777), (0o666, 0o555)])
def test_a_file_without_permission(file_mode, folder_mode):
    """In a child that is nobody where the tests run as root, whom no permission stops."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        filled(path, 1).close()
        path.chmod(file_mode)
        Path(folder).chmod(folder_mode)

        def work(say: Say) -> None:
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                SqliteStore(path)
            except JournalError as error:
                say(str(error))

        with child(work) as one:
            said, _ = one.end()
        Path(folder).chmod(0o777)
    assert len(said) == 1
    assert "may not be read and written by this user. Change the permissions" in said[0]


def test_a_second_process_is_told_who_holds_the_journal(path):
    store = filled(path, 1)

    def work(say: Say) -> None:
        try:
            SqliteStore(path)
        except JournalError as error:
            say(str(error))

    with child(work) as one:
        said, _ = one.end()
    assert said == [f"The journal {path} is in use by process {os.getpid()}. One process at a time may write to a "
                    "journal. Wait until it ends, stop it, or name another file."]
    assert store.put_result(row(1000)), "the refused process disturbed the holder"
    store.close()


def test_a_killed_holder_leaves_no_lock(path):
    def work(say: Say) -> None:
        filled(path, 5)
        say("open")
        threading.Event().wait()

    with child(work) as one:
        assert one.line() == "open"
        with pytest.raises(JournalError, match=f"in use by process {one.pid}"):
            SqliteStore(path)
        one.kill()
    store = SqliteStore(path)
    assert len(store.results("s")) == 5
    store.close()
    assert not holder_file(path).exists()


def test_a_second_store_in_one_process_is_refused(path):
    store = filled(path, 1)
    with pytest.raises(JournalError, match=rf"in use by this process \({os.getpid()}\)"):
        SqliteStore(path)
    holder_file(path).unlink()
    with pytest.raises(JournalError, match="in use by another process"):
        SqliteStore(path)
    store.close()
    SqliteStore(path).close()


def test_a_forked_child_may_not_use_its_parents_journal(path):
    store = filled(path, 1)

    def work(say: Say) -> None:
        try:
            store.put_result(row(7))
        except JournalError as error:
            say(str(error))
        store.close()

    with child(work) as one:
        said, status = one.end()
    assert status == 0
    assert f"was opened by process {os.getpid()}, not by this one" in said[0]
    assert store.put_result(row(7))
    store.close()


def test_values_that_sqlite_cannot_keep(path):
    store = filled(path, 1)
    with pytest.raises(InvalidInput, match="is not valid Unicode"):
        store.put_session(SessionRow("s2", "r", "t", "\ud800", 1))
    with pytest.raises(InvalidInput, match="does not fit in 64 bits"):
        store.put_checkpoint("s", "spsa", 2**63, b"")
    assert [info.row.id for info in store.sessions()] == ["s"]
    store.close()
