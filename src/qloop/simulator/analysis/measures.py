"""One replication in numbers: every measure with its unit, its meaning, and which direction is better.

Sessions that arrive after the warm-up count (all of them under "compatible" counting); execution times are of those
that finished. A measure of nothing, such as the p95 of no session, is nan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.platform import result as r

Floats = NDArray[np.float64]
NS = 1e9
SHORT_RUN_S = 10.0
SHARES = (25, 50, 75, 95, 99)


@dataclass(frozen=True, slots=True)
class Measure:
    """A column: its unit (a dimension of `simulator.units`, or "money"), what it is, and what is better.

    `better`: -1 less, 1 more, 0 neither.
    """

    unit: str
    what: str
    better: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """Money per second of a QPU that works, a worker that is busy, and a container that is kept."""

    qpu: float = 0.0
    worker: float = 0.0
    container: float = 0.0

    def __post_init__(self) -> None:
        for name in ("qpu", "worker", "container"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise InvalidInput(f"The price of a {name} is {getattr(self, name)!r}", "",
                                   "Give a number of at least 0, in money per second")


def _spread(name: str, unit: str, what: str, shares: tuple[int, ...] = SHARES) -> dict[str, Measure]:
    """The mean, quantiles and maximum of one distribution."""
    return {f"{name}_mean": Measure(unit, f"{what}, mean", -1),
            **{f"{name}_p{share}": Measure(unit, f"{what}, {share} % quantile", -1) for share in shares},
            f"{name}_max": Measure(unit, f"{what}, largest", -1)}


MEASURES: Mapping[str, Measure] = MappingProxyType({
    "arrivals": Measure("count", "Sessions that arrived and count"),
    "drop": Measure("share", "Part of them that was refused", -1),
    "admitted": Measure("count", "Sessions that were admitted"),
    "finished": Measure("count", "Admitted sessions that finished", 1),
    "failed": Measure("count", "Admitted sessions that failed", -1),
    "expired": Measure("count", "Admitted sessions whose lifetime ended", -1),
    "censored": Measure("count", "Admitted sessions that were open at the end of the run", -1),
    "censored_share": Measure("share", "The same, as a part of the admitted ones", -1),
    "throughput": Measure("1/s", "Sessions that finished in a second after the warm-up", 1),
    **_spread("time", "s", "Execution time of a session, arrival to completion"),
    **_spread("wait", "s", "Time that a session's quantum tasks waited for a QPU"),
    "waited": Measure("share", "Sessions that waited for a QPU at all", -1),
    "service_mean": Measure("s", "Time of a session on QPUs, lost attempts included, mean", -1),
    "classical_mean": Measure("s", "Time of a session's classical tasks, waiting for workers included, mean", -1),
    "classical_wait": Measure("s", "Of this the waiting for workers (by the mean load of the workers)", -1),
    "transfer_mean": Measure("s", "Transfer, cold starts of containers and pauses of a session, mean", -1),
    "wait_share": Measure("share", "Waiting for QPUs, as a part of all execution time", -1),
    "service_share": Measure("share", "Time on QPUs, as a part of all execution time"),
    "classical_share": Measure("share", "Classical tasks, as a part of all execution time"),
    "transfer_share": Measure("share", "Transfer and cold starts, as a part of all execution time", -1),
    "gap_mean": Measure("s", "From the end of a session's shot to the begin of its next, mean", -1),
    "gap_wait": Measure("s", "Wait of a quantum task for a QPU, mean: the part of the gap that can be saved", -1),
    "slowdown_mean": Measure("number", "Execution time over the same without waiting, mean", -1),
    "slowdown_p95": Measure("number", "Execution time over the same without waiting, 95 % quantile", -1),
    "slowdown_max": Measure("number", "Execution time over the same without waiting, largest", -1),
    "bounded_slowdown_mean": Measure("number", "Slowdown with 10 s as the least execution time, mean", -1),
    "classical_tasks": Measure("number", "Active classical tasks, mean over time", -1),
    "waiting_tasks": Measure("number", "Quantum tasks that wait, mean over time", -1),
    "quantum_tasks": Measure("number", "Quantum tasks, waiting and running, mean over time", -1),
    "qpu_executed": Measure("share", "QPUs' time in tasks that gave results, cold parts excluded", 1),
    "qpu_cold": Measure("share", "QPUs' time for compiling and loading", -1),
    "qpu_lost": Measure("share", "QPUs' time in attempts that gave nothing", -1),
    "qpu_calibrating": Measure("share", "QPUs' time in calibrations"),
    "qpu_down": Measure("share", "QPUs' time in outages", -1),
    "qpu_idle": Measure("share", "QPUs' time without any of these", -1),
    "qpu_busy": Measure("share", "QPUs' time in tasks: executed, cold and lost"),
    "worker_busy": Measure("share", "Workers' time in classical tasks"),
    "calibrations": Measure("count", "Calibrations after the warm-up"),
    "outages": Measure("count", "Outages after the warm-up", -1),
    "containers": Measure("number", "Containers, mean over time", -1),
    "cold_starts": Measure("count", "Container starts of the sessions that count", -1),
    "fairness_share": Measure("number", "Jain's index over tenants of dominant share per weight; 1 is equal", 1),
    "fairness_slowdown": Measure("number", "Jain's index over tenants of their mean slowdown; 1 is equal", 1),
    "loss_mean": Measure("number", "Loss of fidelity of a quantum task, -ln(ESP), mean", -1),
    "epochs_mean": Measure("number", "Changes of calibration epoch in a finished session, mean", -1),
    "qpu_seconds": Measure("s", "QPU time in tasks after the warm-up, lost attempts included", -1),
    "worker_seconds": Measure("s", "Busy time of workers after the warm-up", -1),
    "container_seconds": Measure("s", "Time of containers after the warm-up", -1),
    "cost": Measure("money", "These three times their prices", -1),
    "cost_per_session": Measure("money", "The same for each session that finished after the warm-up", -1),
})


def measure_named(name: str) -> Measure:
    """The measure of this name; UnknownName, with the nearest, if there is none."""
    if name not in MEASURES:
        raise UnknownName("quantity", name, MEASURES)
    return MEASURES[name]


def measures(replication: r.Replication, prices: Prices | None = None) -> dict[str, float]:
    """Every measure of MEASURES for one replication, in its order; `prices` are for the cost."""
    found = {**_sessions(replication), **_times(replication), **_slow(replication), **_platform(replication),
             **_tenants(replication), **_cost(replication, prices or Prices())}
    return {name: float(found[name]) for name in MEASURES}


def slowdowns(replication: r.Replication) -> tuple[Floats, Floats]:
    """The slowdown and the bounded slowdown of each measured session.

    Alone, a session would not wait for QPUs, repeat lost attempts, or share workers. Waiting for workers is not
    recorded for each session: its part of classical time is taken to be that of all classical tasks of the run.
    Bounded: max(1, time / max(alone, 10 s)) (Feitelson et al., 1997).
    """
    time = _seconds(replication, replication.left_ns - replication.arrival_ns)
    waiting = _seconds(replication, replication.waited_ns + replication.lost_ns)
    alone = time - waiting - _seconds(replication, replication.classical_ns) * (1.0 - _served_part(replication))
    return np.maximum(1.0, time / np.maximum(alone, 1e-9)), np.maximum(1.0, time / np.maximum(alone, SHORT_RUN_S))


def jain(values: Floats) -> float:
    """(sum x)^2 / (n sum x^2): 1 if all are equal, 1/n if one has all; nan of nothing (Jain et al., 1984)."""
    known = values[np.isfinite(values)]
    squares = float((known**2).sum())
    return float(known.sum()) ** 2 / (len(known) * squares) if squares > 0.0 else float("nan")


def _seconds(replication: r.Replication, column: r.Ints) -> Floats:
    """A column of the measured sessions, in s."""
    return np.asarray(column[replication.measured()] / NS, np.float64)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _part(amount: float, whole: float) -> float:
    return float(amount / whole) if whole > 0 else float("nan")


def _window(replication: r.Replication) -> int:
    """How long was measured, ns."""
    return replication.horizon_ns - replication.warm_ns


def _served_part(replication: r.Replication) -> float:
    """The part of classical tasks' time in which they had a worker; 1 if there were none."""
    active = float(replication.areas[:, r.CLASSICAL].sum())
    return min(1.0, float(replication.areas[:, r.BUSY_WORKERS].sum()) / active) if active > 0.0 else 1.0


def _sessions(replication: r.Replication) -> dict[str, float]:
    outcome = replication.outcome[replication.counted()]
    refused, left_open = int((outcome == r.REFUSED).sum()), int((outcome == r.OPEN).sum())
    done = int(((replication.outcome == r.DONE) & (replication.left_ns >= replication.warm_ns)).sum())
    return {"arrivals": len(outcome), "drop": _part(refused, len(outcome)), "admitted": len(outcome) - refused,
            "finished": int((outcome == r.DONE).sum()), "failed": int((outcome == r.FAILED).sum()),
            "expired": int((outcome == r.EXPIRED).sum()), "censored": left_open,
            "censored_share": _part(left_open, len(outcome) - refused),
            "throughput": done / (_window(replication) / NS),
            "cold_starts": int(replication.colds[replication.counted()].sum())}


def distribution(name: str, values: Floats) -> dict[str, float]:
    """Mean, quantiles and maximum, under the names of measures; nan of nothing."""
    known = len(values) > 0
    quantiles = np.quantile(values, np.array(SHARES) / 100.0) if known else np.full(len(SHARES), np.nan)
    return {f"{name}_mean": _mean(values), f"{name}_max": float(values.max()) if known else float("nan"),
            **{f"{name}_p{share}": float(value) for share, value in zip(SHARES, quantiles, strict=True)}}


def _times(replication: r.Replication) -> dict[str, float]:
    """Execution times and what they consist of."""
    time = _seconds(replication, replication.left_ns - replication.arrival_ns)
    wait = _seconds(replication, replication.waited_ns)
    parts = {"wait": wait, "service": _seconds(replication, replication.served_ns),
             "classical": _seconds(replication, replication.classical_ns),
             "transfer": _seconds(replication, replication.delayed_ns)}
    steps = replication.steps[replication.measured()]
    shots = float(steps.sum())
    return {**distribution("time", time), **distribution("wait", wait),
            "waited": _mean((wait > 0.0).astype(np.float64)),
            **{f"{name}_mean": _mean(part) for name, part in parts.items()},
            **{f"{name}_share": _part(float(part.sum()), float(time.sum())) for name, part in parts.items()},
            "classical_wait": _mean(parts["classical"]) * (1.0 - _served_part(replication)),
            "gap_mean": _part(float(_seconds(replication, replication.gap_ns).sum()),
                              float(np.maximum(steps - 1, 0).sum())),
            "gap_wait": _part(float(wait.sum()), shots),
            "loss_mean": _part(float(replication.loss[replication.measured()].sum()), shots),
            "epochs_mean": _mean(replication.epochs[replication.measured()].astype(np.float64))}


def _slow(replication: r.Replication) -> dict[str, float]:
    slow, bounded = slowdowns(replication)
    known = len(slow) > 0
    return {"slowdown_mean": _mean(slow), "bounded_slowdown_mean": _mean(bounded),
            "slowdown_p95": float(np.quantile(slow, 0.95)) if known else float("nan"),
            "slowdown_max": float(slow.max()) if known else float("nan")}


def _platform(replication: r.Replication) -> dict[str, float]:
    """What QPUs, workers and containers did after the warm-up."""
    window = _window(replication)
    mean = replication.areas[1] / window
    used = replication.qpus.sum(axis=0)
    room = float(len(replication.qpus) * window)
    shares = {name: float(used[column]) / room for name, column in (
        ("qpu_executed", r.EXECUTED), ("qpu_cold", r.COLD), ("qpu_lost", r.LOST), ("qpu_calibrating", r.CALIBRATED),
        ("qpu_down", r.DOWN))}
    workers = replication.scenario.classical.workers
    return {**shares, "qpu_idle": 1.0 - sum(shares.values()),
            "qpu_busy": shares["qpu_executed"] + shares["qpu_cold"] + shares["qpu_lost"],
            "classical_tasks": mean[r.CLASSICAL], "waiting_tasks": mean[r.WAITING],
            "quantum_tasks": mean[r.WAITING] + mean[r.RUNNING], "worker_busy": mean[r.BUSY_WORKERS] / workers,
            "containers": mean[r.CONTAINERS], "calibrations": used[r.CALIBRATIONS], "outages": used[r.OUTAGES]}


def _tenants(replication: r.Replication) -> dict[str, float]:
    """Jain's index over the tenants that had sessions: of what they used, and of how long they took."""
    tenants, chosen = replication.scenario.tenants, replication.counted()
    who = replication.tenant[chosen]
    present = np.bincount(who, minlength=len(tenants)) > 0
    weights = np.array([tenant.weight for tenant in tenants])
    cpu = replication.classical_ns[chosen] * _served_part(replication) / replication.scenario.classical.workers
    qpu = replication.served_ns[chosen] / len(replication.qpus)
    used = np.maximum(*(np.bincount(who, side, len(tenants)) for side in (cpu, qpu))) / weights
    owner = replication.tenant[replication.measured()]
    number = np.bincount(owner, minlength=len(tenants))
    slow = np.bincount(owner, slowdowns(replication)[0], len(tenants))[number > 0] / number[number > 0]
    return {"fairness_share": jain(used[present]), "fairness_slowdown": jain(slow)}


def _cost(replication: r.Replication, prices: Prices) -> dict[str, float]:
    areas = replication.areas[1] / NS
    qpu = float(replication.qpus[:, [r.EXECUTED, r.COLD, r.LOST]].sum()) / NS
    cost = qpu * prices.qpu + areas[r.BUSY_WORKERS] * prices.worker + areas[r.CONTAINERS] * prices.container
    done = ((replication.outcome == r.DONE) & (replication.left_ns >= replication.warm_ns)).sum()
    return {"qpu_seconds": qpu, "worker_seconds": areas[r.BUSY_WORKERS], "container_seconds": areas[r.CONTAINERS],
            "cost": cost, "cost_per_session": _part(cost, int(done))}
