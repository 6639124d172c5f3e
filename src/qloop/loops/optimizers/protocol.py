"""What every optimizer of a loop offers: ask for points, tell their values, fork, dump, load.

Rules of the contract:

1. `ask` gives the batch to evaluate next; asked again without a `tell`, it gives the same batch.
2. `tell` takes the values in the order of the batch. A refused `tell` changes nothing.
3. The future is a function of the constructor's arguments and the values told (and of an incumbent's value that was
   told anew, where the optimizer has `renew`): no clock, no global generator.
   So a fork, a dump that was loaded and a replay all continue bit by bit like the original.
4. Once `done` there is no further batch, and `reason` says why.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Protocol, Self, TypeAlias, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class Stop(enum.StrEnum):
    """Why an optimizer stopped."""

    MAXITER = "maxiter"
    """The allowed number of iterations is used up."""
    TOLERANCE = "tolerance"
    """The method's own test of convergence holds (NM: xatol and fatol, Adam: gtol, CMA-ES: tolx or tolfun)."""
    STAGNATION = "stagnation"
    """No further progress is expected: the values are flat or did not improve for long (CMA-ES)."""
    ILL_CONDITIONED = "ill_conditioned"
    """The search distribution left what double precision can represent (CMA-ES)."""
    DIVERGED = "diverged"
    """The next point would not be finite, or steps grew beyond reason; `x` is the last finite incumbent."""


class Optimizer(Protocol):
    """A minimizer of a function of P parameters that never calls the function itself."""

    name: ClassVar[str]

    def ask(self) -> Array:
        """The batch to evaluate next, shape (k, P), k >= 1; `InvalidInput` once done."""

    def tell(self, values: Array) -> None:
        """Take the values (k,) of the batch; `InvalidInput` if not asked, of a wrong length or not finite."""

    def fork(self) -> Self:
        """An independent copy, generator state included: what one is told never reaches the other."""

    def dumps(self) -> bytes:
        """The exact state; what `loads` makes of it continues bit by bit."""

    @classmethod
    def loads(cls, blob: bytes) -> Self:
        """The optimizer that was dumped; `InvalidInput` if the bytes are damaged, foreign or newer."""

    @property
    def done(self) -> bool:
        """Whether it has stopped."""

    @property
    def reason(self) -> Stop | None:
        """Why it stopped; None while it has not."""

    @property
    def iteration(self) -> int:
        """How many iterations are complete; start-up asks (initial simplex, calibration) are not iterations."""

    @property
    def x(self) -> Array:
        """The incumbent (P,): the answer if one had to stop now."""

    @property
    def value(self) -> float | None:
        """The best value known for the incumbent; each optimizer says if it is told or estimated; None if unknown."""


class Branch(msgspec.Struct, frozen=True, eq=False):
    """Values (k,) of the asked batch that stand for all values after which the same batch is asked next.

    `weight` is how often that was so, in proportion to the other branches.
    """

    values: Array
    weight: float = 1.0


@runtime_checkable
class Branching(Protocol):
    """What an optimizer offers besides, if what it asks next depends on few decisions: so it can be asked ahead."""

    def branches(self) -> list[Branch]:
        """One branch for each batch that may be asked next; empty if that is more than can be listed, or the end."""
