"""A small device whose every number can be used in a calculation by hand: a line of qubits, cx in both directions."""

from __future__ import annotations

import copy
import json
from typing import Any

from qloop.qpus.device import Device
from qloop.qpus.snapshot import Snapshot
from qloop.qpus.snapshot_files import parse_snapshot


def column(values: list[float], date: int = 0) -> dict[str, Any]:
    return {"value": values, "date": [date] * len(values)}


def gate(name: str, qubits: list[list[int]], errors: list[float], length_ns: float) -> dict[str, Any]:
    lengths = column([length_ns] * len(qubits), 1)
    return {"name": name, "qubits": qubits, "error": column(errors, 1), "length_ns": lengths}


def line_data(n: int = 3) -> dict[str, Any]:
    """Plain data of a line of n qubits; qubit k has T1 = (k + 1) * 100 us, T2 = half of it, readout error 1 or 2 %."""
    singles, pairs = [[k] for k in range(n)], [[k, k + 1] for k in range(n - 1)]
    pairs += [[b, a] for a, b in pairs]
    return {
        "format": 1, "name": "line", "device": "a_line", "processor": "none", "source": "made for tests",
        "licence": "Apache-2.0", "taken": "2026-01-02T00:00:00Z", "n_qubits": n, "dt_ns": 1.0,
        "rep_delay_ns": {"default": 100_000, "low": 0, "high": 500_000}, "basis_gates": ["cx", "rz", "sx", "x"],
        "qubits": {"t1_ns": column([(k + 1) * 1e5 for k in range(n)]),
                   "t2_ns": column([(k + 1) * 5e4 for k in range(n)]),
                   "readout_error": column([0.01 + 0.01 * (k % 2) for k in range(n)], 1),
                   "readout_ns": column([1000.0] * n, 1)},
        "gates": [gate("cx", pairs, [0.02] * len(pairs), 300.0), gate("rz", singles, [0.0] * n, 0.0),
                  gate("sx", singles, [0.001] * n, 50.0), gate("x", singles, [0.003] * n, 50.0)],
        "dates": ["2026-01-01T00:00:00Z", "2026-01-01T23:00:00Z"],
    }


def parsed(data: dict[str, Any]) -> Snapshot:
    return parse_snapshot(json.dumps(data).encode(), "the test's snapshot")


def line(n: int = 3) -> Snapshot:
    return parsed(line_data(n))


def line_device(n: int = 3) -> Device:
    return Device(line(n))


def changed(path: list[str | int], value: Any, n: int = 3) -> dict[str, Any]:
    """The line's data with one entry replaced."""
    data = copy.deepcopy(line_data(n))
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data
