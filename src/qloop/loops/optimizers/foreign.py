"""An optimizer that somebody else wrote: whatever has `ask` and `tell` can drive a loop."""

from __future__ import annotations

import copy
from typing import Any, Protocol, Self, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput
from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.protocol import Array, Branch, Branching, Optimizer, Stop

WHOLE = ("ask", "tell", "fork", "dumps", "done", "reason", "iteration", "x", "value", "name")


@runtime_checkable
class AsksAndTells(Protocol):
    """The least that an optimizer offers: points (k, P) or (P,) from `ask()`, their values to `tell(values)`."""

    def ask(self) -> ArrayLike:
        """The points to evaluate next."""

    def tell(self, values: Array) -> object:
        """Take their values, in their order."""


class Foreign:
    """Makes an optimizer of `protocol.Optimizer` of any object with `ask` and `tell`.

    What the object has is used (`fork`, `done`, `reason`, `x`, `value`, `branches`); without `fork` it is
    copied by `copy.deepcopy`, without `done` it stops after `maxiter` batches, without `x` its best point counts.
    `InvalidInput` for an object without `ask` and `tell`, and for points that are no finite array.
    """

    name = "foreign"

    def __init__(self, inner: object, maxiter: int = 200) -> None:
        if not isinstance(inner, AsksAndTells):
            raise InvalidInput(f"A {type(inner).__name__} is no optimizer", "It has no ask() and tell()",
                               "Give the name of an optimizer, or an object with ask() and tell(values)")
        self.name = str(getattr(inner, "name", "") or type(inner).__name__)
        self.inner, self.maxiter = inner, arguments.whole("maxiter", maxiter, 1)
        self._batch: Array | None = None
        self._best: tuple[float, Array] | None = None
        self._told = 0

    def ask(self) -> Array:
        """The batch to evaluate next, shape (k, P); the object itself is asked once for each."""
        if self.done:
            raise InvalidInput(f"{self.name} has stopped", f"its reason: {self.reason}", "Read x and value")
        if self._batch is None:
            points = arguments.array("what ask() returned", self.inner.ask())
            batch = points[None] if points.ndim == 1 else points
            if batch.ndim != 2 or batch.size == 0:
                raise InvalidInput(f"ask() of {self.name} returned points of shape {points.shape}", "",
                                   "Return an array of shape (k, P), or (P,) for one point")
            self._batch = batch
        return self._batch.copy()

    def tell(self, values: ArrayLike) -> None:
        """Take the values (k,) of the batch; `InvalidInput` if not asked, of a wrong length or not finite."""
        told, batch = arguments.array("values", values), self._batch
        if batch is None:
            raise InvalidInput(f"{self.name} was told values it did not ask for", "", "Call ask() before tell()")
        if told.shape != (len(batch),):
            raise InvalidInput(f"{self.name} was told values of shape {told.shape}", "",
                               f"Tell an array of shape ({len(batch)},)")
        self.inner.tell(told.copy())
        best = int(np.argmin(told))
        if self._best is None or told[best] < self._best[0]:
            self._best = float(told[best]), batch[best].copy()
        self._batch, self._told = None, self._told + 1

    def fork(self) -> Self:
        """An independent copy, by its own `fork` if it has one; `InvalidInput` if that returns no other one."""
        own = getattr(self.inner, "fork", None)
        inner = own() if callable(own) else copy.deepcopy(self.inner)
        if inner is self.inner or not isinstance(inner, AsksAndTells):
            what = "the optimizer itself" if inner is self.inner else f"a {type(inner).__name__}"
            raise InvalidInput(f"fork() of {self.name} returns {what}", "It must be an independent copy",
                               "Return copy.deepcopy(self), or leave fork() out")
        twin = copy.copy(self)
        twin.inner = inner
        twin._batch = None if self._batch is None else self._batch.copy()
        return twin

    def branches(self) -> list[Branch]:
        """Those that the object lists, if it does."""
        return list(self.inner.branches()) if isinstance(self.inner, Branching) else []

    def dumps(self) -> bytes:
        """`InvalidInput`: what was dumped could not be loaded on a worker, where its class is not known."""
        raise InvalidInput(f"{self.name} cannot be dumped", "Its class is somebody's own",
                           "Run its steps in the program itself (workers=False)")

    @classmethod
    def loads(cls, blob: bytes) -> Self:
        """`InvalidInput`: only its author knows how it is loaded."""
        raise InvalidInput("The dump of somebody's own optimizer cannot be loaded", "Its class is not known here",
                           "Load it with its own class")

    @property
    def done(self) -> bool:
        """Whether it has stopped, by its own account or after `maxiter` batches."""
        return self._told >= self.maxiter or bool(_read(self.inner, "done", False))

    @property
    def reason(self) -> Stop | None:
        """Why it stopped."""
        if not self.done:
            return None
        return Stop.MAXITER if self._told >= self.maxiter else _stop(_read(self.inner, "reason", None))

    @property
    def iteration(self) -> int:
        """How many batches were told."""
        return self._told

    @property
    def x(self) -> Array:
        """Its own incumbent, or else the best point told; before any was, the first one that a copy asks for."""
        own = _read(self.inner, "x", None)
        if own is not None:
            return arguments.array("x", own)
        return self.fork().ask()[0] if self._best is None else self._best[1].copy()

    @property
    def value(self) -> float | None:
        """Its own value of the incumbent, or else the best value told."""
        own = _read(self.inner, "value", None)
        return float(own) if own is not None else None if self._best is None else self._best[0]


def adopt(given: object, maxiter: int = 200) -> Optimizer:
    """The optimizer itself if it keeps the whole contract, else as a `Foreign`; `InvalidInput` for what is none."""
    if all(hasattr(given, part) for part in WHOLE):
        return cast(Optimizer, given)
    return cast(Optimizer, Foreign(given, maxiter))


def _read(thing: object, name: str, default: Any) -> Any:
    """An attribute, or what a method of this name returns."""
    found = getattr(thing, name, default)
    return found() if callable(found) else found


def _stop(reason: object) -> Stop:
    """The reason that it gives, if it is one of ours; else its own test of convergence."""
    try:
        return Stop(str(reason))
    except ValueError:
        return Stop.TOLERANCE
