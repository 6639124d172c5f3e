"""A look into a journal that another process writes: a copy of its files that SQLite can open.

A run's journal is locked for as long as the run lives. Its files can be copied all the same: what a checkpoint moves
into the main file is still in the write-ahead log until that begins anew, which its header tells. So a main file that
was copied first, and a log after it, belong together if the log has not begun anew in between; an unfinished end of the
log is passed over by its check sums.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qloop.errors import JournalError

MOST_BYTES: Final = 1 << 30
_HEADER: Final = 32         # of a write-ahead log, with the numbers that change when it begins anew
_TRIES: Final = 20


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[Path]:
    """A copy of the journal at `path` as it is now, for the block. `JournalError` if there is none to be had."""
    with tempfile.TemporaryDirectory(prefix="qloop-look-") as folder:
        target = Path(folder) / path.name
        try:
            _copy(path, target)
        except OSError as error:
            raise JournalError(f"The journal {path} cannot be looked into", error.strerror or str(error)) from error
        yield target


def _copy(path: Path, target: Path) -> None:
    if path.stat().st_size > MOST_BYTES:
        raise JournalError(f"The journal {path} is too large to look into while it is written",
                           f"It has more than {MOST_BYTES >> 20} MiB", "Look when the run has ended")
    log, copied = path.with_name(path.name + "-wal"), target.with_name(target.name + "-wal")
    for _ in range(_TRIES):
        before = _header(log)
        shutil.copyfile(path, target)
        with contextlib.suppress(FileNotFoundError):
            copied.unlink()
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(log, copied)
        if _header(copied) == before and _header(log) == before:
            return
    raise JournalError(f"The journal {path} cannot be looked into", "It changes too fast", "Try again")


def _header(log: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        return file.read(_HEADER)
    return b""
