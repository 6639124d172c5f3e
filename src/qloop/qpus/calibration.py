"""When an emulated QPU is calibrated, and how old each of its parameters is.

Calibration age is what a calibration resets; it has nothing to do with how long ago a session used the QPU (spec:
efaas 3). A calibration starts a new epoch; it renews gates and readout, never T1 and T2 (spec: efaas 4).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.qpus.protocol import Window
from qloop.qpus.snapshot import Column, Snapshot

_NS = 1e-9


class Ages(msgspec.Struct, frozen=True):
    """Seconds since each parameter was measured: per qubit (n,), or per place of a gate, in the snapshot's order."""

    epoch: int
    t1: NDArray[np.float64]
    t2: NDArray[np.float64]
    readout: NDArray[np.float64]
    gates: dict[str, NDArray[np.float64]]

    def worst(self) -> float:
        """The age in seconds of the oldest parameter."""
        return max(float(ages.max()) for ages in (self.t1, self.t2, self.readout, *self.gates.values()) if ages.size)


class Course(Protocol):
    """When a QPU's calibrations end."""

    def epoch_at(self, now_ns: int) -> int:
        """How many have ended at `now_ns`."""

    def calibrated_ns(self, epoch: int) -> int:
        """When an epoch after the first began."""


class CalibrationPlan(msgspec.Struct, frozen=True):
    """Calibration windows at `first_ns + k * interval_ns`, each `length_ns` long; none if `interval_ns` is 0."""

    first_ns: int
    interval_ns: int
    length_ns: int

    def next_window(self, after_ns: int) -> Window | None:
        """The first window that begins at or after `after_ns`."""
        if not self.interval_ns:
            return None
        k = max(0, -(-(after_ns - self.first_ns) // self.interval_ns))
        return Window(self.first_ns + k * self.interval_ns, self.length_ns)

    def epoch_at(self, now_ns: int) -> int:
        """How many windows have ended at `now_ns`."""
        done = now_ns - self.first_ns - self.length_ns
        return done // self.interval_ns + 1 if self.interval_ns and done >= 0 else 0

    def calibrated_ns(self, epoch: int) -> int:
        """When an epoch after the first began: the end of its window."""
        return self.first_ns + (epoch - 1) * self.interval_ns + self.length_ns


def plan_calibrations(name: str, seed: int, interval_s: float, length_s: float) -> CalibrationPlan:
    """Periodic windows whose offset, uniform over the interval, follows from name and seed.

    So QPUs of one run do not calibrate together. `interval_s` 0 means never. `InvalidInput` for times that are
    negative or not finite, or a window that does not fit between two begins.
    """
    if not (np.isfinite(interval_s) and np.isfinite(length_s) and interval_s >= 0 and 0 <= length_s < 1e9):
        raise InvalidInput(f"A calibration every {interval_s} s of {length_s} s", "both must be finite and >= 0",
                           "Give seconds; an interval of 0 turns calibrations off")
    if interval_s and not 0 < length_s < interval_s:
        raise InvalidInput(f"A calibration of {length_s} s every {interval_s} s", "windows would overlap or be empty",
                           "Give a length between 0 and the interval")
    interval_ns = round(interval_s * 1e9)
    key = hashlib.sha256(f"calibration offset/{name}/{seed}".encode()).digest()
    offset = np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little"))).random()
    return CalibrationPlan(round(offset * interval_ns), interval_ns, round(length_s * 1e9))


def ages(snapshot: Snapshot, plan: Course, now_ns: int) -> Ages:
    """How old each parameter is at `now_ns` of a run that began when the snapshot was taken."""
    epoch = plan.epoch_at(now_ns)
    now_s = now_ns * _NS
    since = (now_ns - plan.calibrated_ns(epoch)) * _NS if epoch else None
    before = _ages_when_taken(snapshot)

    def renewed(column: Column) -> NDArray[np.float64]:
        old = before[np.asarray(column.date, dtype=np.int64)]
        return old + now_s if since is None else np.full(old.shape, since)

    def kept(column: Column) -> NDArray[np.float64]:
        return before[np.asarray(column.date, dtype=np.int64)] + now_s

    qubits = snapshot.qubits
    return Ages(epoch, kept(qubits.t1_ns), kept(qubits.t2_ns), renewed(qubits.readout_error),
                {gate.name: renewed(gate.error) for gate in snapshot.gates})


def _ages_when_taken(snapshot: Snapshot) -> NDArray[np.float64]:
    """The age of each of the snapshot's dates when it was taken; dates filled in later by the provider count as 0."""
    taken = datetime.fromisoformat(snapshot.taken)
    spans: list[float] = [(taken - datetime.fromisoformat(date)).total_seconds() for date in snapshot.dates]
    return np.maximum(0.0, np.asarray(spans, dtype=np.float64))
