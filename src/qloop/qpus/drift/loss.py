"""What drift does to a circuit: its ESP at a time, and the loss of ESP that can be expected at an age."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.policies.drift import ou_step, telegraph_chance
from qloop.qpus.drift.drifting import DriftState
from qloop.qpus.drift.model import Drift
from qloop.qpus.drift.parameters import Parameters
from qloop.qpus.isa import Isa
from qloop.qpus.snapshot import BROKEN_ERROR, Snapshot

_NODES = 24


class Losses(msgspec.Struct, frozen=True):
    """A compiled circuit's chances to fail.

    `error` (k,) are the snapshot's errors of its operations (gates and readouts that err at all), each `times` (k,)
    in the circuit and wandering with number `index` (k,) of the `Parameters`, of which those from `readout_at` on are
    readouts. `idle` (j,) is idle/T1 + idle/T2 of the qubits `qubit` (j,) that wait.
    """

    error: NDArray[np.float64]
    times: NDArray[np.float64]
    index: NDArray[np.int64]
    readout_at: int
    idle: NDArray[np.float64]
    qubit: NDArray[np.int64]

    def ln_esp(self, state: DriftState) -> float:
        """ln ESP in that state: every error so many times as large, but at most 0.5; idle decay goes with 1/T1."""
        errors = np.minimum(self.error * state.errors[self.index], BROKEN_ERROR)
        return float(self.times @ np.log1p(-errors) - np.sum(self.idle / state.t1[self.qubit]))

    def expected_loss(self, drift: Drift, age_s: float) -> float:
        """The mean of 1 - ESP/ESP(calibrated), `age_s` after everything was measured, no two-level system then.

        The processes are independent, so the mean is a product of one-dimensional integrals over normal numbers, by
        Gauss and Hermite's rule; exact but for the rule's error (below 1e-9 at the strengths of the profiles).
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        weights = weights / weights.sum()
        kept = -float(self.times @ np.log1p(-self.error))
        for number in np.unique(self.index):
            here = self.index == number
            growth = self._growth(drift, age_s, nodes, bool(number >= self.readout_at))
            errors = np.minimum(np.outer(growth, self.error[here]), BROKEN_ERROR)
            kept += math.log(weights @ np.exp(np.log1p(-errors) @ self.times[here]))
        return -math.expm1(kept + self._ln_idle(drift, age_s, nodes, weights))

    def _growth(self, drift: Drift, age_s: float, nodes: NDArray[np.float64],
                readout: bool) -> NDArray[np.float64]:
        """How many times as large an error is, for each of some standard normal numbers."""
        if readout:
            return np.exp(ou_step(0.0, age_s, drift.readout_sd, drift.readout_relax_s, 1.0) * nodes)
        aged = 1.0 + drift.aging * min(age_s, drift.aging_limit_s) / 3600.0
        return np.asarray(aged * np.exp(ou_step(0.0, age_s, drift.sd, drift.relax_s, 1.0) * nodes))

    def _ln_idle(self, drift: Drift, age_s: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """ln of the mean of what idle times leave, relative to the calibrated device."""
        longer = np.exp(-ou_step(0.0, age_s, drift.t1_sd, drift.t1_relax_s, 1.0) * nodes)
        on = telegraph_chance(0.0, age_s, drift.tls_every_s, drift.tls_hold_s)
        kept = 0.0
        for idle in self.idle.tolist():
            free = weights @ np.exp(-idle * (longer - 1.0))
            hit = weights @ np.exp(-idle * (longer / drift.tls_factor - 1.0))
            kept += math.log((1.0 - on) * free + on * hit)
        return kept


def losses_of(isa: Isa, snapshot: Snapshot, parameters: Parameters) -> Losses:
    """The chances to fail of a circuit that was compiled for the snapshot's device."""
    errors = {(gate.name, place): error for gate in snapshot.gates
              for place, error in zip(gate.qubits, gate.error.value, strict=True)}
    errors |= {("measure", (qubit,)): error for qubit, error in enumerate(snapshot.qubits.readout_error.value)}
    used = [(errors[use.name, use.qubits], use.times, parameters.index[use.name, use.qubits]) for use in isa.uses]
    used = [one for one in used if one[0] > 0.0]
    t1, t2 = snapshot.qubits.t1_ns.value, snapshot.qubits.t2_ns.value
    waits = [(idle / t1[qubit] + idle / t2[qubit], qubit) for qubit, idle in isa.idle_ns if idle > 0.0]
    return Losses(np.array([error for error, _, _ in used]), np.array([float(times) for _, times, _ in used]),
                  np.array([index for _, _, index in used], dtype=np.int64), parameters.readout_at,
                  np.array([rate for rate, _ in waits]), np.array([qubit for _, qubit in waits], dtype=np.int64))
