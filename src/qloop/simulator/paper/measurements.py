"""The measurements that ship with qloop: pre, one classical iteration, post, quantum execution, iterations, by size.

Source: C. Cicconetti, "Modeling and Performance Evaluation of Hybrid Classical-Quantum Serverless Computing Platforms",
data of version 1.0.0 (MIT licence; see the README beside the files).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

HOME = Path(__file__).parents[1] / "data" / "hybrid_serverless"
LARGEST_EXECUTED = 10       # executions were recorded up to this size; larger ones take its relative shape
COLUMNS = MappingProxyType({"pre.csv": "pre_s", "cost_time.csv": "cost_s", "post.csv": "post_s",
                            "num_iterations.csv": "iterations"})

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at one size: seconds, and iterations; row i of all but `quantum_s` is one experiment.

    `quantum_s` are execution times scaled to the mean that IBM estimated for its least busy QPU.
    """

    pre_s: Floats
    cost_s: Floats
    post_s: Floats
    iterations: Floats
    quantum_s: Floats


def shipped(sizes: Iterable[int], home: Path = HOME) -> Mapping[int, Measured]:
    """The measurements of these sizes (qubits).

    Raises InvalidInput for a size that was not measured, or a file with text among its numbers.
    """
    wanted = sorted(set(sizes))
    tables = {column: read(home / name) for name, column in COLUMNS.items()}
    executed = read(home / "exec_time_4_to_10_qubits.csv")
    estimates = read(home / "ibm_job_estimate_least_busy.csv", columns=(1, 3), header=0)
    found = {}
    for size in wanted:
        columns = {column: of_size(rows, size, column) for column, rows in tables.items()}
        shape = of_size(executed, min(size, LARGEST_EXECUTED), "execution time")
        estimate = of_size(estimates, size, "IBM estimate")[0]
        found[size] = Measured(quantum_s=shape * (estimate / shape.mean()), **columns)
    return MappingProxyType(found)


def read(path: Path, columns: tuple[int, int] = (0, 1), header: int = 1) -> Floats:
    """Two columns of numbers of a CSV file, shape (rows, 2): size and value."""
    try:
        rows = np.loadtxt(path, delimiter=",", skiprows=header, usecols=columns, ndmin=2)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The measurements in {path.name} cannot be read", str(error),
                           "Give a CSV file of numbers with the documented columns") from error
    if not np.isfinite(rows).all() or (rows[:, 1] < 0.0).any():
        raise InvalidInput(f"The measurements in {path.name} hold a value that is not finite or negative", "",
                           "Give times in seconds and counts")
    return rows


def of_size(rows: Floats, size: int, what: str) -> Floats:
    """The values of one size."""
    values: Floats = rows[rows[:, 0] == size, 1]
    if not len(values):
        known = ", ".join(str(int(value)) for value in np.unique(rows[:, 0]))
        raise InvalidInput(f"There is no {what} for {size} qubits", "", f"Choose among: {known}")
    return values
