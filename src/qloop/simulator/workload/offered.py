"""What a session asks of a platform on average, before anything is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qloop.simulator.workload.sessions import VALUES, Measurements, SessionModel


@dataclass(frozen=True, slots=True)
class Offered:
    """Means of one session: s on a worker of 10^9 operations/s, s on a QPU of speed 1, and iterations."""

    classical_s: float
    quantum_s: float
    iterations: float

    def qpus_busy(self, rate: float) -> float:
        """QPUs that are busy on average if `rate` sessions arrive per s and none is refused."""
        return rate * self.quantum_s

    def workers_busy(self, rate: float) -> float:
        """Workers of 10^9 operations/s that are busy on average if `rate` sessions arrive per s."""
        return rate * self.classical_s


def offered(model: SessionModel, measurements: Measurements) -> Offered:
    """The means of the sessions of this model; `measurements` are what its `load` gave.

    All tasks together: pre, the classical tasks of all iterations, and post; the quantum tasks of all iterations.
    """
    rows = np.array([_of_size(model, size, measurements) for size in model.sizes])
    classical, quantum, iterations = np.average(rows, axis=0, weights=model.size_weights or None)
    return Offered(float(classical), float(quantum), float(iterations))


def _of_size(model: SessionModel, size: int, measurements: Measurements) -> tuple[float, float, float]:
    """Classical and quantum s, and iterations, of a session of one size."""
    means = {name: float(np.mean(_column(model, name, size, measurements))) for name in VALUES}
    looped = means["iterations"] * means["classical"]
    if model.joint and model.iterations is None and model.classical is None:
        one = measurements[size]
        looped = float(np.mean(one.iterations * one.cost_s))
    return means["pre"] + looped + means["post"], means["iterations"] * means["quantum"], means["iterations"]


def _column(model: SessionModel, name: str, size: int, measurements: Measurements) -> Any:
    """The measured values, or the mean of a distribution."""
    given = getattr(model, name)
    return getattr(measurements[size], VALUES[name][0]) if given is None else given.mean
