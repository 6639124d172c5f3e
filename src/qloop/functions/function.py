"""`qloop.function`: a function that can also run on a worker."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from qloop.errors import InvalidInput
from qloop.functions.desk import desk_of
from qloop.functions.future import Future
from qloop.functions.mapped import IN_FLIGHT, Mapped
from qloop.functions.wishes import Wish, wish_of

P = ParamSpec("P")
T = TypeVar("T")


class Function(Generic[P, T]):
    """A function with what it needs to run elsewhere; called like the function itself, it runs here and now."""

    def __init__(self, inner: Callable[P, T], wish: Wish) -> None:
        self.inner, self.wish = inner, wish
        self.signature = _signature(inner)
        functools.update_wrapper(self, inner)
        self.name = wish.name or str(getattr(inner, "__qualname__", type(inner).__name__)).rpartition("<locals>.")[2]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it here."""
        return self.inner(*args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Future[T]:
        """Run it on a worker; returns at once. Arguments may be futures, also inside of tuples, lists and dicts.

        Raises InvalidInput for arguments that the function does not take or that cannot travel, and `Refused` with the
        nearest pilot if none can ever run it.
        """
        return desk_of(self.wish.runtime).submit(self, args, kwargs)

    def map(self, *iterables: Iterable[Any], in_flight: int = IN_FLIGHT,
            return_exceptions: bool = False) -> Mapped[T]:
        """Run it for each item (of several iterables: for the first of each, the second, ...); results in order.

        At most `in_flight` calls are under way that nobody has taken the results of, so an iterable may be endless.
        An exception is raised when its turn comes, and cancels the rest; or it is returned in its place.
        """
        return Mapped(self.submit, iterables, in_flight, return_exceptions)

    def options(self, **options: Any) -> Function[P, T]:
        """The same function with other options (those of `qloop.function`, and `after`: futures to wait for)."""
        return Function(self.inner, wish_of(options, self.wish))

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """InvalidInput if it cannot be called with these arguments."""
        if self.signature is None:
            return
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput(f"{self.name} cannot be called like this", f"{error}",
                               f"Its arguments are {self.signature}") from None

    def importable(self) -> bool:
        """Whether a worker finds this very function by its name."""
        module = str(getattr(self, "__module__", ""))
        if module in ("", "__main__", "__mp_main__"):
            return False
        found: Any = sys.modules.get(module)
        for part in str(getattr(self, "__qualname__", "")).split("."):
            found = getattr(found, part, None)
        return found is self

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self.importable():
            return str(self.__qualname__)   # type: ignore[attr-defined]
        bare = wish_of({"runtime": None, "after": ()}, self.wish)
        return Function, (self.inner, bare)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """As a method it is called with its object, here."""
        return self if instance is None else functools.partial(cast(Any, self), instance)

    def __repr__(self) -> str:
        return f"<qloop.function {self.name}>"


@overload
def function(inner: Callable[P, T], /) -> Function[P, T]: ...


@overload
def function(**options: Any) -> Callable[[Callable[P, T]], Function[P, T]]: ...


def function(inner: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function one that can run on workers: `fn(x)` runs here, `fn.submit(x)` there, `fn.map(xs)` many times.

    `cores`, `memory` ("2 GiB": more than that ends the call), `gpus`, `ranks` (MPI processes): what it takes of a node.
    `timeout`: seconds or "10m", after which it is killed. `environment`: the lock file of packages that it runs in.
    `retries`: how often it is repeated after an exception of `retry_on` (a class or several; never InvalidInput), the
    first time after `backoff` seconds of the run's clock, then after twice as many each time. `pilot`: the only one
    that may run it. `estimate`: seconds it is expected to take; in virtual time it takes exactly that. `name`: under
    which it is shown. `runtime`: where; by default the program's own, with the cores of this machine.
    """
    if inner is None:
        wish = wish_of(options)
        return lambda given: _made(given, wish)
    if options:
        raise InvalidInput("Options were given together with the function", "",
                           "Write @qloop.function(cores=2) above it, or qloop.function(fn).options(cores=2)")
    return _made(inner, Wish())


def _made(inner: Any, wish: Wish) -> Function[Any, Any]:
    if isinstance(inner, Function):
        raise InvalidInput(f"{inner.name} is a qloop.function already", "", "Use fn.options(...) for other options")
    if not callable(inner):
        raise InvalidInput(f"{inner!r:.80} is no function", "", "Put @qloop.function above a function")
    if inspect.iscoroutinefunction(inner) or inspect.isgeneratorfunction(inner):
        raise InvalidInput(f"{inner.__qualname__} is a coroutine or a generator", "A worker returns one value",
                           "Write a plain function that returns its result")
    return Function(inner, wish)


def _signature(inner: Callable[..., Any]) -> inspect.Signature | None:
    """How it may be called; None for what does not say (some built-in functions)."""
    try:
        return inspect.signature(inner)
    except (TypeError, ValueError):
        return None
