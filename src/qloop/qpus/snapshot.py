"""Calibration snapshots: what a real device measured about itself, each parameter with its own date.

The shipped ones, their source and their file format are described in `snapshots/README.md`.
"""

from __future__ import annotations

import msgspec

BROKEN_ERROR = 0.5
"""A gate or readout that errs at least this often carries no information: broken, never used (spec: efaas 3)."""

class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One calibrated parameter over qubits or gate places: `value` and, per value, an index into the dates."""

    value: tuple[float, ...]
    date: tuple[int, ...]


class Qubits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Per qubit: relaxation and dephasing times (ns), readout error (probability), readout length (ns)."""

    t1_ns: Column
    t2_ns: Column
    readout_error: Column
    readout_ns: Column


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate of the basis: the qubits of every calibrated place, with error (probability) and length (ns)."""

    name: str
    qubits: tuple[tuple[int, ...], ...]
    error: Column
    length_ns: Column


class RepDelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pause before each shot, in ns: what the device uses by itself, and what it accepts."""

    default: int
    low: int
    high: int


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device at one moment. Times in ns, errors as probabilities, dates as ISO 8601 in UTC."""

    format: int
    name: str
    device: str
    processor: str
    source: str
    licence: str
    taken: str
    n_qubits: int
    dt_ns: float
    rep_delay_ns: RepDelay
    basis_gates: tuple[str, ...]
    qubits: Qubits
    gates: tuple[Gate, ...]
    dates: tuple[str, ...]
