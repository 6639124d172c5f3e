"""Things to do at a time of the run's clock: by one waiting thread, or step by step in virtual time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from heapq import heappop, heappush

from qloop.errors import InvalidInput, QloopError
from qloop.runtime.clock import Clock, VirtualClock

Action = Callable[[], None]
LOOK_S = 0.005      # between two looks at whether a wait in real time is over


class Timers:
    """A heap of actions. Under a real clock a thread, started with the first action, carries them out."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[tuple[int, int, Action]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def at(self, when_ns: int, action: Action) -> None:
        """Do `action` at `when_ns`, in order of time, then of asking."""
        with self._changed:
            if self._stopped:
                return
            self._count += 1
            heappush(self._heap, (when_ns, self._count, action))
            if self._heap[0][1] == self._count:
                self._changed.notify()
            if self._thread is None and not self.clock.virtual:
                self._thread = threading.Thread(target=self._run, name="qloop-timers", daemon=True)
                self._thread.start()

    def step(self) -> bool:
        """Virtual time: go on to the next action and do it; False if there is none."""
        if not self._heap or not isinstance(self.clock, VirtualClock):
            return False
        when, _, action = heappop(self._heap)
        self.clock.advance(when)
        action()
        return True

    def next_ns(self) -> int | None:
        """When the next action is due, None if there is none."""
        return self._heap[0][0] if self._heap else None

    def stop(self) -> None:
        """Forget all actions and end the thread."""
        with self._changed:
            self._stopped = True
            self._heap.clear()
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not self._due():
                    self._changed.wait(self._pause())
                if self._stopped:
                    return
                action = heappop(self._heap)[2]
            try:
                action()
            except Exception:       # others' actions are still to come
                logging.getLogger("qloop").exception("What was to be done at a time of the run's clock failed")

    def _due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= self.clock.now()

    def _pause(self) -> float | None:
        if not self._heap:
            return None
        return min(3600.0, self.clock.real_seconds(max(0, self._heap[0][0] - self.clock.now())) + 1e-4)


class Stepper:
    """Moves virtual time on, one thing at a time; real time moves by itself."""

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self._stepping = False

    def until(self, finished: Callable[[], bool]) -> None:
        """Step until `finished()`; QloopError if nothing is left that could happen. In real time: look until then."""
        if not self.timers.clock.virtual:
            while not finished():
                time.sleep(LOOK_S)
            return
        if self._stepping:
            raise InvalidInput("Virtual time is being moved on already", "A callback waits for a result in it",
                               "Use add_done_callback instead of result() there")
        self._stepping = True
        try:
            while not finished():
                if not self.timers.step():
                    raise QloopError("Nothing is left to happen, and the wait is not over",
                                     "Virtual time has no further event", "Report this as a bug")
        finally:
            self._stepping = False
