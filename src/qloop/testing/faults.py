"""Faults of the journal: a plan that kills the process at a commit, and a store that fails as planned."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from qloop.errors import JournalError
from qloop.runtime.journal.protocol import Store

Moment = Literal["before", "after"]


class KillAtCommit:
    """A hook for `SqliteStore`: kill -9 of this process at its n-th commit (from 1), before or after it is made."""

    def __init__(self, nth: int, moment: Moment) -> None:
        self.nth, self.moment = nth, moment
        self.committed = 0

    def __call__(self, step: str) -> None:
        """One step of the writer: `begin`, `commit` or `committed`."""
        if step == "committed":
            self.committed += 1
            if self.moment == "after" and self.committed == self.nth:
                kill_this_process()
        elif step == "begin" and self.moment == "before" and self.committed == self.nth - 1:
            kill_this_process()


def kill_this_process() -> None:
    """Kill -9: nothing is flushed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60.0)


class StoreFault:
    """One planned fault: an error `before` the verb is carried out or `after` it, or a `delay` in seconds."""

    def __init__(self, moment: Moment = "before", error: Exception | None = None, delay: float = 0.0) -> None:
        self.moment, self.error, self.delay = moment, error, delay

    def strike(self, moment: Moment) -> None:
        """Do what is planned for this moment."""
        if moment != self.moment:
            return
        if self.delay:
            time.sleep(self.delay)
        if self.error is not None:
            raise self.error


def disk_full() -> JournalError:
    """What a store raises when its disk is full."""
    return JournalError("The journal cannot take this write: the disk is full or fails", "Planned by a test",
                        "Nothing of this write was kept; free some space and go on, or resume the run later")


class FaultyStore:
    """A store around another: every verb is the inner one's, except where `plan[verb, nth]` (from 1) has a fault."""

    def __init__(self, inner: Store, plan: Mapping[tuple[str, int], StoreFault]) -> None:
        self._inner, self._plan = inner, dict(plan)
        self._lock = threading.Lock()
        self.counted: dict[str, int] = {}

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self._inner, verb)
        return method if not callable(method) else self._wrapped(verb, method)

    def _wrapped(self, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                nth = self.counted[verb] = self.counted.get(verb, 0) + 1
            fault = self._plan.get((verb, nth))
            if fault is None:
                return method(*args, **kwargs)
            fault.strike("before")
            answer = method(*args, **kwargs)
            fault.strike("after")
            return answer

        return call


def faulty(store: Store, plan: Mapping[tuple[str, int], StoreFault]) -> Store:
    """The store with a fault plan."""
    return cast("Store", FaultyStore(store, plan))
