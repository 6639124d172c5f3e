"""What is known ahead of a circuit on a QPU: its loss by the last calibration, and how errors are expected to grow.

It is what a provider publishes, errors with their dates, and never the state that drift has really brought about.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from qloop.qpus.calibration import Ages
from qloop.qpus.drift.model import Drift
from qloop.qpus.isa import Isa
from qloop.qpus.protocol import Program
from qloop.qpus.snapshot import BROKEN_ERROR, Snapshot

IDLE_SHARE = 0.2
"""The part of a circuit's loss that is decay in idle time, where it is not told apart (as in the platform model)."""


class Fit(msgspec.Struct, frozen=True):
    """A compiled circuit on a QPU: `loss` is -ln ESP (nats) by parameters that were `stale_s` old when the epoch began.

    `load_s`: seconds to load it where it is not loaded; `mitigation_s`: to measure, once in an epoch, what its error
    mitigation needs.
    """

    loss: float
    stale_s: float = 0.0
    load_s: float = 0.0
    mitigation_s: float = 0.0


class Forecast(msgspec.Struct, frozen=True):
    """A QPU's calibration (ns since the run's start) and the drift that is expected since (`policies/drift.py`).

    The scheduler calibrates it for `length_ns` once a reference circuit, which lost `reference_loss` nats then, is
    expected to lose more than `recalibrate_above` beyond that (inf: the QPU sees to its calibrations itself).
    """

    calibrated_ns: int = 0
    aging_per_h: float = 0.0
    sd: float = 0.0
    relax_s: float = 1.0
    idle_share: float = 0.0
    recalibrate_above: float = math.inf
    reference_loss: float = 0.0
    length_ns: int = 0


@runtime_checkable
class Forecasting(Protocol):
    """A QPU that says what is known of a circuit there before it runs."""

    def fit(self, program: Program, epoch: int) -> Fit:
        """What is known of a compiled circuit in a calibration epoch."""

    def forecast(self, epoch: int) -> Forecast:
        """When the epoch's calibration was, and how errors are expected to grow since."""


def forecast_of(drift: Drift, calibrated_ns: int) -> Forecast:
    """The forecast for a model of drift."""
    if not drift.on:
        return Forecast(calibrated_ns)
    return Forecast(calibrated_ns, drift.aging, drift.sd, drift.relax_s, IDLE_SHARE)


def stale_s(isa: Isa, ages: Ages, snapshot: Snapshot, drift: Drift) -> float:
    """The mean age in s of the parameters that a circuit uses, weighted by their parts of its loss; 0 without drift.

    Ages count up to where the model's growth with age stops. T1 and T2 are left out: no calibration renews them.
    """
    if not (drift.on and drift.aged):
        return 0.0
    weights, old = [], []
    places = {(gate.name, place): (gate.error.value[k], ages.gates[gate.name][k])
              for gate in snapshot.gates for k, place in enumerate(gate.qubits)}
    for use in isa.uses:
        error, age = places.get((use.name, use.qubits), (0.0, 0.0))
        if 0.0 < error < BROKEN_ERROR:
            weights.append(-use.times * math.log1p(-error))
            old.append(age)
    for qubit in isa.measured:
        error = snapshot.qubits.readout_error.value[qubit]
        if 0.0 < error < BROKEN_ERROR:
            weights.append(-math.log1p(-error))
            old.append(ages.readout[qubit])
    if not weights:
        return 0.0
    return float(np.average(np.minimum(old, drift.aging_limit_s), weights=weights))
