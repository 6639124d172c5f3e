"""A packed call that finds the modules and files of the program that sent it, in a worker that others started."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class _Elsewhere:
    """What opens, in the worker, as the call itself would; nobody on the way opens either."""

    def __init__(self, path: tuple[str, ...], directory: str, payload: bytes) -> None:
        self._parts = (path, directory, payload)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_here, self._parts


def from_program(payload: bytes, path: Sequence[str], directory: str) -> bytes:
    """The same call; where it is opened, modules are looked for in `path` first, and `directory` is the working one."""
    return pickle.dumps(_Elsewhere(tuple(path), directory, payload), protocol=5)


def open_here(path: tuple[str, ...], directory: str, payload: bytes) -> Any:
    """In the worker: go where the program is, and open its call."""
    import cloudpickle

    if tuple(sys.path[:len(path)]) != path:
        sys.path[:] = [*path, *(entry for entry in sys.path if entry not in path)]
    if Path(directory).is_dir():
        os.chdir(directory)
    return cloudpickle.loads(payload)
