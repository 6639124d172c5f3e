"""The events of the platform itself: what its QPUs do, what is known of them, and its tenants' terms."""

from __future__ import annotations

from typing import Literal

from qloop.trace.event import Event

OperatorWish = Literal["", "paused", "drained", "retired"]


class TenantTerms(Event, frozen=True, kw_only=True):
    """A tenant's terms hold from now on: its weight, and its quotas in a window (s; -1: no quota).

    Once a quota is exhausted its weight is multiplied with `lowered`, or, if that is 0, its tasks are refused.
    """

    tenant: str
    weight: float = 1.0
    qpu_quota_s: float = -1.0
    cpu_quota_s: float = -1.0
    window_s: float = 86_400.0
    lowered: float = 0.0


class CalibrationBegin(Event, frozen=True, kw_only=True):
    """The QPU runs no task until the calibration ends; `session` if one caused it and is charged."""

    qpu: str
    session: str = ""


class CalibrationEnd(Event, frozen=True, kw_only=True):
    """The QPU is in a new calibration epoch; its next window is planned for `window_at_ns` (None: none is known)."""

    qpu: str
    epoch: int
    window_at_ns: int | None = None
    window_length_ns: int = 0


class QpuOffline(Event, frozen=True, kw_only=True):
    """The QPU takes no new work.

    `operator`: what the operator did to it, so that what runs there is finished; empty: it is gone, and what it ran
    is lost.
    """

    qpu: str
    reason: str = ""
    operator: OperatorWish = ""


class QpuOnline(Event, frozen=True, kw_only=True):
    """The QPU takes work (again).

    What the scheduler was told: its qubits (0: not recorded), the seconds that a session's first shot costs, and its
    first calibration window with its length and the time from a window's end to the next (None: no window). It was
    calibrated at `calibrated_ns`; the next four are the drift that is expected since (`policies/drift.py`). `chunks`:
    whether long tasks can run in chunks there.
    """

    qpu: str
    qubits: int = 0
    cold_s: float = 0.0
    epoch: int = 0
    window_at_ns: int | None = None
    window_gap_ns: int | None = None
    window_length_ns: int = 0
    calibrated_ns: int = 0
    aging_per_h: float = 0.0
    drift_sd: float = 0.0
    drift_relax_s: float = 1.0
    idle_share: float = 0.0
    chunks: bool = True


class QpuReserved(Event, frozen=True, kw_only=True):
    """The QPU is held for one session."""

    qpu: str
    session: str


class QpuReleased(Event, frozen=True, kw_only=True):
    """The QPU is held for no one."""

    qpu: str
    session: str


class Profiled(Event, frozen=True, kw_only=True):
    """What the scheduler was told of a structure's circuits on a QPU in its present epoch.

    `loss` is -ln ESP (nats; -1: unknown) of parameters that were `stale_s` old at the calibration; the costs in s are
    those of caches that do not hold it; `unfit`: why it cannot run there.
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
