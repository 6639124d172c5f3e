"""The live world's loop around the engine: events in, commands carried out, everything in one order.

Whoever posts an event also carries it through, unless another thread is just doing so: then that one takes it along.
There is no thread of its own to hand over to, so a loop in one thread pays no switch, and events still have one
order. Effects must not wait; they are called with the lock held. Ctrl-C never falls into the middle of an event.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from qloop.engine.engine import Engine
from qloop.errors import QloopError
from qloop.model.commands import Command
from qloop.model.events import Event
from qloop.runtime.clock import Clock
from qloop.runtime.interrupts import Uninterrupted

Obey = Callable[[int, Command], None]
Witness = Callable[[int, Event, list[Command]], None]
Note = Callable[[int], None]


class Core:
    """An engine, its clock, and what obeys its commands; `witness` sees every event with the commands it caused.

    An event that cannot be carried through is a bug: `failure` keeps it, `give_up` is told of it, and every later
    event raises it, because the records may be half changed.
    """

    def __init__(self, engine: Engine, clock: Clock, obey: Obey, witness: Witness | None = None) -> None:
        self.engine, self.clock = engine, clock
        self.failure: QloopError | None = None
        self.give_up: Callable[[QloopError], None] | None = None
        self._obey, self._witness = obey, witness
        self._inbox: deque[Event | Note] = deque()
        self._after: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()

    def post(self, event: Event | Note) -> None:
        """Let an event happen now (or a note be made at its place in the order); never waits for another thread."""
        self._inbox.append(event)
        self._sweep()
        self._follow_up()

    def tell(self, event: Event) -> None:
        """Like `post`, but the event has happened when this returns; not from within an effect."""
        self._inbox.append(event)
        with Uninterrupted(), self._lock:
            self._carry()
        self._sweep()
        self._follow_up()

    def ask(self, question: Callable[[Engine], object]) -> object:
        """Read the engine between two events, after all that was posted before; not from within an effect."""
        with Uninterrupted(), self._lock:
            self._carry()
            answer = question(self.engine)
        self._sweep()
        self._follow_up()
        return answer

    def _sweep(self) -> None:
        """Carry through what is posted, unless another thread is doing so: it sweeps after it lets go of the lock."""
        while self._inbox:
            with Uninterrupted():
                if not self._lock.acquire(blocking=False):
                    return
                try:
                    self._carry()
                finally:
                    self._lock.release()

    def afterwards(self, action: Callable[[], None]) -> None:
        """From within an effect: do this once the lock is let go, because it may call back into the runtime."""
        self._after.append(action)

    def _follow_up(self) -> None:
        """Do what was put off until the lock is let go."""
        while self._after:
            try:
                action = self._after.popleft()
            except IndexError:
                return      # another thread took it
            action()

    def _carry(self) -> None:
        """Carry through all that was posted; the lock is held."""
        if self.failure is not None:
            self._inbox.clear()
            raise self.failure
        try:
            self._drain()
        except Exception as error:
            self.failure = QloopError(f"The scheduler failed: {type(error).__name__}: {error}",
                                      "This is a bug of qloop",
                                      "Report it; what was bought is in the journal, and the run can be resumed")
            if self.give_up is not None:
                self.give_up(self.failure)
            raise self.failure from error

    def _drain(self) -> None:
        while self._inbox:
            item = self._inbox.popleft()
            now = max(self.clock.now(), self.engine.state.now)
            if callable(item):
                item(now)
                continue
            commands = self.engine.handle(now, item)
            if self._witness is not None:
                self._witness(now, item, commands)
            for command in commands:
                self._obey(now, command)
