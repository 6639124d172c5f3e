"""The classical steps of a loop with their times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qloop.loops.stepper import Stepper, Told

Values = NDArray[np.float64]


class TimedSteps:
    """A stepper that keeps the seconds of each step in order; it steps as the one inside does."""

    def __init__(self, inner: Stepper, now_s: Callable[[], float]) -> None:
        self.optimizer = inner.optimizer
        self.seconds: list[float] = []
        self._inner, self._now_s = inner, now_s

    def tell(self, values: Values, iteration: int) -> None:
        """Take the values of the last batch."""
        begun = self._now_s()
        self._inner.tell(values, iteration)
        self._ended(begun)

    def tell_later(self, values: Values, iteration: int, think_s: float, told: Told) -> None:
        """The same by events."""
        begun = self._now_s()

        def over(error: BaseException | None) -> None:
            self._ended(begun)
            told(error)

        self._inner.tell_later(values, iteration, think_s, over)

    def _ended(self, begun: float) -> None:
        self.optimizer = self._inner.optimizer
        self.seconds.append(self._now_s() - begun)
