"""When a twin is calibrated, where that is not simply every so many seconds: by prediction, by a monitor, by repair.

The course of a QPU's calibrations is made as far as somebody asks, in order, and remembered. It depends on the seed
and the plans alone: a task that makes a window begin later than planned changes nothing here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Protocol

from qloop.model.limits import NEVER
from qloop.qpus.drift.absences import Absences
from qloop.qpus.protocol import Window

LOOK_AHEAD_NS = 31 * 86_400 * 10**9
"""How far ahead a window is looked for: a device that needs no calibration for so long has none planned."""

PATIENCE_NS = 86_400 * 10**9
"""How long a calibration that is due waits for a gap between absences."""

Length = Callable[[int], int]


class Occasion(Protocol):
    """When the next calibration may be, by the provider's rule."""

    def after(self, now_ns: int, since_ns: int | None) -> tuple[int, bool]:
        """The next time at or after `now_ns` to decide, and whether it is wanted then; NEVER: not any more."""


class Timeline:
    """Windows and epochs of one twin. `length(k)` is the k-th window's length in ns. Not for several threads at once.

    No window begins while the QPU is away: it waits until the QPU is back, a day at most. Maintenance and
    failures end with a calibration, which begins an epoch as a window does.
    """

    def __init__(self, occasion: Occasion, length: Length, absences: Absences) -> None:
        self._occasion, self._length, self._absences = occasion, length, absences
        self._windows: list[Window] = []
        self._begins: list[int] = []
        self._calibrated: list[int] = []
        self._now = 0

    def next_window(self, after_ns: int) -> Window | None:
        """The first window that begins at or after a time; None if there is none within 31 days."""
        while (not self._begins or self._begins[-1] < after_ns) and self._now <= after_ns + LOOK_AHEAD_NS:
            self._go_on()
        at = bisect_left(self._begins, after_ns)
        return self._windows[at] if at < len(self._windows) else None

    def epoch_at(self, now_ns: int) -> int:
        """How many calibrations have ended at a time."""
        while self._now <= now_ns:
            self._go_on()
        return bisect_right(self._calibrated, now_ns)

    def calibrated_ns(self, epoch: int) -> int:
        """When an epoch after the first began."""
        return self._calibrated[epoch - 1]

    def length_ns(self, epoch: int) -> int:
        """How long the calibration lasts that ends this epoch."""
        return self._length(epoch)

    def calibrated(self, end_ns: int) -> None:
        """A calibration that was not planned here ends at this time, which may be one to come."""
        insort(self._calibrated, end_ns)

    def _go_on(self) -> None:
        """Decide what comes next: a calibration, the end of a repair, or nothing at this occasion."""
        since = self._calibrated[-1] if self._calibrated else None
        at, wanted = self._occasion.after(self._now, since)
        repair = self._absences.next_repair(self._now)
        length = self._length(len(self._windows))
        begin = self._free(at, length, NEVER if repair is None else repair.begin_ns) if wanted else at
        if repair is not None and repair.begin_ns < min(NEVER, begin + length):
            self._renewed(repair.end_ns)
        elif begin >= NEVER:
            self._now = NEVER
        elif not wanted:
            self._now = begin + 1
        else:
            self._windows.append(Window(begin, length))
            self._begins.append(begin)
            self._renewed(begin + length)

    def _free(self, due: int, length: int, repair_ns: int) -> int:
        """The first time from `due` on at which a window of that length meets no absence; after a day at any rate.

        The search ends at the next repair, which makes up for a calibration.
        """
        begin = due
        while begin < min(NEVER, due + PATIENCE_NS) and begin + length <= repair_ns:
            absence = self._absences.next_absence(begin)
            if absence is None or absence.begin_ns >= begin + length:
                return begin
            begin = absence.end_ns
        return begin

    def _renewed(self, end_ns: int) -> None:
        self._now = end_ns
        if end_ns < NEVER:
            insort(self._calibrated, end_ns)    # a resumed run told later ones already


class Regularly:
    """At `first_ns + k * interval_ns`; never if `interval_ns` is 0."""

    def __init__(self, first_ns: int, interval_ns: int) -> None:
        self.first_ns, self.interval_ns = first_ns, interval_ns

    def after(self, now_ns: int, since_ns: int | None) -> tuple[int, bool]:
        """The next of these times."""
        if not self.interval_ns:
            return NEVER, False
        k = max(0, -(-(now_ns - self.first_ns) // self.interval_ns))
        return self.first_ns + k * self.interval_ns, True


class Predicted:
    """When the loss that is predicted by age exceeds a bound: `first_ns` in the first epoch, `age_ns` after others."""

    def __init__(self, first_ns: int, age_ns: int) -> None:
        self.first_ns, self.age_ns = first_ns, age_ns

    def after(self, now_ns: int, since_ns: int | None) -> tuple[int, bool]:
        """That time, or now if it is over."""
        due = self.first_ns if since_ns is None else min(NEVER, since_ns + self.age_ns)
        return max(now_ns, due), due < NEVER


class Watched:
    """At those of the monitor's looks (as `Regularly`) at which the measured loss exceeds `above`."""

    def __init__(self, looks: Regularly, loss: Callable[[int | None, int], float], above: float) -> None:
        self._looks, self._loss, self._above = looks, loss, above

    def after(self, now_ns: int, since_ns: int | None) -> tuple[int, bool]:
        """The next look, and what it says."""
        look, some = self._looks.after(now_ns, since_ns)
        return look, some and self._loss(since_ns, look) > self._above


class Asked:
    """Whenever somebody else says so: nothing is planned."""

    def after(self, now_ns: int, since_ns: int | None) -> tuple[int, bool]:
        """Never."""
        return NEVER, False
