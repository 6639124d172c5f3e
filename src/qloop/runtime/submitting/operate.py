"""What a person does with submitted programs: submit one, see how all stand, cancel one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput, QloopError
from qloop.pilots.process_identity import bury, in_session
from qloop.runtime import layout
from qloop.runtime.submitting import records
from qloop.runtime.submitting.records import GOING, Order, State, Submission

MOST_RETRIES: Final = 1000
_BEGIN_S: Final = 30.0
_END_S: Final = 60.0
_LOOK_S: Final = 0.05


def submit(program: Path, arguments: Sequence[str], options: Sequence[str], run: str, *, name: str = "",
           retries: int = 0) -> Submission:
    """Start a supervisor for the program and return when it supervises. `Conflict` for a name that is taken."""
    if isinstance(retries, bool) or not 0 <= retries <= MOST_RETRIES:
        raise InvalidInput(f"A program cannot be taken up {retries!r} times", "",
                           f"Give a number from 0 to {MOST_RETRIES}")
    order = Order(name or records.free_name(program), str(program), tuple(arguments), tuple(options), run,
                  str(Path.cwd()), str(layout.home().absolute()), retries, time.time())
    return _supervise(records.create(order), order.name)


def again(name: str) -> Submission:
    """Take up a program that ended before it was done: its run goes on. `InvalidInput` if there is nothing to do."""
    found = records.find(name)
    if found.going or found.state is State.DONE:
        raise InvalidInput(f"{name} cannot be taken up", f"It is {found.state.value}",
                           "Submit the program under another name" if not found.going else "")
    if found.state is State.LOST:
        _end_leftovers(found)
    return _supervise(found.path, name)


def _supervise(path: Path, name: str) -> Submission:
    with (path / "supervisor.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-P", "-m", "qloop.runtime.submitting.supervisor", str(path)],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    until = time.monotonic() + _BEGIN_S
    while records.find(name).stand.supervisor.pid != process.pid:
        if process.poll() not in (None, 0) or time.monotonic() > until:
            said = (path / "supervisor.log").read_text(encoding="utf-8", errors="replace")[-2000:].strip()
            raise QloopError(f"The supervisor of {name} did not begin", said, f"See {path / 'supervisor.log'}")
        time.sleep(_LOOK_S)
    process.returncode = 0      # it goes on without us: this object is neither to wait for it nor to complain
    return records.find(name)


def every() -> list[Submission]:
    """All submitted programs, the latest first."""
    return [found for found in map(records.read, records.names()) if found is not None]


def cancel(name: str, now: bool = False) -> Submission:
    """End a program in good order, or at once, and wait for that; one that has ended is left as it is.

    If its supervisor was killed, what is left of the program is ended by this process.
    """
    found = records.find(name)
    if found.state is State.LOST:
        _end_leftovers(found)
        records.put_stand(found.path, _cancelled(found))
        return records.find(name)
    if not found.going:
        return found
    found.stand.supervisor.signal(signal.SIGINT if now else signal.SIGTERM)
    until = time.monotonic() + _END_S
    while found.state in GOING:
        if time.monotonic() > until:
            raise QloopError(f"{name} has not ended in {_END_S:g} s", f"It is {found.state.value}",
                             f"End it at once: qloop cancel --now {name}")
        time.sleep(_LOOK_S)
        found = records.find(name)
    _until_gone(found)
    return found


def _until_gone(found: Submission) -> None:
    """The supervisor has said its last word: let its process end."""
    until = time.monotonic() + _BEGIN_S
    while found.stand.supervisor.alive() and time.monotonic() < until:
        time.sleep(_LOOK_S)
    bury(found.stand.supervisor.pid)


def _cancelled(found: Submission) -> records.Stand:
    import msgspec

    return msgspec.structs.replace(found.stand, state=State.CANCELLED, reason="it was cancelled", ended_s=time.time())


def _end_leftovers(found: Submission) -> None:
    """The program's own session, if the process that began it is still the one that is known."""
    program = found.stand.program
    if not program.alive():
        return
    left = in_session(program.pid)
    for number in (signal.SIGINT, signal.SIGKILL):
        for one in left:
            one.signal(number)
        until = time.monotonic() + 10.0
        while any(one.alive() for one in left) and time.monotonic() < until:
            time.sleep(_LOOK_S)
