"""The checks that a calibration snapshot must pass before anything is computed from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime

from qloop.errors import InvalidInput
from qloop.qpus.snapshot import Column, Gate, Snapshot

FORMAT = 1
MAX_QUBITS = 100_000
KNOWN_GATES = ("id", "rz", "sx", "x", "cx", "cz", "ecr")
"""The gates that a twin can compile to; the first four act on one qubit."""

_Range = tuple[Callable[[float], bool], str]
_TIME: _Range = (lambda value: 0.0 < value < 1e12, "a time in ns between 0 and 1e12")
_LENGTH: _Range = (lambda value: 0.0 <= value < 1e12, "a length in ns from 0 to 1e12")
_PROBABILITY: _Range = (lambda value: 0.0 <= value <= 1.0, "a probability from 0 to 1")


def check_snapshot(snapshot: Snapshot, origin: str) -> None:
    """Raise `InvalidInput` for the first value that no device can have."""
    _check_head(snapshot, origin)
    for date in (snapshot.taken, *snapshot.dates):
        _check_date(date, origin)
    qubits, n = snapshot.qubits, snapshot.n_qubits
    named = {"t1_ns": (qubits.t1_ns, _TIME), "t2_ns": (qubits.t2_ns, _TIME),
             "readout_error": (qubits.readout_error, _PROBABILITY), "readout_ns": (qubits.readout_ns, _TIME)}
    labels = [f"qubit {index}" for index in range(n)]
    for name, (column, allowed) in named.items():
        _check_column(column, name, labels, allowed, len(snapshot.dates), origin)
    for gate in snapshot.gates:
        _check_gate(gate, n, len(snapshot.dates), origin)
    _check_universal(snapshot, origin)


def _fail(origin: str, what: str, why: str) -> InvalidInput:
    return InvalidInput(f"{origin}: {what}", why, "Correct the file, or make it anew with tools/make_snapshots.py")


def _check_head(snapshot: Snapshot, origin: str) -> None:
    """Format, size, timing constants and the names of the gates."""
    if snapshot.format != FORMAT:
        raise _fail(origin, f"format {snapshot.format}", f"this qloop reads format {FORMAT}")
    if not 1 <= snapshot.n_qubits <= MAX_QUBITS:
        raise _fail(origin, f"n_qubits is {snapshot.n_qubits}", f"a device has 1 to {MAX_QUBITS} qubits")
    if not 0.0 < snapshot.dt_ns < 1e6:
        raise _fail(origin, f"dt_ns is {snapshot.dt_ns}", "the time step must be positive")
    delay = snapshot.rep_delay_ns
    if not 0 <= delay.low <= delay.default <= delay.high < 10**12:
        raise _fail(origin, f"rep_delay_ns is {delay.low}..{delay.high}, default {delay.default}",
                    "need 0 <= low <= default <= high")
    listed = [gate.name for gate in snapshot.gates]
    if sorted(listed) != sorted(snapshot.basis_gates) or len(set(listed)) != len(listed):
        raise _fail(origin, f"gates {listed} but basis_gates {list(snapshot.basis_gates)}",
                    "every gate of the basis needs one table")


def _check_date(date: str, origin: str) -> None:
    try:
        aware = datetime.fromisoformat(date).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise _fail(origin, f"date {date!r}", "dates are ISO 8601 with an offset or Z")


def _check_column(column: Column, name: str, labels: list[str], allowed: _Range, n_dates: int, origin: str) -> None:
    """One value and one date per label, each in its range."""
    for part, length in (("values", len(column.value)), ("dates", len(column.date))):
        if length != len(labels):
            raise _fail(origin, f"{name} has {length} {part}, not {len(labels)}", "a value or a date is missing")
    is_good, text = allowed
    for label, value, date in zip(labels, column.value, column.date, strict=True):
        if not (math.isfinite(value) and is_good(value)):
            raise _fail(origin, f"{name} of {label} is {value}", f"it must be {text}")
        if not 0 <= date < n_dates:
            raise _fail(origin, f"{name} of {label} has date index {date}", f"there are {n_dates} dates")


def _check_gate(gate: Gate, n: int, n_dates: int, origin: str) -> None:
    """A gate that a twin knows, on qubits that exist, once per place."""
    if gate.name not in KNOWN_GATES:
        raise _fail(origin, f"gate {gate.name!r}", f"a twin compiles to {', '.join(KNOWN_GATES)}")
    arity = 1 if gate.name in KNOWN_GATES[:4] else 2
    for place in gate.qubits:
        if len(place) != arity or len(set(place)) != arity or not _inside(place, n):
            raise _fail(origin, f"{gate.name} on qubits {list(place)}",
                        f"it acts on {arity} different qubit(s) of 0..{n - 1}")
    if len(set(gate.qubits)) != len(gate.qubits):
        raise _fail(origin, f"{gate.name} lists a place twice", "each place is calibrated once")
    labels = [f"{gate.name} on {list(place)}" for place in gate.qubits]
    _check_column(gate.error, "error", labels, _PROBABILITY, n_dates, origin)
    _check_column(gate.length_ns, "length_ns", labels, _LENGTH, n_dates, origin)


def _inside(place: Iterable[int], n: int) -> bool:
    return all(0 <= qubit < n for qubit in place)


def _check_universal(snapshot: Snapshot, origin: str) -> None:
    """Without rz and sx on every qubit no circuit can be compiled; x may be made from them."""
    tables = {gate.name: gate for gate in snapshot.gates}
    for name in ("rz", "sx"):
        have = set(tables[name].qubits) if name in tables else set()
        missing = [qubit for qubit in range(snapshot.n_qubits) if (qubit,) not in have]
        if missing:
            raise _fail(origin, f"{name} is missing on qubit {missing[0]}", "every qubit needs rz and sx")
