"""What one run of the extended model returns: columns over sessions and QPUs, and integrals over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qloop.simulator.scenario import Scenario

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# outcomes of a session
OPEN, DONE, REFUSED, FAILED, EXPIRED = 0, 1, 2, 3, 4
OUTCOMES = ("open", "done", "refused", "failed", "expired")
# columns of `areas`
CLASSICAL, WAITING, RUNNING, DELAYED, BUSY_WORKERS, CONTAINERS = range(6)
AREAS = ("classical tasks", "waiting quantum tasks", "running quantum tasks", "sessions in transfer or cold start",
         "busy workers", "containers")
# columns of `qpus`
EXECUTED, COLD, LOST, CALIBRATED, DOWN, RUNS, CALIBRATIONS, OUTAGES = range(8)


@dataclass(frozen=True, slots=True)
class Replication:
    """One run of a scenario. All times are ns since its begin; columns over sessions are in order of their numbers.

    Sessions: `arrival_ns`, `left_ns` (end, refusal, failure or expiry; -1 while open), `outcome` (see OUTCOMES),
    `tenant` (index), `size` (qubits), `priority`, `iterations` (wanted), `steps` (quantum tasks done), `waited_ns`
    (its quantum tasks waited for a QPU), `served_ns` (they ran, with what is lost to cold caches and failed attempts),
    `cold_ns` (lost to cold caches), `lost_ns` (to failed attempts), `classical_ns` (its classical tasks, waiting for
    workers included), `delayed_ns` (transfer, cold starts of containers, pauses before retries), `colds` (container
    starts),
    `epochs` (changes of calibration epoch between two of its shots), `loss` (sum over its shots of -ln ESP; 0 where
    drift and errors are off), `gap_ns` (sum over its iterations but the first of QPU begin minus last QPU end).
    `qpus` has a row for each QPU and the columns EXECUTED, COLD, LOST, CALIBRATED, DOWN (ns after the warm-up), RUNS,
    CALIBRATIONS, OUTAGES (counts after the warm-up). `areas` has the rows warm-up and after, and the columns of AREAS
    (task-ns; whole, or float64 where 64 bits would not hold them). `waits` counts the waits of quantum tasks that began
    after the warm-up, rows HOT and NORMAL, by bins of `wait_edges_s`. `log` holds lines of (time ns, kind, session,
    QPU) if one was asked for.
    """

    scenario: Scenario
    number: int
    arrival_ns: Ints
    left_ns: Ints
    outcome: Ints
    tenant: Ints
    size: Ints
    priority: Ints
    iterations: Ints
    steps: Ints
    waited_ns: Ints
    served_ns: Ints
    cold_ns: Ints
    lost_ns: Ints
    classical_ns: Ints
    delayed_ns: Ints
    gap_ns: Ints
    colds: Ints
    epochs: Ints
    loss: Floats
    qpus: Ints
    areas: Ints | Floats
    waits: Ints
    events: int
    widest: int
    log: Ints

    @property
    def horizon_ns(self) -> int:
        """When the run ended."""
        return round(self.scenario.duration_s * 1e9)

    @property
    def warm_ns(self) -> int:
        """When the warm-up ended."""
        return round(self.scenario.warmup_s * 1e9)

    def imbalance(self) -> dict[str, int]:
        """What must be zero in every run, exactly, in ns or sessions.

        `time`: Little's law on this path: the integral of the sessions in each state is the sum of their times there.
        `waiting`, `running`, `classical`, `delayed`: the same for each state. `sessions`: those that left left once.
        """
        area = self.areas.sum(axis=0)
        inside = np.where(self.left_ns < 0, self.horizon_ns, self.left_ns) - self.arrival_ns
        return {
            "time": self._less(area[[CLASSICAL, WAITING, RUNNING, DELAYED]].sum(), inside),
            "waiting": self._less(area[WAITING], self.waited_ns),
            "running": self._less(area[RUNNING], self.served_ns),
            "classical": self._less(area[CLASSICAL], self.classical_ns),
            "delayed": self._less(area[DELAYED], self.delayed_ns),
            "sessions": int((self.left_ns >= 0).sum() - (self.outcome != OPEN).sum()),
        }

    def _less(self, area: float, times: Ints) -> int:
        """The integral less the sum of times; with areas too large for whole ns, what is beyond rounding of it."""
        if self.areas.dtype == np.int64:
            return int(area - times.sum())
        rest = float(area) - float(times.sum(dtype=np.float64))
        return int(rest) if abs(rest) > 1e-9 * float(area) else 0

    def counted(self) -> NDArray[np.bool_]:
        """The arrivals that count for the drop probability."""
        if self.scenario.counting == "compatible":
            return np.ones(len(self.arrival_ns), np.bool_)
        return np.asarray(self.arrival_ns >= self.warm_ns)

    def measured(self) -> NDArray[np.bool_]:
        """The finished sessions whose execution time counts."""
        since = self.left_ns if self.scenario.counting == "compatible" else self.arrival_ns
        return np.asarray((self.outcome == DONE) & (since >= self.warm_ns))
