"""What all optimizers share: the guard around ask and tell, forking, dumping and loading.

An optimizer is frozen settings (its constructor's arguments) and one state record. It says how to `_absorb` the values
of a batch and what to `_propose` next; the next batch is proposed at once, so `ask` only reads.
"""

from __future__ import annotations

import abc
import copy
from typing import Annotated, ClassVar, Generic, Self, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from qloop.errors import InvalidInput
from qloop.loops.optimizers import arguments, wire
from qloop.loops.optimizers.protocol import Array, Branch, Stop

UNCHANGEABLE = (float, int, str, bytes, type(None))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The constructor's arguments, already checked; immutable, so forks may share them."""

    x0: tuple[float, ...]
    maxiter: int
    seed: int


class Progress(msgspec.Struct, kw_only=True):
    """The state every optimizer has; `batch` is the one to evaluate, `asked` whether it was handed out."""

    x: Array
    value: float | None = None
    iteration: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    batch: Array = msgspec.field(default_factory=lambda: np.empty((0, 0)))
    asked: bool = False
    reason: Stop | None = None


S = TypeVar("S", bound=Settings)
P = TypeVar("P", bound=Progress)


class AskTell(abc.ABC, Generic[S, P]):
    """The contract of `protocol.Optimizer`, with two steps left to the method."""

    name: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    state_type: ClassVar[type[Progress]]

    def __init__(self, settings: S, state: P) -> None:
        self._settings, self._state = settings, state
        self._next()

    @abc.abstractmethod
    def _propose(self) -> Array:
        """The next batch (k, P)."""

    @abc.abstractmethod
    def _absorb(self, batch: Array, values: Array) -> Stop | None:
        """Move the state by the values (k,) of the batch; say whether to stop."""

    def ask(self) -> Array:
        """The batch to evaluate next, shape (k, P); the same until it is told. `InvalidInput` once done."""
        self._refuse_if_done()
        self._state.asked = True
        return self._state.batch.copy()

    def tell(self, values: ArrayLike) -> None:
        """Take the values (k,) of the batch, in its order.

        `InvalidInput`, and no change, if not asked, done, of a wrong length, or not finite.
        """
        self._refuse_if_done()
        if not self._state.asked:
            raise InvalidInput(f"{self.name} was told values it did not ask for", "", "Call ask() before tell()")
        told = arguments.array("values", values)
        k = len(self._state.batch)
        if told.shape != (k,):
            raise InvalidInput(f"{self.name} was told values of shape {told.shape}",
                               f"its batch has {k} point{'s' * (k > 1)}", f"Tell an array of shape ({k},)")
        # Overflow is an answer here, not an accident: it stops the optimizer as diverged.
        with np.errstate(over="ignore", invalid="ignore"):
            self._state.reason = self._absorb(self._state.batch, told)
            self._next()

    def fork(self) -> Self:
        """An independent copy, generator state included; only immutable settings are shared."""
        twin = copy.copy(self)
        twin._state = independent(self._state)
        return twin

    def branches(self) -> list[Branch]:
        """One branch for each batch that may be asked next; empty where the values decide it in other ways."""
        return []

    @property
    def keeps_incumbent(self) -> bool:
        """Whether the value of `x` was told, and values to come are compared with it."""
        return False

    def renew(self, value: float) -> None:
        """Take the value of `x` as it was measured again, in another calibration epoch; the asked batch stays.

        Nothing happens where none is kept. `InvalidInput` if it is no finite number.
        """
        told = arguments.real("value", value)
        if self.keeps_incumbent and not self.done:
            self._renew(told)

    def _renew(self, value: float) -> None:
        """The value of the incumbent is this one now."""
        self._state.value = value

    def dumps(self) -> bytes:
        """The exact state as bytes (MessagePack with float64 bytes, checksummed)."""
        return wire.pack(self.name, self._settings, self._state)

    @classmethod
    def loads(cls, blob: bytes) -> Self:
        """The optimizer that was dumped; it continues bit by bit.

        `InvalidInput` if the bytes are damaged, newer, of another optimizer, or do not fit together.
        """
        dump = wire.unpack(blob)
        if dump.name != cls.name:
            raise InvalidInput(f"This is the dump of {dump.name!r}", f"{cls.name!r} cannot continue it",
                               "Load it with qloop.loops.optimizers.by_name.loads")
        settings = wire.decode(dump.settings, cls.settings_type)
        loaded = cls(**msgspec.structs.asdict(settings))
        loaded._resume(wire.decode(dump.state, cls.state_type))
        return loaded

    @property
    def done(self) -> bool:
        """Whether it has stopped."""
        return self._state.reason is not None

    @property
    def reason(self) -> Stop | None:
        """Why it stopped; None while it has not."""
        return self._state.reason

    @property
    def iteration(self) -> int:
        """How many iterations are complete."""
        return self._state.iteration

    @property
    def x(self) -> Array:
        """The incumbent (P,): the answer if one had to stop now."""
        return self._state.x.copy()

    @property
    def value(self) -> float | None:
        """The best value known for the incumbent; None if unknown."""
        return self._state.value

    def _resume(self, state: Progress) -> None:
        """Take over a loaded state, if its arrays fit and it proposes the very batch that was dumped."""
        for field in state.__struct_fields__:
            old, new = getattr(self._state, field), getattr(state, field)
            if field != "batch" and isinstance(old, np.ndarray) and old.shape != new.shape:
                raise misfit(f"{field} has the shape {new.shape}, not {old.shape}")
        self._state = cast(P, state)
        if state.reason is None and not np.array_equal(self._propose(), state.batch):
            raise misfit("its batch does not follow from its state")

    def _next(self) -> None:
        """Propose the next batch, unless the optimizer stopped or the batch would not be finite."""
        self._state.asked = False
        if self._state.reason is not None:
            return
        batch = self._propose()
        if np.isfinite(batch).all():
            self._state.batch = batch
        else:
            self._state.reason = Stop.DIVERGED

    def _refuse_if_done(self) -> None:
        if self._state.reason is not None:
            raise InvalidInput(f"{self.name} has stopped", f"its reason: {self._state.reason}",
                               "Read x and value, or make a new optimizer that starts at x")


def independent(state: P) -> P:
    """A copy of a state that shares nothing that can be changed: several times as fast as `copy.deepcopy`."""
    twin = copy.copy(state)
    for field in state.__struct_fields__:
        part = getattr(state, field)
        if isinstance(part, np.ndarray):
            setattr(twin, field, part.copy())
        elif not isinstance(part, UNCHANGEABLE):
            setattr(twin, field, copy.deepcopy(part))
    return twin


def misfit(why: str) -> InvalidInput:
    """The error for a dump whose parts contradict each other."""
    return InvalidInput("The dump of an optimizer does not fit together", why,
                        "Pass what dumps() returned, to the same versions of qloop and its libraries")
