"""What an operator does with kept pilots: start one, see how all stand, end one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

import msgspec

from qloop.errors import Conflict, InvalidInput, QloopError
from qloop.pilots.kept import folder, line, registry, words
from qloop.pilots.kept.registry import Record
from qloop.pilots.process_identity import bury
from qloop.pilots.protocol import PilotError
from qloop.pilots.spec import PilotSpec
from qloop.runtime.keeping.by_name import KIND
from qloop.runtime.keeping.keeper_process import Order, Said
from qloop.runtime.pilots import pilot_specs

IDLE_S: Final = 3600.0          # without a program a keeper ends after so long, unless told otherwise
_BEGIN_S: Final = 60.0
_END_S: Final = 60.0
_GOODBYE_S: Final = 10.0
_LOOK_S: Final = 0.05


class Seen(msgspec.Struct, frozen=True):
    """A kept pilot as the list shows it. `standing` None: `problem` says why."""

    record: Record
    standing: words.Standing | None
    problem: str = ""
    cleaned: bool = False


def start(name: str, spec: PilotSpec, idle_s: float = IDLE_S) -> Record:
    """Start a keeper of this pilot and return once it can be used; its workers may be coming yet.

    Raises what is wrong with the wish, `Conflict` for a name that is taken, and what the pilot raises at its start.
    """
    folder.check_name(registry.NOUN, name)
    if not 0.0 <= idle_s < 1e9:
        raise InvalidInput(f"A keeper's idle time is {idle_s!r} s", "", "Give seconds, or 0 for no end")
    if spec.kind == KIND:
        raise InvalidInput(f"The pilot {name!r} is to keep a kept pilot", "That is kept already by another keeper",
                           "Use it by its own name")
    pilot_specs(0, [msgspec.structs.replace(spec, name=name)])
    before = registry.read(name)
    if before is not None and before.there():
        raise Conflict(f"A pilot named {name!r} is kept already", f"It is a {before.spec.kind} pilot"
                       + ("" if before.here() else f" on {before.host}"),
                       f"Use it, end it with 'qloop pilot stop {name}', or choose another name")
    said = _told(name, Order(name, spec, idle_s))
    if said.code:
        kinds: dict[str, type[QloopError]] = {"invalid_input": InvalidInput, "unknown_name": InvalidInput,
                                              "conflict": Conflict, "pilot": PilotError}
        raise kinds.get(said.code, QloopError)(said.what, said.why, said.do)
    return registry.find(name)


def _told(name: str, order: Order) -> Said:
    """Start the process, and hear what it says."""
    reading, writing = os.pipe()
    with registry.log_file(name).open("wb") as log:
        os.fchmod(log.fileno(), 0o600)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "qloop.runtime.keeping.keeper_process", str(writing)], stdin=subprocess.PIPE,
            stdout=log, stderr=log, pass_fds=(writing,), start_new_session=True)
    os.close(writing)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(msgspec.json.encode(order))
    with os.fdopen(reading, "rb") as pipe_back:
        text = _read_in_time(pipe_back.fileno())
    said = msgspec.json.decode(text, type=Said) if text else None
    if said is not None and not said.code:
        process.returncode = 0      # it goes on without us: this object is neither to wait for it nor to complain
        return said
    try:
        process.wait(_GOODBYE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if said is None:
        why = last_words(name) or f"It said nothing for {_BEGIN_S:g} s"
        raise PilotError(f"The keeper of {name!r} did not begin", why, f"See {registry.log_file(name)}")
    return said


def _read_in_time(descriptor: int) -> bytes:
    """All that comes until the other end closes."""
    import select

    found, until = b"", time.monotonic() + _BEGIN_S
    while time.monotonic() < until:
        if select.select([descriptor], [], [], 0.5)[0]:
            data = os.read(descriptor, 65_536)
            if not data:
                break
            found += data
    return found


def last_words(name: str) -> str:
    """What its keeper said last."""
    with contextlib.suppress(OSError):
        return registry.log_file(name).read_text(encoding="utf-8", errors="replace")[-2000:].strip()
    return ""


def look(clean: bool = True) -> list[Seen]:
    """All kept pilots of this user; what is left of dead ones is told once, and removed."""
    return [_seen(record, clean) for record in registry.records()]


def _seen(record: Record, clean: bool) -> Seen:
    if not record.here():
        return Seen(record, None, f"on {record.host}")
    if record.ended or not record.keeper.alive():
        bury(record.keeper.pid)
        why = record.ended or f"its keeper, process {record.keeper.pid}, has died"
        return Seen(record, None, why, clean and registry.clean(record))
    try:
        return Seen(record, line.ask(record, words.Look()))
    except QloopError as error:
        return Seen(record, None, error.why or error.what)


def until_ready(record: Record, seconds: float, told: Callable[[words.Standing], None]) -> words.Standing:
    """Wait for its first worker, at most so long; `told` hears how it stands. `PilotError` if it fails meanwhile."""
    until = time.monotonic() + seconds
    while True:
        try:
            standing = line.ask(record, words.Look())
        except PilotError:
            _fail_if_ended(record)
            raise
        told(standing)
        if standing.idle + standing.busy > 0 or record.spec.least == 0 or time.monotonic() >= until:
            return standing
        time.sleep(_LOOK_S)


def _fail_if_ended(record: Record) -> None:
    """A keeper that is not reached may be about to end, and has more to say then."""
    if not _dead_within(record, _END_S):
        return
    now = registry.read(record.name)
    why = now.ended if now is not None and now.ended else last_words(record.name)
    if now is not None:
        registry.clean(now)
    raise PilotError(f"The pilot {record.name!r} failed", why, f"See {registry.log_file(record.name)}")


def stop(name: str, now: bool = False) -> words.Standing | None:
    """End a kept pilot once no program uses it any more, or `now`; how it stands if it has not ended yet.

    A keeper that does not answer is ended by its process id, `now` only. `UnknownName`, `InvalidInput` if it is not
    there.
    """
    record = registry.find(name)
    line.check_here(record)
    try:
        standing = line.ask(record, words.Stop(now))
    except QloopError:
        if not now and not _dead_within(record, _GOODBYE_S):
            raise
        record.keeper.signal(signal.SIGKILL)
        _until_dead(record)
        registry.clean(record)
        return None
    if standing.connected and not now:
        return standing
    _until_dead(record)
    return None


def _until_dead(record: Record) -> None:
    if not _dead_within(record, _END_S):
        raise PilotError(f"The keeper of {record.name!r} has not ended in {_END_S:g} s",
                         f"Its engine may take long to give back what it has; it is process {record.keeper.pid}",
                         "Look again with 'qloop pilot list'")


def _dead_within(record: Record, seconds: float) -> bool:
    """Whether its keeper ends within so many seconds."""
    until = time.monotonic() + seconds
    while record.keeper.alive():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    bury(record.keeper.pid)
    return True
