"""A full disk: the write is refused, nothing of it is kept, and the journal goes on when there is space again."""

from __future__ import annotations

import os
import resource
import signal
import subprocess

import pytest

from qloop.errors import JournalError
from qloop.runtime.journal.rows import ResultRow, Run, SessionRow, TaskRow
from qloop.runtime.journal.sqlite import SqliteStore

from .children import Say, child


def row(nth: int) -> ResultRow:
    return ResultRow(nth.to_bytes(32, "big"), "s", f"t{nth}", 1, "exact", 0, 100, "q", b"v" * 500, nth)


def opened(path) -> SqliteStore:
    store = SqliteStore(path)
    store.begin_run(Run("r", "p", 0, 1, "real", "0.1"))
    store.put_session(SessionRow("s", "r", "t", "n", 1))
    return store


def fill(store: SqliteStore, first: int = 0) -> int:
    """Put results until one is refused; the number of the refused one."""
    for nth in range(first, 100_000):
        try:
            store.put_result(row(nth))
        except JournalError as error:
            refusal = str(error)
            break
    else:
        raise AssertionError("the disk was never full")
    assert "the disk is full or fails" in refusal
    assert "free some space and go on, or resume" in refusal
    return nth


def goes_on(store: SqliteStore, refused: int, path) -> None:
    """All that was acknowledged is there, the refused one is not, and it is taken now; the same after a restart."""
    assert [result.at_ns for result in store.results("s")] == list(range(refused))
    assert store.put_result(row(refused))
    store.put_task(TaskRow("t", "s", "k", b""))
    store.close()
    again = SqliteStore(path)
    assert [result.at_ns for result in again.results("s")] == list(range(refused + 1))
    again.close()


def page_limit(store: SqliteStore, pages: int) -> None:
    store._writer.read(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall())


def test_a_full_database(tmp_path):
    path = tmp_path / "journal.sqlite"
    store = opened(path)
    page_limit(store, 80)
    refused = fill(store)
    assert refused > 100
    with pytest.raises(JournalError, match="full"):
        store.append("r", [b"e" * 100_000])
    assert store.read_log("r") == [], "half of a refused write was kept"
    page_limit(store, 10**6)
    goes_on(store, refused, path)


def test_a_commit_that_the_system_refuses(tmp_path):
    """A limit on the size of files makes the write-ahead log refuse the commit itself."""
    path = tmp_path / "journal.sqlite"

    def work(say: Say) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = opened(path)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
        refused = fill(store)
        assert fill(store, refused) == refused
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        goes_on(store, refused, path)
        say(f"refused {refused}")

    with child(work) as one:
        said, status = one.end()
    assert status == 0, said
    assert int(said[0].split()[1]) > 20


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user or sandbox may not mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_truly_full(small_disk):
    path, ballast = small_disk / "journal.sqlite", small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    store = opened(path)
    refused = fill(store)
    assert refused > 5
    ballast.unlink()
    goes_on(store, refused, path)


def test_a_backup_that_finds_no_space(small_disk, tmp_path):
    store = opened(tmp_path / "journal.sqlite")
    for nth in range(2000):
        store.put_result(row(nth))
    with pytest.raises(JournalError, match=r"backup .* cannot be written.*the journal itself is unharmed"):
        store.backup(small_disk / "copy.sqlite")
    assert list(small_disk.iterdir()) == []
    assert store.put_result(row(2000))
    store.close()
