"""What a provider looks at before it calibrates: the loss of a reference circuit on the better half of the device."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qloop.policies.drift import expected_growth
from qloop.qpus.drift.drifting import Drifting, DriftState
from qloop.qpus.drift.parameters import Parameters
from qloop.qpus.snapshot import BROKEN_ERROR, Snapshot

REFERENCE = {1: 400.0, 2: 200.0, 0: 10.0}
"""The reference circuit: gates on one qubit, on two, and readouts (the spec's larger case, ten qubits)."""


class Monitor:
    """The predicted loss of ESP, 1 - ESP/ESP(calibrated), of a reference circuit.

    It has 200 two-qubit gates, 400 one-qubit gates and 10 readouts, spread evenly over those whose calibrated error is
    at most the median of their kind: there compilers put circuits. T1 is left out, since no calibration mends it.
    """

    def __init__(self, snapshot: Snapshot, drifting: Drifting) -> None:
        self._drifting = drifting
        self._loss = reference(snapshot, drifting.parameters)

    def loss(self, state: DriftState) -> float:
        """In a state that was measured."""
        return -math.expm1(-float(self._loss @ (state.errors - 1.0)))

    def expected(self, ages_s: NDArray[np.float64]) -> float:
        """As it is predicted when nothing but the age (s) of each error is known: shape (errors,)."""
        drift, split = self._drifting.drift, self._drifting.parameters.readout_at
        grown = 0.0
        for ages, losses, aging, sd, relax_s in (
                (ages_s[:split], self._loss[:split], drift.aging, drift.sd, drift.relax_s),
                (ages_s[split:], self._loss[split:], 0.0, drift.readout_sd, drift.readout_relax_s)):
            limit = drift.aging_limit_s / 3600.0
            for age in np.unique(ages[losses > 0.0]).tolist():
                hours = age / 3600.0
                one = _growth(hours, min(hours, limit), aging, sd, relax_s)
                grown += float(losses[ages == age].sum()) * (one - 1.0)
        return -math.expm1(-grown)

    def due_s(self, ages_s: NDArray[np.float64], above: float) -> float:
        """How long from now until the prediction exceeds `above`, in s; inf if it never does (within ten days)."""
        low, high = 0.0, 240 * 3600.0
        if self.expected(ages_s) > above:
            return 0.0
        if self.expected(ages_s + high) <= above:
            return math.inf
        while high - low > 1e-3:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self.expected(ages_s + middle) > above else (middle, high)
        return high


def _growth(hours: float, aged_h: float, aging: float, sd: float, relax_s: float) -> float:
    """The prediction of `qloop.policies.drift`, with an age that stops growing earlier than the process relaxes."""
    wandered = expected_growth(hours, 0.0, sd, relax_s / 3600.0, 0.0)
    return wandered * (1.0 + aging * aged_h)


def reference(snapshot: Snapshot, parameters: Parameters) -> NDArray[np.float64]:
    """The calibrated loss of the reference circuit by process, (errors,), in nats."""
    loss = np.zeros(parameters.size)
    kinds: dict[int, dict[int, float]] = {0: {}, 1: {}, 2: {}}
    for qubit, error in enumerate(snapshot.qubits.readout_error.value):
        kinds[0][parameters.index["measure", (qubit,)]] = error
    for gate in snapshot.gates:
        for place, error in zip(gate.qubits, gate.error.value, strict=True):
            if 0.0 < error < BROKEN_ERROR:
                kinds[len(place)][parameters.index[gate.name, place]] = error
    for kind, found in kinds.items():
        works = {at: error for at, error in found.items() if error < BROKEN_ERROR}
        middle = float(np.median(list(works.values()))) if works else 0.0
        better = {at: error for at, error in works.items() if error <= middle}
        for at, error in better.items():
            loss[at] = -math.log1p(-error) * REFERENCE[kind] / len(better)
    return loss
