"""The files of a run as a worker reaches them: in the same folder, or, from another machine, through its pilot."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from pathlib import Path
from typing import Final

from qloop.errors import QloopError
from qloop.functions.files import TOKEN, mapped, put_result
from qloop.functions.parcel import Data, Files, Place, Ref
from qloop.model.limits import MAX_FILES_BYTES

PIECE_BYTES: Final = 2**25      # of a file, in one answer


class Shared:
    """The folder itself."""

    def __init__(self, place: Place) -> None:
        self.place, self._folder = place, Path(place.folder)

    def put(self, data: Data) -> Ref:
        """Keep the data."""
        return put_result(self._folder, data, MAX_FILES_BYTES)

    def open(self, ref: Ref) -> memoryview:
        """The data of a file."""
        return mapped(self._folder / ref.name, ref)


class Distant:
    """Files that are fetched once and kept as long as this process lives. What comes back travels whole."""

    def __init__(self, place: Place) -> None:
        self.place = Place(place.folder, place.token, 2**62)
        self._kept = tempfile.TemporaryDirectory(prefix="qloop-files-")

    def put(self, data: Data) -> Ref:
        """Nothing is kept here."""
        raise QloopError("A large value cannot be kept on this machine", "Nobody else could read it")

    def open(self, ref: Ref) -> memoryview:
        """The data of a file, fetched if it is not here yet."""
        path = Path(self._kept.name, ref.name)
        if not path.is_file():
            self._fetch(ref, path)
        return mapped(path, ref)

    def _fetch(self, ref: Ref, path: Path) -> None:
        from qloop.runtime.client import fetch

        draft = path.with_suffix(".part")
        with draft.open("wb") as file:
            for offset in range(0, ref.size, PIECE_BYTES):
                file.write(fetch(ref.name, offset, min(PIECE_BYTES, ref.size - offset)))
        draft.replace(path)


@functools.lru_cache(maxsize=8)
def files_at(place: Place) -> Files:
    """The files of this place, as they are reached from here."""
    with contextlib.suppress(OSError):
        if Path(place.folder, TOKEN).read_text() == place.token:
            return Shared(place)
    return Distant(place)
