"""The smallest driver of an optimizer: asks, evaluates, tells, until it is done."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from qloop.loops.optimizers.protocol import Array, Optimizer, Stop


class Outcome(msgspec.Struct, frozen=True):
    """How a minimization ended: incumbent `x` (P,) and its `value`, iterations, evaluations, and why it stopped."""

    x: Array
    value: float | None
    iterations: int
    evaluations: int
    reason: Stop | None


def drive(optimizer: Optimizer, function: Callable[[Array], Array], *, asks: int | None = None) -> Outcome:
    """Run the optimizer on a function that maps points (k, P) to values (k,), for at most `asks` batches.

    `reason` is None if the optimizer was left unfinished. Errors: those of `tell`; the function's own pass through.
    """
    evaluations = 0
    while not optimizer.done and (asks is None or asks > 0):
        batch = optimizer.ask()
        optimizer.tell(function(batch))
        evaluations += len(batch)
        asks = None if asks is None else asks - 1
    return Outcome(optimizer.x, optimizer.value, optimizer.iteration, evaluations, optimizer.reason)
