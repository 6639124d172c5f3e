"""What can happen to the engine: a closed union. Times are ns since the run's start and come beside the event."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from qloop.model.pilot_events import PilotFailed as PilotFailed
from qloop.model.pilot_events import PilotSet as PilotSet
from qloop.model.pilot_events import WorkerJoined as WorkerJoined
from qloop.model.pilot_events import WorkerLeft as WorkerLeft
from qloop.model.states import Outcome


class TenantSet(msgspec.Struct, frozen=True, tag=True):
    """A tenant exists with these terms from now on: its weight (> 0), and what it may use in a window of `window_s`.

    Quotas are QPU seconds and CPU seconds (inf: none). Once one is exhausted the weight is multiplied with `lowered`
    until the window ends; 0: further tasks are refused until then.
    """

    tenant: str
    weight: float = 1.0
    qpu_quota_s: float = float("inf")
    cpu_quota_s: float = float("inf")
    window_s: float = 86_400.0
    lowered: float = 0.0


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


class StructureProfiled(msgspec.Struct, frozen=True, tag=True):
    """What the circuits of a structure cost on a QPU in its present epoch; `unfit`: why they cannot run there at all.

    `loss` is -ln ESP by the calibration (nats, -1: unknown), of parameters that were `stale_s` old then (their mean,
    weighted by the loss). Seconds: `compile_s` (0 once compiled), `bind_s`, `load_s` where its waveforms are not
    loaded, `mitigation_s` to measure once in an epoch what error mitigation needs.
    """

    structure: str
    qpu: str
    loss: float = -1.0
    stale_s: float = 0.0
    compile_s: float = 0.0
    bind_s: float = 0.0
    load_s: float = 0.0
    mitigation_s: float = 0.0
    unfit: str = ""


class QuantumSubmitted(msgspec.Struct, frozen=True, tag=True):
    """A quantum task: `width` qubits, predicted `estimate_s` on a QPU, `cpu_s` of the classical step before it.

    `structure` names its circuit with symbolic parameters, of which a `StructureProfiled` may tell; "": nothing does.
    `speculative`: nobody knows yet whether its values will be wanted, so it runs only where no other task would.
    """

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
    structure: str = ""
    speculative: bool = False


class QuantumCommitted(msgspec.Struct, frozen=True, tag=True):
    """A speculative task of the session is wanted now: from here on it is a task like others, if it has not ended.

    `cpu_s`: seconds of a core that the classical step takes for which it is wanted.
    """

    task: str
    session: str
    cpu_s: float = 0.0


class ClassicalSubmitted(msgspec.Struct, frozen=True, tag=True):
    """A classical task, in an environment that a worker may already have warm.

    It takes `cores`, `memory_bytes` and `gpus` of one node, for `ranks` processes. `pilot`: the only one that may run
    it ("": any).
    """

    task: str
    session: str
    cores: int = 1
    estimate_s: float = 0.0
    environment: str = ""
    iteration: int = 0
    after: tuple[str, ...] = ()
    memory_bytes: int = 0
    gpus: int = 0
    ranks: int = 1
    pilot: str = ""


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


class ChunkEnded(msgspec.Struct, frozen=True, tag=True):
    """An attempt has come to the end of a chunk of its shots, `measured_ns` after it was started or continued.

    The answer is a YieldQuantum, or none: then it goes on without a break.
    """

    task: str
    attempt: int
    qpu: str
    measured_ns: int = 0


class ClassicalEnded(msgspec.Struct, frozen=True, tag=True):
    """An attempt left its worker after `measured_ns`."""

    task: str
    attempt: int
    worker: str
    outcome: Outcome = Outcome.OK
    measured_ns: int = 0
    reason: str = ""


class QpuJoined(msgspec.Struct, frozen=True, tag=True):
    """A QPU is online (again). `window_at_ns` NEVER: no calibration window; `cold_s`: set-up of a first shot.

    It was calibrated at `calibrated_ns` (negative: before the run); since then ln(gate error) is expected to wander
    with the stationary standard deviation `drift_sd` and relaxation time `drift_relax_s`, and to grow by `aging_per_h`;
    `idle_share` of a loss is decay in idle time (policies/drift.py). Once a reference circuit, which lost
    `reference_loss` nats then, is expected to lose more than `recalibrate_above` beyond that, a calibration of
    `window_length_ns` is due (policies/recalibrate.py).
    """

    qpu: str
    qubits: int
    cold_s: float = 0.0
    epoch: int = 0
    window_at_ns: int = 2**62
    window_gap_ns: int = 2**62
    window_length_ns: int = 0
    calibrated_ns: int = 0
    aging_per_h: float = 0.0
    drift_sd: float = 0.0
    drift_relax_s: float = 1.0
    idle_share: float = 0.0
    recalibrate_above: float = float("inf")
    reference_loss: float = 0.0


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
    window_length_ns: int = 0


class Tick(msgspec.Struct, frozen=True, tag=True):
    """Time has passed: the answer to a WakeAt."""


Event: TypeAlias = (
    QuantumEnded | ChunkEnded | QuantumSubmitted | QuantumCommitted | ClassicalEnded | ClassicalSubmitted | Tick
    | TaskCancelled | SessionOpened | SessionClosing | SessionCancelled | SessionConverged | TenantSet
    | StructureProfiled | QpuJoined | QpuLeft | CalibrationDue | CalibrationEnded | WorkerJoined | WorkerLeft
    | PilotSet | PilotFailed | QpuPaused | QpuResumed | QpuDrained | QpuRetired
)
