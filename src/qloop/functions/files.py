"""The store of large values: files under the SHA-256 of their content, each written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
import shutil
import stat
import threading
import weakref
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from qloop.errors import QloopError
from qloop.functions.parcel import Data, Place, Ref
from qloop.model.limits import LARGE_BYTES, MAX_FILES_BYTES

TOKEN: Final = "token"
_SPARE_BYTES: Final = 2**26     # that a disk keeps free


class FileStore:
    """Files in one folder that only its owner can read; `passing`: it goes with this object.

    A file is there as long as somebody holds it, or for good if it is pinned. Any thread may use it.
    """

    def __init__(self, folder: Path, passing: bool = False, *, most_bytes: int = MAX_FILES_BYTES) -> None:
        self.folder, self.passing, self.most_bytes = folder, passing, most_bytes
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._pinned: set[str] = set()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise QloopError(f"Large values cannot be kept in {folder}", "It is a link, or belongs to somebody else",
                             "Remove it, or put the journal elsewhere")
        folder.chmod(0o700)
        self.place = Place(str(folder), _token(folder), LARGE_BYTES)
        self._gone = weakref.finalize(self, shutil.rmtree, folder, True) if passing else None

    def put(self, data: Data) -> Ref:
        """Keep the data, unless it is there, and hold it once; QloopError if the store or its disk is full."""
        name, size = hashlib.sha256(data).hexdigest(), memoryview(data).nbytes
        with self._lock:
            self._held[name] += 1
        path = self.folder / name
        if not path.is_file() or path.stat().st_size != size:
            write(path, data, self.most_bytes)
        return Ref(name, size)

    def open(self, ref: Ref) -> memoryview:
        """The data of a file in memory; what is changed there changes no file. QloopError if it is damaged."""
        return mapped(self.folder / ref.name, ref)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A piece of a file, for those that do not see this folder; QloopError if there is no such file."""
        if not set(name) <= set("0123456789abcdef."):
            raise QloopError(f"There is no file {name!r:.80}")
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise QloopError(f"The file {name} of a large value cannot be read", str(error)) from error

    def hold(self, refs: Iterable[Ref]) -> None:
        """Somebody needs these files."""
        with self._lock:
            self._held.update(ref.name for ref in refs)

    def drop(self, refs: Iterable[Ref]) -> None:
        """Somebody needs these files no more; what nobody needs is deleted."""
        with self._lock:
            for ref in refs:
                self._held[ref.name] -= 1
                if self._held[ref.name] <= 0:
                    del self._held[ref.name]
                    self._delete(ref.name)

    def _delete(self, name: str) -> None:
        if name not in self._pinned:
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def pin(self, refs: Iterable[Ref]) -> None:
        """These files outlive the run: the journal names them."""
        with self._lock:
            self._pinned.update(ref.name for ref in refs)

    def has(self, refs: Iterable[Ref]) -> bool:
        """Whether all these files are there."""
        paths = [(self.folder / ref.name, ref.size) for ref in refs]
        return all(path.is_file() and path.stat().st_size == size for path, size in paths)

    def close(self, keep: bool = False) -> None:
        """The run is over: delete what is not pinned; all is left there if the run is to go on."""
        if self._gone is not None:
            self._gone()
        elif not keep and not self._pinned:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif not keep:
            for path in self.folder.iterdir():
                if path.name not in self._pinned and path.name != TOKEN:
                    path.unlink(missing_ok=True)


def put_result(folder: Path, data: Data, most_bytes: int) -> Ref:
    """Keep a result in this folder, from another process: under a name of its own, for nobody holds it yet."""
    name = f"{hashlib.sha256(data).hexdigest()}.{secrets.token_hex(8)}"
    write(folder / name, data, most_bytes)
    return Ref(name, memoryview(data).nbytes)


def write(path: Path, data: Data, most_bytes: int) -> None:
    """Write a file whole or not at all; QloopError if its folder or the disk is full."""
    size = memoryview(data).nbytes
    _check_room(path.parent, size, most_bytes)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise QloopError(f"A large value of {size} bytes could not be kept in {path.parent}", str(error),
                         "Make room there") from error


def mapped(path: Path, ref: Ref) -> memoryview:
    """The file in memory, copied where it is written to; QloopError if it is not what its name says."""
    try:
        with path.open("rb") as file:
            found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise QloopError(f"The file {path} of a large value cannot be opened", str(error),
                         "It was deleted; run the call again") from error
    if len(found) != ref.size or hashlib.sha256(found).hexdigest() != ref.name[:64]:
        raise QloopError(f"The file {path} of a large value is damaged", "Its content is not what its name says",
                         "Delete it and run the call again")
    return memoryview(found)


def _check_room(folder: Path, size: int, most_bytes: int) -> None:
    used = sum(map(_size, folder.iterdir()))
    if used + size > most_bytes:
        raise QloopError(f"A large value of {size} bytes does not fit into {folder}",
                         f"{used} of {most_bytes} bytes are taken by values that are still needed",
                         "Take results of earlier calls, or pass less")
    if shutil.disk_usage(folder).free < size + _SPARE_BYTES:
        raise QloopError(f"A large value of {size} bytes does not fit onto the disk of {folder}", "",
                         "Make room there, or pass less")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:         # it was deleted meanwhile
        return 0


def _token(folder: Path) -> str:
    """What tells that a folder is this one, on whatever machine it is looked at."""
    path = folder / TOKEN
    with contextlib.suppress(FileExistsError), path.open("x") as file:
        file.write(secrets.token_hex(16))
    return path.read_text()
