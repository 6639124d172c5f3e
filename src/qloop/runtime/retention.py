"""Which runs on disk are kept: each has a journal of its own, so that removing a run removes its files."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterable
from pathlib import Path

from qloop.errors import JournalError
from qloop.runtime import layout
from qloop.runtime.history import Past, journal_files, look
from qloop.runtime.journal.retention import beyond
from qloop.runtime.journal.rows import ENDED_RUN
from qloop.runtime.journal.sqlite import SqliteStore

SIDE_FILES = ("-wal", "-shm", "-journal", "-holder")


def prune(now_ns: int, keep_days: float | None, keep_runs: int | None) -> list[str]:
    """Remove the ended runs of this home beyond the bounds, with their traces; returns their ids.

    `now_ns` is Unix time in ns. Runs that can go on, run now or cannot be read are kept. `InvalidInput` for a
    negative bound, `JournalError` if a file cannot be removed.
    """
    ended = sorted((past for path in journal_files() for past in look(path).runs if past.info.state in ENDED_RUN),
                   key=lambda past: (past.info.ended_at_ns, past.info.row.id), reverse=True)
    gone = set(beyond([(past.info.row.id, past.info.ended_at_ns) for past in ended], now_ns, keep_days, keep_runs))
    removed = [past for past in ended if past.info.row.id in gone and _alone(past)]
    for past in removed:
        _remove(files_of(past))
        shutil.rmtree(layout.files_folder(past.path), ignore_errors=True)
    return [past.info.row.id for past in removed]


def prune_journal(path: Path, now_ns: int, keep_days: float | None, keep_runs: int | None) -> list[str]:
    """The same within one journal file, which may hold many runs."""
    store = SqliteStore(path, create=False)
    try:
        return store.retention(now_ns, keep_days, keep_runs)
    finally:
        store.close()


def backup(path: Path, target: Path) -> int:
    """Write a consistent copy of a journal to a new file; returns its bytes."""
    store = SqliteStore(path, create=False)
    try:
        store.backup(target)
    finally:
        store.close()
    return target.stat().st_size


def files_of(past: Past) -> list[Path]:
    """Everything on disk that belongs to a run with a journal of its own."""
    path = past.path
    run = glob.escape(past.info.row.id)
    traces = sorted({*path.parent.glob(f"{run}.trace.jsonl"), *path.parent.glob(f"{run}.[0-9]*.trace.jsonl")})
    sides = [path.with_name(path.name + end) for end in SIDE_FILES]
    return [path, *(side for side in sides if side.exists()), *traces, *sorted(layout.files_folder(path).glob("*"))]


def _alone(past: Past) -> bool:
    """Whether its journal is the one that layout gives it, and so holds nothing else."""
    return past.path == layout.journal_path(past.info.row.id)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise JournalError(f"{file} cannot be removed", error.strerror or str(error),
                               "Change its permissions and prune again") from error
