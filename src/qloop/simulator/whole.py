"""Files that appear whole or not at all: written under another name, brought to the disk, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """What is written in the block is the file once the block has ended; nothing is left of a block that fails."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        with beside.open("wb") as sink:
            yield sink
            _to_disk(sink)
        beside.replace(path)
        _folder_to_disk(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _to_disk(sink: BinaryIO) -> None:
    sink.flush()
    os.fsync(sink.fileno())


def _folder_to_disk(folder: Path) -> None:
    """A renamed file survives a loss of power only once its folder is on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
