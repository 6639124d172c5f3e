"""The log of a submitted program: bounded, in two files of which the older one is forgotten, and how one follows it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO, Final

MOST_BYTES: Final = 8 << 20     # of each of the two files


class Log:
    """Takes what a program writes, into `path`; beyond `most_bytes` that becomes `path`.1, and a new one begins."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path, self._most = path, most_bytes
        self._file = self._open()

    def add(self, data: bytes) -> None:
        """Write it through; what the disk refuses is left out, since the program shall go on."""
        with contextlib.suppress(OSError):
            if self._file.tell() + len(data) > self._most:
                self._file.close()
                self._path.replace(older(self._path))
                self._file = self._open()
            self._file.write(data)

    def note(self, text: str) -> None:
        """A line of the supervisor's own."""
        self.add(f"[qloop] {text}\n".encode())

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()

    def _open(self) -> BinaryIO:
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


def older(path: Path) -> Path:
    """Where what was before lies."""
    return path.with_name(path.name + ".1")


def tail(path: Path, lines: int) -> bytes:
    """The last so many lines of a log, of both files; all of them for a negative number."""
    found = b""
    for part in (older(path), path):
        with contextlib.suppress(FileNotFoundError):
            found += part.read_bytes()
    if lines < 0:
        return found
    kept = found.splitlines(keepends=True)
    return b"".join(kept[len(kept) - lines:] if lines < len(kept) else kept)


class Follower:
    """Reads on in a log that grows, across its files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def skip_to_end(self) -> None:
        """What is there by now is not read again."""
        if self._open():
            assert self._file is not None
            self._file.seek(0, os.SEEK_END)

    def more(self) -> bytes:
        """What has come since."""
        if not self._open():
            return b""
        assert self._file is not None
        found = self._file.read()
        if not self._same():
            found += self._file.read()      # written between that read and the change of files
            self._file.close()
            self._file = None
            return found + self.more()
        return found

    def close(self) -> None:
        """Read no more."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> bool:
        if self._file is None:
            with contextlib.suppress(FileNotFoundError):
                self._file = self._path.open("rb")
        return self._file is not None

    def _same(self) -> bool:
        """Whether the file that is open is still the log."""
        assert self._file is not None
        with contextlib.suppress(FileNotFoundError):
            return os.fstat(self._file.fileno()).st_ino == self._path.stat().st_ino
        return True
