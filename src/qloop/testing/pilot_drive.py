"""Drives a pilot by hand in tests: run, wait with a deadline, and keep every event."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from qloop.errors import QloopError
from qloop.model.needs import ONE_CORE, Share
from qloop.pilots.payload import pack
from qloop.pilots.protocol import Asked, Began, Ended, Joined, Left, Pilot, PilotEvent, Told

PATIENCE_S = 60.0


class PilotDrive:
    """A started pilot and all that it has said; stopped at the end of a `with` block.

    `patience_s`: how long anything may take before a test fails.
    """

    def __init__(self, pilot: Pilot, size: int = 1, patience_s: float = PATIENCE_S) -> None:
        self.pilot, self.events = pilot, list[PilotEvent]()
        self._patience, self._attempts = patience_s, 0
        pilot.start(size)
        try:
            self.until(lambda: len(self.workers()) == size, f"{size} workers have joined")
        except BaseException:
            pilot.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.pilot.stop()

    def listen(self, timeout: float = 0.05) -> list[PilotEvent]:
        """One poll."""
        heard = self.pilot.poll(timeout)
        self.events += heard
        return heard

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Poll until `true()`; `AssertionError` naming `what` if it does not become so in time."""
        end = time.monotonic() + self._patience
        while not true():
            assert time.monotonic() < end, f"in {self._patience} s never: {what}; heard {self.events}"
            self.listen()

    def workers(self) -> list[str]:
        """The workers that have joined and not left, in the order of their joining."""
        left = {event.worker for event in self.events if isinstance(event, Left)}
        return [event.worker for event in self.events if isinstance(event, Joined) and event.worker not in left]

    def submit(self, function: Callable[..., Any], *args: Any, worker: str = "", payload: bytes = b"",
               environment: str = "", limit_s: float = 0.0, share: Share = ONE_CORE) -> tuple[str, str, int]:
        """Run a call, or a payload as it is, on a worker (the first one if not named): (worker, task, attempt)."""
        self._attempts += 1
        place = worker or self.workers()[0]
        task = f"task-{self._attempts}"
        self.pilot.run(place, task, self._attempts, payload or pack(function, *args), environment=environment,
                       limit_s=limit_s, share=share)
        return place, task, self._attempts

    def ended(self, attempt: tuple[str, str, int]) -> Ended:
        """Wait for the end of this attempt."""
        self.until(lambda: bool(self._about(Ended, attempt)), f"the end of {attempt}")
        found = self._about(Ended, attempt)[0]
        assert isinstance(found, Ended)
        return found

    def began(self, attempt: tuple[str, str, int]) -> Began:
        """Wait for the begin of this attempt."""
        self.until(lambda: bool(self._about(Began, attempt)), f"the begin of {attempt}")
        found = self._about(Began, attempt)[0]
        assert isinstance(found, Began)
        return found

    def call(self, function: Callable[..., Any], *args: Any, **how: Any) -> Ended:
        """Run a call and wait for its end."""
        return self.ended(self.submit(function, *args, **how))

    def told(self, attempt: tuple[str, str, int], what: str) -> list[bytes]:
        """What this attempt has told under this name."""
        return [event.data for event in self.events if isinstance(event, Told) and event.what == what
                and (event.worker, event.task, event.attempt) == attempt]

    def asked(self, attempt: tuple[str, str, int], count: int = 1) -> list[Asked]:
        """Wait until this attempt has asked so many questions."""
        def found() -> list[Asked]:
            return [event for event in self.events if isinstance(event, Asked)
                    and (event.worker, event.task, event.attempt) == attempt]

        self.until(lambda: len(found()) >= count, f"{count} questions of {attempt}")
        return found()

    def ends(self, attempt: tuple[str, str, int]) -> int:
        """How often the end of this attempt was told."""
        return len(self._about(Ended, attempt))

    def index(self, kind: type[Joined | Left | Began | Ended], worker: str) -> int:
        """Where in the events the first of this kind about this worker stands."""
        for place, event in enumerate(self.events):
            if isinstance(event, kind) and event.worker == worker:
                return place
        raise QloopError(f"No {kind.__name__} of {worker} was heard")

    def _about(self, kind: type[Began | Ended], attempt: tuple[str, str, int]) -> list[Began | Ended]:
        return [event for event in self.events
                if isinstance(event, kind) and (event.worker, event.task, event.attempt) == attempt]
