"""Submitted programs on disk: a folder for each under the user's state, with its order, how it stands, and its log."""

from __future__ import annotations

import contextlib
import enum
import re
import shutil
import time
from pathlib import Path
from typing import Final

import msgspec

from qloop.errors import Conflict, InvalidInput, UnknownName
from qloop.pilots.kept import folder
from qloop.pilots.process_identity import Identity
from qloop.runtime import layout

NOUN: Final = "submitted program"
NOBODY: Final = Identity(0)
_BEGIN_S: Final = 60.0      # a supervisor that has not begun by then never will


class State(enum.StrEnum):
    """Life of a submitted program; the first three are not its end."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"         # to be taken up again
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    LOST = "lost"               # its supervisor was killed


GOING: Final = frozenset({State.STARTING, State.RUNNING, State.WAITING})


class Order(msgspec.Struct, frozen=True):
    """What was submitted. `options` are those of `qloop run`, `home` is where its run's journal lies; Unix times."""

    name: str
    program: str
    arguments: tuple[str, ...]
    options: tuple[str, ...]
    run: str
    directory: str
    home: str
    retries: int
    submitted_s: float

    @property
    def journal(self) -> Path:
        """Of its run; it may not be there yet, or never."""
        return Path(self.home) / "runs" / layout.journal_path(self.run).name


class Stand(msgspec.Struct, frozen=True):
    """How it stands. `life`: which try this is; `exit_code`: of the last one, or minus the signal that ended it."""

    state: State = State.STARTING
    supervisor: Identity = NOBODY
    program: Identity = NOBODY
    life: int = 0
    exit_code: int | None = None
    reason: str = ""
    begun_s: float = 0.0
    ended_s: float = 0.0


class Submission(msgspec.Struct, frozen=True):
    """A submitted program: `state` is what its record says, or LOST if nobody supervises it any more."""

    order: Order
    stand: Stand

    @property
    def state(self) -> State:
        """Its state now."""
        young = self.stand.supervisor == NOBODY and time.time() - self.order.submitted_s < _BEGIN_S
        dead = self.stand.state in GOING and not young and not self.stand.supervisor.alive()
        return State.LOST if dead else self.stand.state

    @property
    def going(self) -> bool:
        """Whether it has not ended."""
        return self.state in GOING

    @property
    def path(self) -> Path:
        """Its folder."""
        return home() / self.order.name

    @property
    def log(self) -> Path:
        """What it printed last; what it printed before is in `log.1`."""
        return self.path / "log"


def home() -> Path:
    """The folder of all submitted programs."""
    return folder.private(folder.state_folder() / "submissions")


def names() -> list[str]:
    """All of them, the latest first."""
    found = [(path.stat().st_mtime_ns, path.parent.name) for path in home().glob("*/order.json")]
    return [name for _, name in sorted(found, reverse=True)]


def find(name: str) -> Submission:
    """The one of this name; `UnknownName` offers the nearest."""
    found = read(name)
    if found is None:
        raise UnknownName(NOUN, name, names())
    return found


def read(name: str) -> Submission | None:
    """The one of this name, if there is one that can be read."""
    path = home() / name
    try:
        order = msgspec.json.decode((path / "order.json").read_bytes(), type=Order)
    except (OSError, ValueError):
        return None
    return Submission(order, stand_of(path))


def stand_of(path: Path) -> Stand:
    """How the program of this folder stands."""
    with contextlib.suppress(OSError, ValueError):
        return msgspec.json.decode((path / "stand.json").read_bytes(), type=Stand)
    return Stand()


def put_stand(path: Path, stand: Stand) -> None:
    """Write down how it stands."""
    folder.write_private(path / "stand.json", msgspec.json.encode(stand))


def create(order: Order) -> Path:
    """A folder for a new one; `Conflict` if the name is taken."""
    folder.check_name(NOUN, order.name)
    path = home() / order.name
    try:
        path.mkdir(mode=0o700)
    except FileExistsError as error:
        raise Conflict(f"There is a submitted program named {order.name!r}", "",
                       f"Choose another name, or forget that one: qloop status --forget {order.name}") from error
    folder.write_private(path / "order.json", msgspec.json.encode(order))
    return path


def free_name(program: Path) -> str:
    """The program's name with the first number that is not taken."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", program.stem).strip("-_")[:40] or "program"
    taken = {path.name for path in home().iterdir()}
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def forget(name: str) -> None:
    """Remove an ended one with its log; its run's journal stays. `InvalidInput` if it has not ended."""
    found = find(name)
    if found.going:
        raise InvalidInput(f"{name} has not ended", f"It is {found.state.value}", f"End it first: qloop cancel {name}")
    shutil.rmtree(found.path)
