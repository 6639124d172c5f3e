"""A run's clock: nanoseconds since its start, real, scaled, or virtual."""

from __future__ import annotations

import math
import time

import numpy as np

from qloop.errors import InvalidInput, UnknownName


class Clock:
    """Real time since the run's start, `scale` times as fast as the wall's.

    A twin's emulated duration of `d` ns takes `d / scale` ns of real time.
    """

    virtual = False

    def __init__(self, scale: float = 1.0) -> None:
        if not (math.isfinite(scale) and scale > 0.0):
            raise InvalidInput(f"A clock cannot run {scale!r} times as fast as real time", "",
                               "Give a finite scale above 0")
        self.scale = scale
        self._start, self._before = time.monotonic_ns(), 0

    @property
    def name(self) -> str:
        """How reports call it: `real` or `scaled 60x`."""
        return "real" if self.scale == 1.0 else f"scaled {np.format_float_positional(self.scale, trim='-')}x"

    def now(self) -> int:
        """Nanoseconds since the run's start."""
        passed = time.monotonic_ns() - self._start
        return self._before + (passed if self.scale == 1.0 else int(passed * self.scale))

    def go_on_from(self, now_ns: int) -> None:
        """It is this time of the run now: an earlier life of it ended then, and time stood still since."""
        self._start, self._before = time.monotonic_ns(), now_ns

    def real_seconds(self, duration_ns: int) -> float:
        """How long `duration_ns` of this clock last on the wall."""
        return duration_ns * 1e-9 / self.scale


class VirtualClock(Clock):
    """Time that stands still until the next thing happens, and then is there at once."""

    virtual = True

    def __init__(self) -> None:
        super().__init__()
        self._now = 0

    @property
    def name(self) -> str:
        """How reports call it."""
        return "virtual"

    def now(self) -> int:
        """Nanoseconds since the run's start."""
        return self._now

    def real_seconds(self, duration_ns: int) -> float:
        """Virtual time takes none."""
        return 0.0

    def go_on_from(self, now_ns: int) -> None:
        """It is this time of the run now."""
        self._now = now_ns

    def advance(self, to_ns: int) -> None:
        """Go on to `to_ns`; time never goes back."""
        self._now = max(self._now, to_ns)


def make_clock(wish: str | float) -> Clock:
    """The clock called `real` or `virtual`, or, for a number, one that runs so many times as fast as the wall's."""
    if isinstance(wish, int | float) and not isinstance(wish, bool):
        return Clock(float(wish))
    if wish == "real":
        return Clock()
    if wish == "virtual":
        return VirtualClock()
    raise UnknownName("clock", wish, ("real", "virtual", "a number (times real speed)"))
