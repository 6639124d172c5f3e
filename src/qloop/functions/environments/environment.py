"""What a function runs in instead of the program's own packages: a virtual environment from a lock, or an image."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path
from typing import Final

import msgspec

from qloop.errors import InvalidInput
from qloop.functions.environments.lock import read_lock

IMAGE: Final = "image:"


class Environment(msgspec.Struct, frozen=True):
    """The packages of a lock file, or an image; `key` names it by its content.

    `lines`: what is installed; `shares`: packages of the interpreter's own installation are seen, too.
    """

    name: str
    key: str
    lines: tuple[str, ...] = ()
    image: str = ""
    shares: bool = False


def environment_of(wish: object) -> Environment:
    """An environment from the path of a lock file, from "image:NAME", or itself; InvalidInput for what is none."""
    if isinstance(wish, Environment):
        return wish
    if isinstance(wish, str) and wish.startswith(IMAGE):
        return _image(wish.removeprefix(IMAGE))
    if isinstance(wish, str | Path) and str(wish):
        return locked(wish)
    raise InvalidInput(f"The environment is {wish!r:.80}", "",
                       "Give the path of a lock file, or 'image:NAME' for a container image")


def locked(path: str | Path, *, shares: bool = False) -> Environment:
    """The environment of a lock file, read now; `shares`: beside the packages of the interpreter's installation."""
    lines = read_lock(Path(path))
    content = "\n".join((*lines, python_version(), platform.system(), platform.machine(), str(shares)))
    return Environment(str(path), hashlib.sha256(content.encode()).hexdigest(), lines, shares=shares)


def python_version() -> str:
    """The version that a function's code is packed for: it must be the same where it is opened."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _image(name: str) -> Environment:
    if not name or not name.isprintable() or " " in name or name.startswith("-"):
        raise InvalidInput(f"The image is {name!r:.80}", "", "Give a name such as 'image:python:3.11-slim'")
    return Environment(name, hashlib.sha256(f"image {name}".encode()).hexdigest(), image=name)
