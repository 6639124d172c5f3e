"""Twins' durations beside IBM's own usage estimates: one EfficientSU2 circuit with 4096 shots, measured on all qubits.

The estimates are part of the measurements of the hybrid serverless model (`qloop/simulator/data/hybrid_serverless`):
Qiskit Runtime's `usage_estimation` of a SamplerV2 call, for the two devices of which qloop has a snapshot as well.
"""

from __future__ import annotations

import csv
import dataclasses
from importlib import resources
from typing import Any

import numpy as np

SHOTS = 4096
FILES = {"torino": "ibm_job_estimate_by_backend.csv", "sherbrooke": "ibm_job_estimate_least_busy.csv"}


def published(device: str) -> list[tuple[int, float]]:
    """(qubits, seconds) of IBM's estimates for a device, in the file's order."""
    text = (resources.files("qloop.simulator") / "data" / "hybrid_serverless" / FILES[device]).read_text()
    return [(int(row[1]), float(row[3])) for row in csv.reader(text.splitlines()) if row[2] == f"ibm_{device}"]


def estimates() -> list[dict[str, Any]]:
    """For every published estimate: its seconds, and what the twin takes for the same circuit."""
    from qiskit.circuit.library import efficient_su2

    from qloop.qpus.isa import compile_isa
    from qloop.qpus.protocol import Request
    from qloop.qpus.twin import TwinQpu

    found = []
    for device in FILES:
        twin = TwinQpu(device)
        one = twin.compile(efficient_su2(2), None)
        for n, seconds in published(device):
            # Wider circuits than can be simulated have a duration all the same.
            isa = compile_isa(efficient_su2(n), tuple(range(n)), twin.device, 0)
            program = dataclasses.replace(one, isa=isa)
            ours = twin.duration(program, Request(np.zeros((1, 16)), SHOTS, (bytes(32),), counts=True)) * 1e-9
            found.append({"device": device, "n": n, "ibm_s": seconds, "twin_s": ours, "error": ours / seconds - 1.0})
    return found


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By device: ranges, the median error, and the overhead with which it would be zero."""
    found = []
    for device in FILES:
        mine = [row for row in rows if row["device"] == device]
        ibm, twin, errors = (np.array([row[key] for row in mine]) for key in ("ibm_s", "twin_s", "error"))
        missing = float(np.median(ibm - twin))
        fitted = np.abs((twin + missing) / ibm - 1.0)
        found.append({"device": device, "n": [mine[0]["n"], mine[-1]["n"]], "ibm_s": [ibm.min(), ibm.max()],
                      "twin_s": [twin.min(), twin.max()], "median_error": float(np.median(errors)),
                      "worst_error": float(errors[np.argmax(np.abs(errors))]), "missing_s": missing,
                      "fitted_error": float(np.median(fitted))})
    return found
