"""The kept pilots of this user: a small file for each, by name, and a lock that its keeper holds while it lives."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from qloop.errors import Conflict, InvalidInput, UnknownName
from qloop.pilots.kept import folder
from qloop.pilots.process_identity import Identity
from qloop.pilots.spec import PilotSpec

NOUN: Final = "kept pilot"


class Record(msgspec.Struct, frozen=True):
    """A kept pilot: who keeps it and where it is reached. `token` is secret; `since_s` is Unix time.

    `ended`: why it is no more ("" while it is there).
    """

    name: str
    spec: PilotSpec
    keeper: Identity
    host: str
    socket: str
    token: str
    since_s: float
    idle_s: float
    ended: str = ""

    def here(self) -> bool:
        """Whether its keeper runs on this machine."""
        return self.host == socket.gethostname()

    def there(self) -> bool:
        """Whether it can be reached, as far as the file and the process table tell."""
        return not self.ended and (not self.here() or self.keeper.alive())


def home() -> Path:
    """The folder of all kept pilots."""
    return folder.private(folder.state_folder() / "pilots")


def record_file(name: str) -> Path:
    """The file of one."""
    return home() / f"{name}.json"


def log_file(name: str) -> Path:
    """What its keeper has to say."""
    return home() / f"{name}.log"


def write(record: Record) -> None:
    """Make a pilot known, or what became of it."""
    folder.write_private(record_file(record.name), msgspec.json.encode(record))


def read(name: str) -> Record | None:
    """The record of this name; None if there is none that can be read."""
    try:
        return msgspec.json.decode(record_file(name).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None


def names() -> list[str]:
    """All names that have a record."""
    return sorted(path.stem for path in home().glob("*.json") if not path.name.startswith("."))


def records() -> list[Record]:
    """All records, by name."""
    return [found for found in map(read, names()) if found is not None]


def find(name: str) -> Record:
    """The kept pilot of this name; `UnknownName` offers the nearest one, `InvalidInput` says why it is no more."""
    record = read(name)
    if record is None:
        raise UnknownName(NOUN, name, [one.name for one in records() if one.there()])
    if not record.there():
        raise InvalidInput(f"The kept pilot {name!r} is no more", record.ended or "Its keeper has died",
                           f"Start it again with 'qloop pilot start {name}'")
    return record


@contextlib.contextmanager
def kept(name: str) -> Iterator[None]:
    """Hold this name for the block; `Conflict` if another process does."""
    with folder.held(home() / f"{name}.lock") as alone:
        if not alone:
            raise Conflict(f"A pilot named {name!r} is kept already", "",
                           f"Use it, end it with 'qloop pilot stop {name}', or choose another name")
        yield


def clean(record: Record) -> bool:
    """Remove what is left of a pilot whose keeper is gone; False if somebody holds its name."""
    try:
        with kept(record.name):
            folder.remove_socket(Path(record.socket))
            with contextlib.suppress(OSError):
                record_file(record.name).unlink()
    except Conflict:
        return False
    return True
