"""The events of a run: one closed union for live and simulated runs alike.

Rules of the schema. `t` is int64 nanoseconds since the run's start; `seq` numbers the events in the order of their
recording and breaks ties of `t`. A number that is not finite is written as null. Task events name session,
iteration (k, from 0) and quantum task, so that a line of a file can be understood alone. Fields at their default
are not written. A new kind raises `FORMAT_VERSION`; a new field that has a default does not, as older readers skip it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from qloop.trace.event import Event, TaskEvent
from qloop.trace.platform_events import (
    CalibrationBegin,
    CalibrationEnd,
    OperatorWish,
    Profiled,
    QpuOffline,
    QpuOnline,
    QpuReleased,
    QpuReserved,
    TenantTerms,
)

__all__ = [
    "FORMAT_VERSION",
    "AnyEvent",
    "CalibrationBegin",
    "CalibrationEnd",
    "ChunkEnd",
    "CloseReason",
    "ColdStart",
    "CpuBegin",
    "CpuEnd",
    "Enqueued",
    "Event",
    "IterationBegin",
    "IterationEnd",
    "OperatorWish",
    "Outcome",
    "ParamsReady",
    "Placed",
    "Profiled",
    "QpuBegin",
    "QpuEnd",
    "QpuOffline",
    "QpuOnline",
    "QpuReleased",
    "QpuReserved",
    "Result",
    "SessionClosed",
    "SessionKind",
    "SessionOpened",
    "Source",
    "SpeculationCommitted",
    "SpeculationLaunched",
    "SpeculationSquashed",
    "SquashReason",
    "Submitted",
    "TaskCancelled",
    "TaskClass",
    "TaskEvent",
    "TaskFailed",
    "TenantTerms",
    "TranspileBegin",
    "TranspileEnd",
]

FORMAT_VERSION = 2

SessionKind = Literal["loop", "background"]
TaskClass = Literal["hot", "normal"]
Outcome = Literal["done", "failed", "cancelled"]
CloseReason = Literal["closed", "cancelled", "expired", "failed"]
SquashReason = Literal["theta_mismatch", "epoch_change", "budget", "preempted", "session_closed"]
Source = Literal["qpu", "memo", "journal"]


class SessionOpened(Event, frozen=True, kw_only=True):
    """A session is accepted; `optimum` is the exact ground energy, if known (not used by any decision).

    `weight` is the session's share among its tenant's sessions, `tenant_weight` the tenant's among all tenants. The
    TTLs (0: not known) are the idle time after which it queues as a new one, and its longest life.
    """

    session: str
    tenant: str
    weight: float = 1.0
    tenant_weight: float = 1.0
    session_kind: SessionKind = "loop"
    label: str = ""
    optimum: float | None = None
    interactive_ttl_ns: int = 0
    max_ttl_ns: int = 0


class SessionClosed(Event, frozen=True, kw_only=True):
    """A session has ended; nothing of it starts after this."""

    session: str
    reason: CloseReason = "closed"


class IterationBegin(Event, frozen=True, kw_only=True):
    """A loop begins iteration k with its classical step."""

    session: str
    iteration: int


class IterationEnd(Event, frozen=True, kw_only=True):
    """A loop has finished iteration k: its energy as measured and, if known, without noise and shot noise.

    `renewed`: the incumbent's value, measured again before the values of k were told, as the epoch had changed.
    """

    session: str
    iteration: int
    energy: float | None = None
    noiseless: float | None = None
    renewed: float | None = None


class ParamsReady(TaskEvent, frozen=True, kw_only=True):
    """The committed parameters of a quantum task are known (p)."""


class Submitted(TaskEvent, frozen=True, kw_only=True):
    """The task has reached the scheduler; `network_ns` of the time since p were spent on the network.

    What the scheduler was told: qubits (`width`, 0: not recorded), predicted QPU seconds (0: left to the session's
    average), CPU seconds of the step before it, its weight, the only QPU it may run on (empty: any), and its circuit's
    structure, of which `Profiled` tells.
    """

    network_ns: int = 0
    width: int = 0
    estimate_s: float = 0.0
    cpu_s: float = 0.0
    weight: float = 1.0
    pin: str = ""
    structure: str = ""


class Placed(TaskEvent, frozen=True, kw_only=True):
    """The task is bound to a QPU: which caches had what it needs, and the terms of the cost (seconds)."""

    qpu: str
    attempt: int = 1
    caches: dict[str, bool] = msgspec.field(default_factory=dict)
    cost: dict[str, float | None] = msgspec.field(default_factory=dict)


class TranspileBegin(TaskEvent, frozen=True, kw_only=True):
    """Compilation for the QPU begins."""

    qpu: str


class TranspileEnd(TaskEvent, frozen=True, kw_only=True):
    """Compilation for the QPU is over."""

    qpu: str


class Enqueued(TaskEvent, frozen=True, kw_only=True):
    """The task waits in a lane of its QPU; its class is fixed."""

    qpu: str
    attempt: int = 1
    class_: TaskClass = msgspec.field(default="normal", name="class")


class QpuBegin(TaskEvent, frozen=True, kw_only=True):
    """An attempt occupies the QPU (b)."""

    qpu: str
    attempt: int = 1
    class_: TaskClass = msgspec.field(default="normal", name="class")
    speculative: bool = False


class QpuEnd(TaskEvent, frozen=True, kw_only=True):
    """The attempt leaves the QPU (e).

    `overhead_ns` of its time went to loading and the like; `loss` is L(t) - L(calibrated) in nats, L = -ln ESP.
    `late_ns`: how much longer than the emulated hardware an emulated QPU took, under a clock that could not wait.
    `paused`: it stood aside between two chunks, and begins again with the same number if its shots are kept. `cut`: it
    was not wanted any more, and left at the end of a chunk.
    """

    qpu: str
    attempt: int = 1
    shots: int = 0
    epoch: int = 0
    outcome: Outcome = "done"
    overhead_ns: int = 0
    late_ns: int = 0
    loss: float | None = None
    paused: bool = False
    cut: bool = False


class ChunkEnd(TaskEvent, frozen=True, kw_only=True):
    """A chunk ended and the attempt went on; told only beside other events of its ns, for the order among these."""

    qpu: str
    attempt: int = 1


class Result(TaskEvent, frozen=True, kw_only=True):
    """The loop has its committed values (r); `source` says whether they were bought now or known before."""

    attempt: int = 1
    qpu: str = ""
    epoch: int = 0
    shots: int = 0
    values: tuple[float | None, ...] = ()
    noiseless: tuple[float | None, ...] = ()
    network_ns: int = 0
    source: Source = "qpu"


class SpeculationLaunched(TaskEvent, frozen=True, kw_only=True):
    """A task was submitted before anyone knows whether its values will be wanted."""


class SpeculationCommitted(TaskEvent, frozen=True, kw_only=True):
    """The committed path wants the values; `by` is the task that takes them, empty if the task itself became it."""

    by: str = ""


class SpeculationSquashed(TaskEvent, frozen=True, kw_only=True):
    """The guess was wrong or no longer worth its place."""

    reason: SquashReason


class CpuBegin(Event, frozen=True, kw_only=True):
    """A classical task of the session runs on a worker."""

    session: str
    task: str
    worker: str = ""
    iteration: int = 0


class CpuEnd(Event, frozen=True, kw_only=True):
    """The classical task has left its worker."""

    session: str
    task: str
    worker: str = ""
    iteration: int = 0


class ColdStart(Event, frozen=True, kw_only=True):
    """A worker had to start first, which took `length_ns`; the event stands at the end of it."""

    worker: str
    session: str = ""
    length_ns: int = 0


class TaskFailed(TaskEvent, frozen=True, kw_only=True):
    """An attempt failed; `final` if there will be no other."""

    attempt: int = 1
    reason: str = ""
    final: bool = True


class TaskCancelled(TaskEvent, frozen=True, kw_only=True):
    """The task was cancelled; it has no result and will have none."""

    reason: str = ""


AnyEvent = (
    SessionOpened | SessionClosed | IterationBegin | IterationEnd | ParamsReady | Submitted | Placed
    | TranspileBegin | TranspileEnd | Enqueued | CalibrationBegin | CalibrationEnd | QpuBegin | ChunkEnd | QpuEnd
    | Result | SpeculationLaunched | SpeculationCommitted | SpeculationSquashed | CpuBegin | CpuEnd | ColdStart
    | QpuOffline | QpuOnline | TenantTerms | Profiled | QpuReserved | QpuReleased | TaskFailed | TaskCancelled
)
