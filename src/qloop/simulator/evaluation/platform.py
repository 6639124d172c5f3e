"""The platform of a cell as a scenario: QPUs that lose time to cold caches, drift, and are calibrated."""

from __future__ import annotations

from dataclasses import dataclass

from qloop.errors import InvalidInput
from qloop.policies import drift as strength
from qloop.policies.record import Policy
from qloop.simulator.evaluation.cells import QUALITIES, Cell
from qloop.simulator.evaluation.workload import Work, shares
from qloop.simulator.platform.parts import Classical, Drift, QpuKind, Tenant, Transfer
from qloop.simulator.scenario import Scenario

WORKERS = 8             # for each QPU: thinking never waits, so that what is measured is the QPUs' queue
ERROR_PER_QUBIT = 0.05  # -ln ESP of a loop's circuit, for each qubit


@dataclass(frozen=True, slots=True)
class Stage:
    """What all cells share, s: how long it is looked at, what caches and calibrations cost.

    `cold_start_s` is what a stateless policy pays for its container at every iteration. Raises InvalidInput for numbers
    that cannot be.
    """

    duration_s: float = 21_600.0
    warmup_s: float = 1_800.0
    compile_s: float = 0.2
    load_s: float = 0.1
    warm_s: float = 300.0
    calibrate_every_s: float = 3_600.0
    calibration_s: float = 30.0
    cold_start_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.warmup_s < self.duration_s <= 1e6:
            raise InvalidInput(f"The evaluation looks at {self.warmup_s!r} to {self.duration_s!r} s",
                               "Nothing, or more than memory holds, would be measured",
                               "Give a warm-up of at least 0 that ends before the duration, which is at most 1000000 s")


def scenario(cell: Cell, stage: Stage, work: Work, policy: Policy, seed: int) -> Scenario:
    """The scenario of a cell under a policy; what arrives is handed in beside it (`workload.brought`).

    A policy that is `stateless` starts a container for every task; for the others containers are warm.
    """
    errors = QUALITIES if cell.mixed else (1.0,)
    kinds = tuple(QpuKind(
        name=f"qpu-{error:g}", count=cell.qpus // len(errors), error=error, compile_s=stage.compile_s,
        load_s=stage.load_s, warm_s=stage.warm_s, calibration_s=stage.calibration_s,
        calibrate_every_s=stage.calibrate_every_s, drift=drift(cell.drift)) for error in errors)
    classical = Classical(workers=WORKERS * cell.qpus, cold_start_s=stage.cold_start_s if policy.stateless else 0.0,
                          keep_alive_s=0.0)
    tenants = tuple(Tenant(name=f"tenant-{n + 1}", share=share) for n, share in enumerate(shares(cell)))
    return Scenario(
        name=cell.name, policy=policy, duration_s=stage.duration_s, warmup_s=stage.warmup_s, seed=seed,
        tenants=tenants, classical=classical, qpus=kinds, transfer=Transfer(up_s=work.network_s),
        error_per_qubit=ERROR_PER_QUBIT)


def drift(times: float) -> Drift:
    """Drift so many times as strong as profile x1 of `policies/drift.py`."""
    if times == 0.0:
        return Drift()
    return Drift(sd=times * strength.GATE_SD, relax_s=strength.GATE_RELAX_S, aging=times * strength.AGING,
                 t1_sd=times * strength.T1_SD, t1_relax_s=strength.T1_RELAX_S,
                 tls_every_s=strength.TLS_EVERY_S / times, tls_hold_s=strength.TLS_HOLD_S,
                 tls_factor=strength.TLS_FACTOR)
