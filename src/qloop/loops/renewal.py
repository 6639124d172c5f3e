"""Measuring a loop's incumbent again when its values come from another calibration epoch than before.

Energies of two epochs cannot be compared. An optimizer that keeps the value of its incumbent compares new values with
it; measured again, the incumbent has a value of the same epoch and QPU. It is an evaluation like others: paid for,
journaled, and, since the journal knows epochs, done or left out alike when a loop is resumed.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from qloop.loops.optimizers.protocol import Optimizer
from qloop.runtime.client import Outcome


@runtime_checkable
class Renewable(Protocol):
    """What an optimizer offers besides, if it can be told its incumbent's value anew."""

    @property
    def keeps_incumbent(self) -> bool:
        """Whether the value of `x` was told, and values to come are compared with it."""

    def renew(self, value: float) -> None:
        """The value of `x` as it was measured again takes the place of the old one; an asked batch stays as it is."""


class Renewal:
    """When the incumbent of one loop is measured again; `wanted` False: never."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self._place: tuple[str, int] | None = None
        self._owed = False      # the last renewal came from elsewhere: the next values ask for another
        self._value: float | None = None
        self._again: Outcome | None = None

    def is_due(self, optimizer: Optimizer, outcome: Outcome) -> bool:
        """Whether these values, which are not told yet, come from another epoch or QPU than the incumbent's value."""
        before, self._place = self._place, (outcome.qpu, outcome.epoch)
        changed = before is not None and before != self._place
        due = self.wanted and (changed or self._owed)
        return due and isinstance(optimizer, Renewable) and optimizer.keeps_incumbent

    def take(self, optimizer: Optimizer, again: Outcome) -> None:
        """Give the optimizer the value; one that was measured elsewhere than the values that wait is only paid for.

        In that case the incumbent is due again with the next values.
        """
        self._again = again
        self._owed = (again.qpu, again.epoch) != self._place
        if not self._owed and isinstance(optimizer, Renewable):
            self._value = float(again.values[0])
            optimizer.renew(self._value)

    def collect(self) -> tuple[float | None, Outcome | None]:
        """The value that was taken since this was last asked, and what was bought for it."""
        found, self._value, self._again = (self._value, self._again), None, None
        return found
