"""The keeper: one pilot, its door and its desk, until its end.

It ends when it is told to, when its pilot fails, after `idle_s` without a runtime, or at the pilot's walltime.
"""

from __future__ import annotations

import selectors
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from qloop.errors import QloopError
from qloop.pilots import messages, wire
from qloop.pilots.credential import read_credential
from qloop.pilots.kept import words
from qloop.pilots.kept.registry import Record
from qloop.pilots.protocol import Pilot, Told
from qloop.runtime.keeping.desk import Desk
from qloop.runtime.keeping.door import Door, Line
from qloop.runtime.keeping.parties import Party

_TICK_S: Final = 0.5
_BUSY_TICK_S: Final = 0.05      # while somebody waits: what time allows is not to be waited for
_MOST_WAITING_BYTES: Final = 2**22      # beyond this what tasks say is left out
_GOODBYE_S: Final = 2.0


class Keeper:
    """Holds `pilot`, which it starts and ends, for the callers of its socket."""

    def __init__(self, pilot: Pilot, record: Record) -> None:
        self.ending = ""
        self._pilot, self._record = pilot, record
        self._begun = self._unused_since = time.monotonic()
        self._draining = False
        self._selector = selectors.DefaultSelector()
        self._door = Door(self._selector, self, Path(record.socket), read_credential(record.token))
        self._desk = Desk(pilot, record.spec)
        self._parties: dict[Line, Party] = {}
        self._serial = 0
        self.failed = False

    def begin(self) -> None:
        """Start the pilot; raises what that raises."""
        try:
            self._pilot.start(self._record.spec.least)
        except BaseException:
            self._finish()
            raise
        self._desk.staff.ordered = self._record.spec.least
        self._selector.register(self._pilot.fileno(), selectors.EVENT_READ, lambda mask: None)

    def serve(self) -> None:
        """Until its end; `ending` says why, and `failed` whether it was the pilot. Raises nothing that that raises."""
        try:
            while not self.ending:
                self._turn()
        except QloopError as error:
            self.failed = True
            self.end(f"its pilot failed: {error}")
        finally:
            self._finish()

    def end(self, reason: str) -> None:
        """Let this turn be the last one."""
        self.ending = self.ending or reason

    def _turn(self) -> None:
        waiting = any(party.waiting for party in self._desk.parties)
        for key, mask in self._selector.select(_BUSY_TICK_S if waiting else _TICK_S):
            key.data(mask)
        self._desk.hear(self._pilot.poll(0.0))
        self._door.deliver()
        self._door.tend()
        self._look_at_the_time()

    def _look_at_the_time(self) -> None:
        now, spec = time.monotonic(), self._record.spec
        if self._parties:
            self._unused_since = now
        elif self._draining:
            self.end("it was told to stop")
        elif 0.0 < self._record.idle_s <= now - self._unused_since:
            self.end(f"no program used it for {self._record.idle_s:g} s")
        if 0.0 < spec.walltime_s <= now - self._begun:
            self.end(f"its walltime of {spec.walltime_s:g} s is over")

    def _finish(self) -> None:
        for line in list(self._parties):
            self._door.send(line, messages.report(messages.Failing(self.ending or "its keeper failed")))
        self._door.flush(_GOODBYE_S)
        self._door.close()
        self._pilot.stop()
        self._selector.close()

    # -- who calls: `qloop.runtime.keeping.door.House`

    def greeting(self, caller: words.Caller) -> words.Greeting | str:
        """Operators are always let in; runtimes while it is not ending, and if they are of the same versions."""
        if caller.role == words.RUNTIME:
            wrong = messages.unlike(caller.versions)
            if wrong:
                return f"its versions differ ({wrong}); start the pilot again with these"
            if self._draining or self.ending:
                return "it is about to end"
        elif caller.role != words.OPERATOR:
            return "nobody knows what it is"
        return words.Greeting(self._record.name, self._record.spec.most)

    def came(self, line: Line) -> None:
        """A runtime is a party."""
        if line.caller.role == words.RUNTIME:
            self._serial += 1
            party = self._parties[line] = Party(self._serial, partial(self._tell, line))
            self._desk.enter(party)

    def heard(self, line: Line, frame: wire.Frame) -> None:
        """A command of a runtime, or a wish of an operator."""
        party = self._parties.get(line)
        if party is not None and frame.kind == messages.COMMAND:
            self._desk.obey(party, *messages.read_command(frame))
        elif party is None and frame.kind == words.WISH:
            self._obey(line, frame)

    def went(self, line: Line) -> None:
        """What a runtime had is free again."""
        party = self._parties.pop(line, None)
        if party is not None and not self.ending:
            self._desk.leave(party)

    def _obey(self, line: Line, frame: wire.Frame) -> None:
        try:
            wish = words.WISHES.decode(frame.parts[0])
        except (msgspec.MsgspecError, IndexError) as error:
            raise wire.WireError(str(error)) from error
        if isinstance(wish, words.Stop):
            self._draining = True
            if wish.now or not self._parties:
                self.end("it was told to stop")
        self._door.send(line, words.said(words.STANDING, self.standing()))

    def _tell(self, line: Line, report: messages.Report) -> None:
        if not (isinstance(report, Told) and line.stream.waiting > _MOST_WAITING_BYTES):
            self._door.send(line, messages.report(report))

    def standing(self) -> words.Standing:
        """How it stands now."""
        staff, now, walltime = self._desk.staff, time.monotonic(), self._record.spec.walltime_s
        busy = sum(worker.attempt is not None for worker in staff.workers.values())
        connected = tuple(words.Connected(line.caller.program, line.caller.pid, line.since, party.wanted,
                                          len(party.places), party.running, len(party.waiting), party.ended)
                          for line, party in self._parties.items())
        return words.Standing(len(staff.workers) - busy, busy, staff.ordered,
                              {name: node.capacity for name, node in staff.nodes.items()}, connected,
                              self._draining, -1.0 if connected else now - self._unused_since,
                              self._begun + walltime - now if walltime else -1.0)


def end_on_signals(keeper: Keeper) -> None:
    """SIGTERM ends it in good order; what a terminal sends does not concern it."""

    def told(number: int, frame: Any) -> None:
        keeper.end(f"it got {signal.Signals(number).name}")

    signal.signal(signal.SIGTERM, told)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
