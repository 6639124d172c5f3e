"""What both primitives share: their session, the circuits they know, and the way of a call from PUBs to tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from qloop.errors import InvalidInput, Refused, SessionEnded
from qloop.loops.primitives.circuits import Album
from qloop.loops.primitives.settings import SessionSettings, check_flag, checked
from qloop.loops.session import Session

Plan = TypeVar("Plan")


class Primitive:
    """A primitive in a session: the one given, which stays its owner's, or one of its own, opened by the first run.

    Its own session is closed by `close()` or at the end of a `with` block; after an error there it can be resumed.
    """

    def __init__(self, mode: object, session: object, shots: int | None, drop_idle: bool,
                 settings: SessionSettings) -> None:
        if mode is not None and session is not None:
            raise InvalidInput("A session was given twice", "mode and session are two names of one thing", "Give one")
        given = session if mode is None else mode
        _check(given, settings)
        self._given: Session | None = given if isinstance(given, Session) else None
        self._settings, self._shots = checked(settings), shots
        self._drop_idle = check_flag("drop_idle", drop_idle)
        self._own: Session | None = None
        self._closed = False
        self._album = Album()
        self._lock = threading.RLock()
        self._calls = 0

    @property
    def session(self) -> Session:
        """The session; its own is opened now if it was not yet."""
        if self._given is not None:
            return self._given
        with self._lock:
            if self._closed:
                raise SessionEnded("The primitive is closed", "Its session has ended", "Make a new one")
            if self._own is None:
                self._own = Session(shots=self._shots, **self._settings)
            return self._own

    mode = session      # as Qiskit Runtime calls it

    def close(self) -> None:
        """Take no further calls, finish the accepted ones, and close its own session; one that was given stays open."""
        self._end(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._end(kind)

    def _end(self, kind: type[BaseException] | None) -> None:
        with self._lock:
            own, self._own = self._own, None
            self._closed = self._given is None
        if own is not None:
            own.__exit__(kind, None, None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self._given or self._own or 'a session to come'}>"

    def _next_call(self) -> int:
        """The number of this call, from 0: the iteration that its tasks belong to."""
        self._calls += 1
        return self._calls - 1


def each(pubs: Iterable[Any], plan: Callable[[Any], Plan]) -> list[Plan]:
    """The plan of every PUB; what is wrong with one is said with its number."""
    from qiskit import QuantumCircuit

    if isinstance(pubs, QuantumCircuit) or not isinstance(pubs, Iterable):
        raise InvalidInput(f"The PUBs are a {type(pubs).__name__}", "A call takes several",
                           "Wrap it in a list: run([...])")
    plans: list[Plan] = []
    for number, pub in enumerate(pubs):
        try:
            plans.append(plan(pub))
        except Refused as error:
            raise Refused(f"PUB {number}: {error.what}", error.why, error.do, error.retry_after) from None
        except InvalidInput as error:
            raise InvalidInput(f"PUB {number}: {error.what}", error.why, error.do) from None
    return plans


def _check(given: object, settings: SessionSettings) -> None:
    if given is not None and not isinstance(given, Session):
        raise InvalidInput(f"The session is a {type(given).__name__}", "Primitives of qloop run in sessions of qloop",
                           "Give a qloop.Session, or qpu='...' for a session of its own")
    if given is not None and settings:
        raise InvalidInput(f"A session and {', '.join(settings)} were given", "The session has these settings already",
                           "Give the one or the other")
