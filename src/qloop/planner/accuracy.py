"""The planner's accuracy on this machine, as a document: by the clock on the wall, and by the processor's."""

from __future__ import annotations

import msgspec
import numpy as np

from qloop.planner.judging import Judged, Verdict, leave_one_size_out
from qloop.planner.machine import Machine, now, this_machine
from qloop.planner.measurements import Measurements
from qloop.planner.measuring import Clock

TARGET_MEAN, TARGET_RIGHT = 90.0, 95.0


class Figures(msgspec.Struct, frozen=True):
    """The figures by one clock, in per cent: mean and median accuracy, and how often cut or not was right, with and
    without `ties`."""

    configurations: int
    mean: float
    median: float
    right: float
    right_but_ties: float
    ties: int
    judged: tuple[Judged, ...]

    @property
    def met(self) -> bool:
        """Whether both targets are met."""
        return self.mean >= TARGET_MEAN and self.right >= TARGET_RIGHT


class Report(msgspec.Struct, frozen=True):
    """What was measured, where, and how well it was foretold.

    `wall` judges all configurations, `cpu` those on one worker by the processor's time. `load` is the machine's mean
    load, `worst_error` the largest difference between the values of a whole circuit and of its parts.
    """

    machine: Machine
    date: str
    load: float
    worst_error: float
    wall: Figures
    cpu: Figures


def report(measured: Measurements) -> Report:
    """Leave-one-size-out, by both clocks."""
    rows = measured.configurations
    return Report(this_machine(), now(), float(np.mean([one.load for one in rows])),
                  max(abs(one.whole.value - one.cut.value) for one in rows), _figures(measured, "wall"),
                  _figures(measured, "cpu"))


def _figures(measured: Measurements, clock: Clock) -> Figures:
    verdict: Verdict = leave_one_size_out(measured.configurations, measured.probes, clock)
    return Figures(len(verdict.judged), verdict.mean, verdict.median, verdict.right, verdict.right_but_ties,
                   sum(one.tie for one in verdict.judged), verdict.judged)
