"""Logs are bounded and can be followed across their files; journals can be looked into while they are written."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.runtime.journal.snapshot import snapshot
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.submitting.log import Follower, Log, older, tail

OPEN = '''
import sys, time
from pathlib import Path
from qloop.runtime.journal.rows import ResultRow, Run, SessionRow
from qloop.runtime.journal.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.begin_run(Run("run", "", 1, 0, "real", "0"))
store.put_session(SessionRow("run.s", "run", "t", "s", 0))
print("ready", flush=True)
'''
RESULTS = OPEN + '''
for number in range(1_000_000):
    key = number.to_bytes(32, "big")
    store.put_result(ResultRow(key, "run.s", f"task-{number}", 1, "exact", 0, 10, "x", b"v", number))
    time.sleep(0.0005)
'''
BLOBS = OPEN + '''
for number in range(1_000_000):
    store.put_checkpoint("run.s", "loop", number, bytes([number % 256]) * 400_000)
    time.sleep(0.005)
'''


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=30), max_size=40), bound=st.integers(30, 60))
def test_a_log_keeps_its_end_and_a_follower_misses_nothing(tmp_path_factory, pieces, bound):
    path = tmp_path_factory.mktemp("log") / "log"
    log, follower, heard = Log(path, bound), Follower(path), b""
    for piece in pieces:
        log.add(piece)
        heard += follower.more()        # looked at often enough, nothing is missed
    log.close()
    follower.close()
    whole = b"".join(pieces)
    assert heard == whole
    kept = tail(path, -1)
    assert whole.endswith(kept)
    assert len(kept) >= min(len(whole), bound // 2)
    assert all(part.stat().st_size <= bound for part in (path, older(path)) if part.exists())


def test_the_last_lines_of_both_files(tmp_path):
    path = tmp_path / "log"
    log = Log(path, 12)
    for number in range(6):
        log.add(f"line{number}\n".encode())
    log.close()
    assert tail(path, 3) == b"line3\nline4\nline5\n"
    assert tail(path, 0) == b""
    assert tail(tmp_path / "none", 5) == b""


@contextmanager
def written(path: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """A process that writes this journal without end, for a minute at most."""
    writer = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(60.0, writer.kill)
    killer.start()
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        yield writer
        assert writer.poll() is None        # nobody disturbed it
    finally:
        killer.cancel()
        writer.kill()
        writer.wait()
        writer.stdout.close()


def test_a_journal_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    seen = [0]
    with written(tmp_path / "run.qloop", RESULTS):
        while len(seen) < 8 or seen[-1] == seen[1]:
            with snapshot(tmp_path / "run.qloop") as copy:
                store = SqliteStore(copy, create=False)     # it checks the whole file
                times = [row.at_ns for row in store.results("run.s")]
                store.close()
            assert times == list(range(len(times)))
            seen.append(len(times))
    assert seen == sorted(seen)


@pytest.mark.ci
def test_also_while_its_write_ahead_log_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "run.qloop"
    seen, headers = [0], set[bytes]()
    with written(path, BLOBS):
        while len(headers) < 4:
            with snapshot(path) as copy:
                headers.add(copy.with_name("run.qloop-wal").read_bytes()[:32])
                store = SqliteStore(copy, create=False)
                kept = store.get_checkpoint("run.s", "loop")
                store.close()
            if kept is not None:
                assert kept.state == bytes([kept.iteration % 256]) * 400_000
                seen.append(kept.iteration)
    assert seen == sorted(seen)
    assert seen[-1] > 300
