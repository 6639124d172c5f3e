"""Where a mini-app runs: a `Site` takes classical tasks and opens sessions for quantum tasks."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from qloop.errors import InvalidInput
from qloop.loops.session import Session, client_of
from qloop.miniapps.motifs.ranks import on_ranks, on_this_rank
from qloop.model.needs import ANYWHERE, Needs

T = TypeVar("T")
V_co = TypeVar("V_co", covariant=True)
MOST_SLOTS = 1_000_000


class Performed(msgspec.Struct):
    """What a function returned, the seconds that it took, and the bytes of arguments and value as they travel."""

    value: Any
    run_s: float
    moved: int = 0


class Handle(Protocol[V_co]):
    """A classical task that was submitted."""

    def result(self) -> V_co:
        """What the function returned; raises what it raised."""

    @property
    def ran_s(self) -> float:
        """Seconds that it ran, once there is a result."""

    @property
    def waited_s(self) -> float:
        """Seconds from its submission to its result in which it did not run."""

    @property
    def moved(self) -> int:
        """Bytes of its arguments and of its value."""


class Site(Protocol):
    """What a mini-app asks of the place where it runs."""

    @property
    def slots(self) -> int:
        """How many classical tasks of one core run at a time."""

    def submit(self, function: Callable[..., T], *arguments: Any, needs: Needs = ANYWHERE,
               modelled_s: float = 0.0) -> Handle[T]:
        """Run a module-level function on a worker; in virtual time it takes `modelled_s`."""

    def gang(self, function: Callable[..., T], *arguments: Any, ranks: int, limit_s: float) -> Handle[list[T]]:
        """Run `function(ranks, *arguments)` on so many ranks at once; what each returned, in their order.

        `ranks` (see `split_state.Ranks`) lets them speak to each other; after `limit_s` seconds they are ended.
        """

    def session(self, name: str = "", **settings: Any) -> Session:
        """A session for quantum tasks; settings are those of `qloop.Session`."""

    def now_s(self) -> float:
        """Seconds of the site's clock."""

    def until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`."""


class Caller(Protocol):
    """What a site of workers asks of a runtime's client; tickets are the client's own."""

    @property
    def virtual(self) -> bool:
        """Whether time is virtual."""

    def call(self, session: str, function: Callable[..., Any], *arguments: Any, modelled_s: float = 0.0,
             needs: Needs = ANYWHERE) -> Any:
        """Run a function on a worker."""

    def answer(self, ticket: Any) -> Any:
        """Wait for what the function returned."""

    def now_s(self) -> float:
        """Seconds of the run's clock."""


@runtime_checkable
class Stepping(Protocol):
    """A runtime that can let time pass, virtual time at once."""

    def run_until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`."""


class _Here(Generic[T]):
    """A task that was run at once; its error is raised by `result`, as elsewhere."""

    def __init__(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        self.error: Exception | None = None
        self.done = Performed(None, 0.0)
        try:
            self.done = performed(function, arguments)
        except Exception as error:
            self.error = error

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        value: T = self.done.value
        return value

    @property
    def ran_s(self) -> float:
        return self.done.run_s

    @property
    def waited_s(self) -> float:
        return 0.0

    @property
    def moved(self) -> int:
        return self.done.moved


class InProcess:
    """Classical tasks run at once in this process; sessions open on `runtime`, by default the program's own."""

    def __init__(self, runtime: object = None) -> None:
        self._runtime = client_of(runtime)

    @property
    def slots(self) -> int:
        """One task at a time."""
        return 1

    def submit(self, function: Callable[..., T], *arguments: Any, needs: Needs = ANYWHERE,
               modelled_s: float = 0.0) -> Handle[T]:
        """Run it now."""
        check_function(function)
        return _Here(function, arguments)

    def gang(self, function: Callable[..., T], *arguments: Any, ranks: int, limit_s: float) -> Handle[list[T]]:
        """Run it on ranks that a launcher starts here."""
        return self.submit(on_ranks, function, arguments, ranks, limit_s)

    def session(self, name: str = "", **settings: Any) -> Session:
        """A session on the runtime."""
        return Session(name, runtime=self._runtime, **settings)

    def now_s(self) -> float:
        """Seconds of the run's clock."""
        return self._runtime.now_s()

    def until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`."""
        pass_time(self._runtime, finished)


class _There(Generic[T]):
    """A task on a worker of a runtime."""

    def __init__(self, client: Caller, ticket: Any, modelled_s: float) -> None:
        self._client, self._ticket, self._modelled_s = client, ticket, modelled_s
        self._done: Performed | None = None
        self._begun_s, self._ended_s = client.now_s(), 0.0
        ticket.when_done(self._note)

    def _note(self, _: object) -> None:
        self._ended_s = self._client.now_s()

    def result(self) -> T:
        done = self._done or self._client.answer(self._ticket)
        assert isinstance(done, Performed)
        self._done = done
        value: T = done.value
        return value

    @property
    def ran_s(self) -> float:
        if self._client.virtual:
            return self._modelled_s
        return 0.0 if self._done is None else self._done.run_s

    @property
    def waited_s(self) -> float:
        return max(0.0, self._ended_s - self._begun_s - self.ran_s)

    @property
    def moved(self) -> int:
        return 0 if self._done is None else self._done.moved


class OnWorkers:
    """Classical tasks run on a runtime's workers, in a session of their own; sessions open on the same runtime.

    A context manager: leaving it closes the session of the classical tasks. `slots`: how many workers there are.
    """

    def __init__(self, runtime: object, slots: int, name: str = "") -> None:
        if isinstance(slots, bool) or not isinstance(slots, int) or not 1 <= slots <= MOST_SLOTS:
            raise InvalidInput(f"The number of workers is {slots!r}", "A site of workers has at least one",
                               "Give workers of 1 or more, or run in this process")
        self._runtime = client_of(runtime)
        self._client: Caller = self._runtime
        self._slots = slots
        self._own = Session(name, runtime=self._runtime)

    @property
    def slots(self) -> int:
        """The workers."""
        return self._slots

    def submit(self, function: Callable[..., T], *arguments: Any, needs: Needs = ANYWHERE,
               modelled_s: float = 0.0) -> Handle[T]:
        """Run it on a worker that has what it needs."""
        check_function(function)
        ticket = self._client.call(self._own.id, performed, function, arguments, modelled_s=modelled_s, needs=needs)
        return _There(self._client, ticket, modelled_s)

    def gang(self, function: Callable[..., T], *arguments: Any, ranks: int, limit_s: float) -> Handle[list[T]]:
        """Run it on so many ranks of one node, as one task; in virtual time ranks are started in this process."""
        if self._client.virtual:
            return self.submit(on_ranks, function, arguments, ranks, limit_s, needs=Needs(cores=ranks))
        needs = Needs(cores=ranks, ranks=ranks, limit_s=limit_s)
        return self.submit(on_this_rank, function, arguments, ranks, needs=needs)

    def session(self, name: str = "", **settings: Any) -> Session:
        """A session on the runtime."""
        return Session(name, runtime=self._runtime, **settings)

    def now_s(self) -> float:
        """Seconds of the run's clock."""
        return self._client.now_s()

    def until(self, finished: Callable[[], bool]) -> None:
        """Let time pass until `finished()`."""
        pass_time(self._runtime, finished)

    def __enter__(self) -> OnWorkers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._own.close() if kind is None else self._own.cancel()


def pass_time(runtime: object, finished: Callable[[], bool]) -> None:
    """Let a runtime's time pass; `InvalidInput` for one that cannot be waited on so."""
    if not isinstance(runtime, Stepping):
        raise InvalidInput(f"A {type(runtime).__name__} cannot wait for loops that go on by events", "",
                           "Give a qloop.Runtime")
    runtime.run_until(finished)


def performed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Performed:
    """Call a function and tell how long it took; runs where the task runs."""
    begun = time.perf_counter()
    value = function(*arguments)
    ran = time.perf_counter() - begun
    return Performed(value, ran, len(pickle.dumps((arguments, value), protocol=5)))


def check_function(function: Callable[..., Any]) -> None:
    """`InvalidInput` for a function that a worker could not import."""
    name = getattr(function, "__qualname__", "")
    if not name or "<" in name or getattr(function, "__module__", "__main__") == "__main__":
        raise InvalidInput(f"The function {name or function!r:.60} cannot be imported by a worker",
                           "It is not at the top of a module", "Define it at the top of a module, without a closure")
