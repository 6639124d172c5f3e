"""What can happen to the engine: a closed union. Times are ns since the run's start and come beside the event."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from qloop.model.states import Outcome


class TenantSet(msgspec.Struct, frozen=True, tag=True):
    """A tenant exists with this weight (> 0), from now on."""

    tenant: str
    weight: float = 1.0


class SessionOpened(msgspec.Struct, frozen=True, tag=True):
    """A tenant wishes a session. TTLs in ns; 0 takes the limits' defaults."""

    session: str
    tenant: str
    weight: float = 1.0
    interactive_ttl_ns: int = 0
    max_ttl_ns: int = 0


class SessionClosing(msgspec.Struct, frozen=True, tag=True):
    """No further tasks; what was accepted is finished (drain)."""

    session: str


class SessionCancelled(msgspec.Struct, frozen=True, tag=True):
    """Drop the session and all its tasks."""

    session: str
    reason: str = "cancelled by its owner"


class SessionConverged(msgspec.Struct, frozen=True, tag=True):
    """The loop says that it has converged: its further tasks are NORMAL. `converged=False`: a new loop began."""

    session: str
    converged: bool = True


class QuantumSubmitted(msgspec.Struct, frozen=True, tag=True):
    """A quantum task: `width` qubits, predicted `estimate_s` on a QPU, `cpu_s` of the classical step before it."""

    task: str
    session: str
    width: int
    shots: int = 0
    estimate_s: float = 0.0
    cpu_s: float = 0.0
    weight: float = 1.0
    pin: str = ""
    iteration: int = 0
    after: tuple[str, ...] = ()


class ClassicalSubmitted(msgspec.Struct, frozen=True, tag=True):
    """A classical task: `cores` slots of one worker, in an environment that a worker may already have warm."""

    task: str
    session: str
    cores: int = 1
    estimate_s: float = 0.0
    environment: str = ""
    iteration: int = 0
    after: tuple[str, ...] = ()


class TaskCancelled(msgspec.Struct, frozen=True, tag=True):
    """Drop one task."""

    task: str
    reason: str = "cancelled by its owner"


class QuantumEnded(msgspec.Struct, frozen=True, tag=True):
    """An attempt left its QPU after `measured_ns`."""

    task: str
    attempt: int
    qpu: str
    outcome: Outcome = Outcome.OK
    measured_ns: int = 0
    reason: str = ""


class ClassicalEnded(msgspec.Struct, frozen=True, tag=True):
    """An attempt left its worker after `measured_ns`."""

    task: str
    attempt: int
    worker: str
    outcome: Outcome = Outcome.OK
    measured_ns: int = 0
    reason: str = ""


class QpuJoined(msgspec.Struct, frozen=True, tag=True):
    """A QPU is online (again). `window_at_ns` NEVER: no calibration window; `cold_s`: set-up of a first shot."""

    qpu: str
    qubits: int
    cold_s: float = 0.0
    epoch: int = 0
    window_at_ns: int = 2**62
    window_gap_ns: int = 2**62


class QpuLeft(msgspec.Struct, frozen=True, tag=True):
    """A QPU is offline; what it ran is lost. It is expected back at `back_ns`; 2**62: nobody knows when."""

    qpu: str
    reason: str = ""
    back_ns: int = 2**62


class QpuPaused(msgspec.Struct, frozen=True, tag=True):
    """The operator's wish: no new task; what runs is finished, what waits is bound elsewhere if it can be."""

    qpu: str
    reason: str = ""


class QpuResumed(msgspec.Struct, frozen=True, tag=True):
    """The operator's wish: the QPU, paused or drained, takes tasks again."""

    qpu: str


class QpuDrained(msgspec.Struct, frozen=True, tag=True):
    """The operator's wish: as `QpuPaused`, and a `QpuEmpty` as soon as nothing runs there."""

    qpu: str
    reason: str = ""


class QpuRetired(msgspec.Struct, frozen=True, tag=True):
    """The operator's wish: as `QpuDrained`, and then the QPU is gone for good."""

    qpu: str
    reason: str = ""


class CalibrationDue(msgspec.Struct, frozen=True, tag=True):
    """A calibration window of `length_ns` is to begin, as soon as the QPU is free."""

    qpu: str
    length_ns: int


class CalibrationEnded(msgspec.Struct, frozen=True, tag=True):
    """The QPU is calibrated: a new epoch, and the next window."""

    qpu: str
    epoch: int
    window_at_ns: int = 2**62


class WorkerJoined(msgspec.Struct, frozen=True, tag=True):
    """A worker of a pilot offers `cores` slots and has these environments warm."""

    worker: str
    cores: int = 1
    environments: tuple[str, ...] = ()


class WorkerLeft(msgspec.Struct, frozen=True, tag=True):
    """A worker is gone; what it ran is lost."""

    worker: str
    reason: str = ""


class Tick(msgspec.Struct, frozen=True, tag=True):
    """Time has passed: the answer to a WakeAt."""


Event: TypeAlias = (
    QuantumEnded | QuantumSubmitted | ClassicalEnded | ClassicalSubmitted | Tick | TaskCancelled
    | SessionOpened | SessionClosing | SessionCancelled | SessionConverged | TenantSet
    | QpuJoined | QpuLeft | CalibrationDue | CalibrationEnded | WorkerJoined | WorkerLeft
    | QpuPaused | QpuResumed | QpuDrained | QpuRetired
)
