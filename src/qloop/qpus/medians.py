"""What a calibration snapshot says at a glance: median errors, and what they leave of a small entangled state."""

from __future__ import annotations

from statistics import median

import msgspec

from qloop.qpus.snapshot import BROKEN_ERROR, Snapshot

GHZ_QUBITS = 8
"""The size of the state by which devices are compared: eight qubits in a line, as a small loop uses."""


class Medians(msgspec.Struct, frozen=True):
    """Median errors (probabilities) and coherence times (us) over what works; `two_qubit_gate` names the gate.

    `esp_ghz` is the ESP of a GHZ state of eight qubits with these medians and without idling:
    (1 - e1) (1 - e2)^7 (1 - ro)^8 (spec: efaas 3).
    """

    one_qubit: float
    two_qubit: float
    two_qubit_gate: str
    readout: float
    t1_us: float
    t2_us: float
    esp_ghz: float


def medians(snapshot: Snapshot) -> Medians:
    """The medians of a snapshot; broken gates and readouts (error of 0.5 or more) are left out."""
    singles = [error for gate in snapshot.gates if gate.name in ("sx", "x") for error in gate.error.value]
    pairs = [(gate.name, error) for gate in snapshot.gates
             for place, error in zip(gate.qubits, gate.error.value, strict=True) if len(place) == 2]
    one, two = _median(singles), _median([error for _, error in pairs])
    readout = _median(snapshot.qubits.readout_error.value)
    esp = (1.0 - one) * (1.0 - two) ** (GHZ_QUBITS - 1) * (1.0 - readout) ** GHZ_QUBITS
    return Medians(one, two, pairs[0][0] if pairs else "", readout, median(snapshot.qubits.t1_ns.value) * 1e-3,
                   median(snapshot.qubits.t2_ns.value) * 1e-3, esp)


def _median(errors: list[float] | tuple[float, ...]) -> float:
    works = [error for error in errors if error < BROKEN_ERROR]
    return median(works) if works else 1.0
