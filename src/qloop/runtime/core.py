"""The live world's loop around the engine: events in, commands carried out, everything in one order.

Whoever posts an event also carries it through, unless another thread is just doing so: then that one takes it along.
There is no thread of its own to hand over to, so a loop in one thread pays no switch, and events still have one
order. Effects must not wait; they are called with the lock held.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from qloop.engine.engine import Engine
from qloop.model.commands import Command
from qloop.model.events import Event
from qloop.runtime.clock import Clock

Obey = Callable[[int, Command], None]
Witness = Callable[[int, Event, list[Command]], None]
Note = Callable[[int], None]


class Core:
    """An engine, its clock, and what obeys its commands; `witness` sees every event with the commands it caused."""

    def __init__(self, engine: Engine, clock: Clock, obey: Obey, witness: Witness | None = None) -> None:
        self.engine, self.clock = engine, clock
        self._obey, self._witness = obey, witness
        self._inbox: deque[Event | Note] = deque()
        self._after: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()

    def post(self, event: Event | Note) -> None:
        """Let an event happen now (or a note be made at its place in the order); never waits for another thread."""
        self._inbox.append(event)
        while self._inbox:
            if not self._lock.acquire(blocking=False):
                return      # the thread that holds the lock looks at the inbox again before it lets go
            try:
                self._drain()
            finally:
                self._lock.release()
        while self._after:
            try:
                action = self._after.popleft()
            except IndexError:
                return      # another thread took it
            action()

    def afterwards(self, action: Callable[[], None]) -> None:
        """From within an effect: do this once the lock is let go, because it may call back into the runtime."""
        self._after.append(action)

    def ask(self, question: Callable[[Engine], object]) -> object:
        """Read the engine between two events; not from within an effect."""
        with self._lock:
            return question(self.engine)

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
