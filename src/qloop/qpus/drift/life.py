"""A twin's life: its drift, its calibrations and its absences, put together from what was wished for."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import NEVER
from qloop.qpus.calibration import CalibrationPlan, ages, plan_calibrations
from qloop.qpus.drift.absences import Absences, Plan
from qloop.qpus.drift.drifting import MAX_RUN_S, Drifting, DriftState, check_time
from qloop.qpus.drift.model import Drift, drift_of
from qloop.qpus.drift.monitor import Monitor, reference
from qloop.qpus.drift.parameters import parameters_of
from qloop.qpus.drift.streams import Stream
from qloop.qpus.drift.timeline import Asked, Occasion, Predicted, Regularly, Timeline, Watched
from qloop.qpus.forecast import Forecast, forecast_of
from qloop.qpus.protocol import Absence, Window
from qloop.qpus.snapshot import Snapshot
from qloop.qpus.twin_options import is_number

SCHEDULER = "scheduler"
RULES = ("interval", "predicted", "monitor", SCHEDULER)
RECALIBRATE_ABOVE = 0.05
"""The predicted loss of ESP that a provider does not bear (spec: efaas 4)."""

LEAST_INTERVAL_S = 1.0
LEAST_AGE_S = 60.0
"""Seconds between two looks of a monitor, or after a calibration until a loss is predicted, at least."""


class LifePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a twin.

    `drift`: a profile's name or a `Drift`. `maintenance`, `outside` (other users) and `failures`: pairs of seconds
    (from, to; inf: for good), or an `Every`, or an `OutsideUse`. `recalibrate`: every `interval_s` ("interval"), when
    the loss of a reference circuit that is predicted by age exceeds `above` ("predicted"), or when a look at the
    device every `interval_s` finds that it does ("monitor"), or as the run's scheduler decides by the same prediction
    ("scheduler"). `length_s`: of a calibration, or the least and the most.
    """

    drift: str | Drift = "none"
    maintenance: Plan = ()
    outside: Plan = ()
    failures: Plan = ()
    recalibrate: str = "interval"
    above: float = RECALIBRATE_ABOVE
    interval_s: float = 3600.0
    length_s: float | tuple[float, float] = 120.0


class Life:
    """The life of one twin, which follows from snapshot, seed, name and plan; may be read by several threads."""

    def __init__(self, snapshot: Snapshot, seed: int, name: str, plan: LifePlan) -> None:
        self.source = (snapshot, seed, name, plan)
        self._set_up()

    def _set_up(self) -> None:
        snapshot, seed, name, plan = self.source
        self._lock = threading.RLock()
        self.drift = drift_of(plan.drift)
        self.absences = Absences(plan.maintenance, plan.outside, plan.failures, seed, name)
        low, high = lengths_of(plan.length_s)
        self._plan = plan_calibrations(name, seed, interval_of(plan.interval_s), high)
        self._drifting: Drifting | None = None
        if self.drift.on:
            frozen = CalibrationPlan(0, 0, 0)
            known = parameters_of(snapshot, ages(snapshot, frozen, 0))
            self._drifting = Drifting(self.drift, known, seed, name)
        self._timeline = self._make_timeline(low, high)

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self.source}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.source = state["source"]
        self._set_up()

    @property
    def drifting(self) -> Drifting | None:
        """The drift; None if the noise is frozen."""
        return self._drifting

    def next_window(self, after_ns: int) -> Window | None:
        """The first calibration window that begins at or after a time."""
        if self._timeline is None:
            return self._plan.next_window(after_ns)
        with self._lock:
            return self._timeline.next_window(after_ns)

    def epoch_at(self, now_ns: int) -> int:
        """How many calibrations have ended at a time."""
        if self._timeline is None:
            return self._plan.epoch_at(now_ns)
        with self._lock:
            return self._timeline.epoch_at(now_ns)

    def calibrated_ns(self, epoch: int) -> int:
        """When an epoch after the first began; it must have begun at a time that was asked for."""
        return (self._timeline or self._plan).calibrated_ns(epoch)

    @property
    def by_scheduler(self) -> bool:
        """Whether the run's scheduler says when it is calibrated."""
        return self.source[3].recalibrate == SCHEDULER

    def calibrated(self, now_ns: int) -> None:
        """A calibration that the scheduler wished ends now."""
        assert self._timeline is not None
        with self._lock:
            self._timeline.calibrated(now_ns)

    def forecast(self, epoch: int) -> Forecast:
        """When the epoch's calibration was, how errors are expected to grow since, and what is borne of that."""
        made = forecast_of(self.drift, self.calibrated_ns(epoch) if epoch else 0)
        if not self.by_scheduler or self._drifting is None or self._timeline is None:
            return made
        snapshot, _, _, plan = self.source
        loss = float(reference(snapshot, self._drifting.parameters).sum())
        return msgspec.structs.replace(made, recalibrate_above=-math.log1p(-plan.above), reference_loss=loss,
                                       length_ns=self._timeline.length_ns(epoch))

    def next_absence(self, after_ns: int) -> Absence | None:
        """The absence that a time falls into, or else the first one after it."""
        with self._lock:
            return self.absences.next_absence(after_ns)

    def state_at(self, now_ns: int) -> DriftState | None:
        """How the parameters are at a time; None if the noise is frozen."""
        if self._drifting is None:
            return None
        check_time(now_ns)
        with self._lock:
            epoch = self.epoch_at(now_ns)
            return self._drifting.at(self.calibrated_ns(epoch) if epoch else None, now_ns)

    def _make_timeline(self, low: float, high: float) -> Timeline | None:
        """The course of calibrations, where it is not simply that of the windows by the clock."""
        _, seed, name, plan = self.source
        occasion = self._occasion()
        if plan.recalibrate == "interval" and low == high and not self.absences.any:
            return None
        stream = Stream(seed, name, "calibration lengths")

        def length(k: int) -> int:
            drawn = float(stream.uniforms(k, 1, 1)[0, 0]) if low < high else 0.0
            return round((low + drawn * (high - low)) * 1e9)

        return Timeline(occasion, length, self.absences)

    def _occasion(self) -> Occasion:
        """The provider's rule; `InvalidInput` for one that needs a drift where there is none."""
        snapshot, _, _, plan = self.source
        if plan.recalibrate not in RULES:
            raise UnknownName("rule for calibrations", plan.recalibrate, RULES)
        if not (is_number(plan.above) and 0.0 < plan.above < 1.0):
            raise InvalidInput(f"A loss above {plan.above!r:.40} is to be mended", "It is a part of the ESP",
                               "Give a number between 0 and 1")
        regularly = Regularly(self._plan.first_ns, self._plan.interval_ns)
        if plan.recalibrate == "interval":
            return regularly
        if self._drifting is None:
            raise InvalidInput(f"Calibrations by {plan.recalibrate!r} need a drift", "The noise is frozen",
                               "Give drift='x1', or recalibrate='interval'")
        if plan.recalibrate == SCHEDULER:
            return Asked()
        if plan.recalibrate == "predicted":
            return self._predicted(Monitor(snapshot, self._drifting), plan.above)
        if not self._plan.interval_ns:
            raise InvalidInput("A monitor that never looks finds nothing", "The interval is 0",
                               "Give the seconds between two looks, about 3600")
        if self._plan.interval_ns < LEAST_AGE_S * 1e9:
            raise InvalidInput(f"A monitor looks every {plan.interval_s:g} s", "The drift has a grid of a minute",
                               f"Give {LEAST_AGE_S:g} s at least between two looks, about 3600")
        return self._watched(regularly, Monitor(snapshot, self._drifting), plan.above)

    def _watched(self, looks: Regularly, monitor: Monitor, above: float) -> Occasion:
        drifting = self._drifting
        assert drifting is not None
        return Watched(looks, lambda since, now: monitor.loss(drifting.at(since, now)), above)

    def _predicted(self, monitor: Monitor, above: float) -> Occasion:
        assert self._drifting is not None
        old = self._drifting.ages(None, 0)
        first, age = (monitor.due_s(ages_s, above) for ages_s in (old, old * 0.0))
        if age < LEAST_AGE_S:
            raise InvalidInput(f"A loss above {above} is predicted {age:g} s after a calibration",
                               "The device would be calibrated all the time",
                               "Bear a larger loss, or let the device drift less")
        return Predicted(*(NEVER if math.isinf(t) else round(t * 1e9) for t in (first, age)))


def interval_of(wish: object) -> float:
    """The seconds between the begins of two calibrations, or 0 for none; `InvalidInput`."""
    if not (is_number(wish) and wish >= 0.0):
        raise InvalidInput(f"A calibration every {wish!r:.40} s", "both must be finite and >= 0",
                           "Give seconds; an interval of 0 turns calibrations off")
    if wish and not LEAST_INTERVAL_S <= wish <= MAX_RUN_S:
        raise InvalidInput(f"A calibration every {wish:g} s", "No device is calibrated so often, or so seldom",
                           f"Give seconds from {LEAST_INTERVAL_S:g} to {MAX_RUN_S:g}, or 0 for none")
    return wish


def lengths_of(wish: float | tuple[float, float]) -> tuple[float, float]:
    """The least and the most seconds that a calibration takes."""
    pair = tuple(wish) if isinstance(wish, Sequence) and not isinstance(wish, str) else (wish, wish)
    if len(pair) != 2 or not all(map(is_number, pair)) or pair[0] > pair[1]:
        raise InvalidInput(f"A calibration takes {wish!r:.40} s", "It is neither a number nor a range",
                           "Give seconds, or the least and the most, such as (30, 300)")
    if pair[0] < pair[1] and pair[0] <= 0.0:
        raise InvalidInput(f"A calibration takes {pair[0]:g} s at least", "It would be empty",
                           "Give more than 0 s")
    return float(pair[0]), float(pair[1])
