"""The parts of a modelled platform, each with its parameters; every effect is off by default."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qloop.simulator.platform.fields import check, choice, number

DAY_S, HOUR_S, YEAR_S = 86_400.0, 3_600.0, 366 * 86_400.0
MAX_QPUS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Who owns sessions: a weight in fair queuing, and the part of the sessions that are theirs."""

    name: str = "tenant"
    weight: float = number(1.0, "", 1e-6, 1e6, "The tenant's weight in fair queuing")
    share: float = number(1.0, "", 1e-9, 1e9, "How many of the sessions are the tenant's, relative to other tenants")

    def __post_init__(self) -> None:
        check(self, f"tenant {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Classical:
    """The classical side: C workers of S operations/s, and the containers that tasks run in.

    `discipline`: "sharing" (all active tasks share the workers, the paper's model) or "slots" (a task has a worker to
    itself; the others wait in order of arrival, as on live pilots). A task that finds no warm container of its tenant
    waits `cold_start_s` for one; a container idle for `keep_alive_s` is given back, so that an idle platform scales to
    zero. `hold`: a session keeps its container from its begin to its end ("session") or takes one for each task.
    """

    discipline: str = choice("sharing", ("sharing", "slots"), "How tasks share the workers")
    workers: int = number(1, "", 1, 10_000_000, "Workers C", whole=True)
    capacity: float = number(1e9, "operations/s", 1.0, 1e15, "Speed S of one worker")
    cold_start_s: float = number(0.0, "s", 0.0, DAY_S, "Time to start a container; 0: containers are not modelled")
    keep_alive_s: float = number(600.0, "s", 0.0, math.inf, "How long an idle container is kept")
    hold: str = choice("task", ("task", "session"), "Whether a container serves a task or a whole session")
    failure: float = number(0.0, "", 0.0, 0.99, "Probability that a classical task is lost at its end and repeated")

    def __post_init__(self) -> None:
        check(self, "classical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a QPU's errors wander between calibrations (policies/drift.py); a calibration resets the gates' part.

    `sd` 0 and `aging` 0: no drift. The stationary standard deviation is of the logarithm of the error.
    """

    sd: float = number(0.0, "", 0.0, 5.0, "Stationary standard deviation of ln(error of gates)")
    relax_s: float = number(6 * HOUR_S, "s", 1.0, YEAR_S, "Relaxation time of that process")
    aging: float = number(0.0, "1/h", 0.0, 10.0, "Growth of gate errors with the age of the calibration")
    t1_sd: float = number(0.0, "", 0.0, 5.0, "Stationary standard deviation of ln(T1)")
    t1_relax_s: float = number(HOUR_S, "s", 1.0, YEAR_S, "Relaxation time of that process")
    tls_every_s: float = number(math.inf, "s", 1.0, math.inf, "Mean time to the next two-level-system event")
    tls_hold_s: float = number(HOUR_S, "s", 1.0, YEAR_S, "Mean length of such an event")
    tls_factor: float = number(0.3, "", 0.01, 1.0, "What T1 is multiplied with meanwhile")
    idle_share: float = number(0.2, "", 0.0, 1.0, "Part of a circuit's loss that is decay in idle time")

    def __post_init__(self) -> None:
        check(self, "drift")

    @property
    def on(self) -> bool:
        """Whether anything changes with time."""
        return self.sd > 0.0 or self.aging > 0.0 or self.t1_sd > 0.0 or self.tls_every_s < math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class QpuKind:
    """`count` equal QPUs.

    A quantum task of duration d runs d/`speed` there, and before it `compile_s` if the session never ran on this QPU,
    and `load_s` if the QPU's waveform cache (`cache` sessions, least recently used out first; 0: unlimited) does not
    hold it from the same calibration epoch, used less than `warm_s` ago. Calibrations of `calibration_s` begin at
    `calibrate_first_s` and then `calibrate_every_s` after the last one ended, or as soon as the predicted loss of
    fidelity exceeds `recalibrate_above`. Outages come after exponential times of mean `mtbf_s` and last `mttr_s` on
    average; what runs is lost. An attempt fails with probability `failure`.
    """

    name: str = "qpu"
    count: int = number(1, "", 1, MAX_QPUS, "How many QPUs of this kind", whole=True)
    qubits: int = number(1_000_000, "qubits", 1, 1_000_000, "The widest circuit that fits", whole=True)
    speed: float = number(1.0, "", 1e-6, 1e6, "How many times as fast as the durations say")
    error: float = number(1.0, "", 0.0, 1e6, "How many times as large as nominal its errors are when calibrated")
    compile_s: float = number(0.0, "s", 0.0, DAY_S, "Seconds lost at a session's first shot on this QPU")
    load_s: float = number(0.0, "s", 0.0, DAY_S, "Seconds lost when its waveforms are not loaded")
    cache: int = number(0, "sessions", 0, 1024, "Sessions whose waveforms are kept; 0: unlimited", whole=True)
    warm_s: float = number(300.0, "s", 0.0, math.inf, "How long unused waveforms are kept")
    calibrate_every_s: float = number(math.inf, "s", 1.0, math.inf, "From the end of a calibration to the next")
    calibrate_first_s: float = number(math.inf, "s", 0.0, math.inf, "Begin of the first; inf: as the others")
    calibration_s: float = number(30.0, "s", 1e-3, DAY_S, "Length of a calibration")
    recalibrate_above: float = number(math.inf, "", 0.0, math.inf, "Predicted loss of fidelity that is not borne")
    mtbf_s: float = number(math.inf, "s", 1.0, math.inf, "Mean time from the end of an outage to the next")
    mttr_s: float = number(HOUR_S, "s", 1e-3, YEAR_S, "Mean length of an outage")
    failure: float = number(0.0, "", 0.0, 0.99, "Probability that an attempt gives no result")
    drift: Drift = Drift()

    def __post_init__(self) -> None:
        check(self, f"qpu {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Time that is neither computing nor waiting: nobody is in anybody's way."""

    submit_s: float = number(0.0, "s", 0.0, DAY_S, "Platform overhead before a session's first task")
    up_s: float = number(0.0, "s", 0.0, DAY_S, "From the classical side to the QPU, for each iteration")
    down_s: float = number(0.0, "s", 0.0, DAY_S, "From the QPU back, for each iteration")

    def __post_init__(self) -> None:
        check(self, "transfer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """TTLs of sessions, as live: without a task for `interactive_s` (in transfer, say), it queues again as a new one;
    after `max_s` what waits fails, and what runs is finished.
    """

    interactive_s: float = number(math.inf, "s", 1e-3, math.inf, "Interactive TTL")
    max_s: float = number(math.inf, "s", 1e-3, math.inf, "Maximum TTL")

    def __post_init__(self) -> None:
        check(self, "lifetimes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What happens to a quantum task whose attempt was lost."""

    attempts: int = number(3, "", 1, 1000, "Tries of one quantum task before its session fails", whole=True)
    pause_s: float = number(0.0, "s", 0.0, DAY_S, "Time before the next try")

    def __post_init__(self) -> None:
        check(self, "retries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """When a new session is refused.

    `rule` "compatible": the active classical tasks have reached `max_classical` or the waiting quantum tasks
    `max_quantum`; "paper": the former exceed the one, or the quantum tasks, waiting and running, the other.
    """

    max_classical: int = number(1_000_000_000, "", 1, 1_000_000_000, "Bound on active classical tasks", whole=True)
    max_quantum: int = number(1_000_000_000, "", 1, 1_000_000_000, "Bound on quantum tasks", whole=True)
    max_sessions: int = number(1_000_000_000, "", 1, 1_000_000_000, "Bound on open sessions", whole=True)
    rule: str = choice("compatible", ("compatible", "paper"), "What is compared with the bounds")

    def __post_init__(self) -> None:
        check(self, "admission")
