"""Measurements of a data set in the form that the paper's model draws from.

A data set is a folder that `qloop dataset record` or `import` has written, or one in the layout of the shipped
measurements; of those, this gives the same as `measurements.shipped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper.measurements import HOME, Floats, Measured
from qloop.trace.datasets.checks import missing_sizes
from qloop.trace.datasets.files import load
from qloop.trace.datasets.schema import Dataset

OWN = HOME.with_name("own_recording")
"""Our own recording of 4 to 14 qubits, which ships with qloop."""
ESTIMATED, RAW = "estimated", "raw"
COLUMNS = MappingProxyType({"pre_s": "pre_s", "cost_s": "cost_time_s", "post_s": "post_s",
                            "iterations": "num_iterations"})


def recorded(source: str | Path, sizes: Iterable[int] = (), *, quantum: str = ESTIMATED) -> Mapping[int, Measured]:
    """The measurements of a data set for these sizes (qubits), or for all that it has.

    `quantum`: "estimated" scales execution times to the mean that a provider estimated for its QPU (the data set's
    estimates, or those that ship with qloop), and a size above all executed ones takes the relative shape of the
    largest; "raw" takes execution times as they were measured, in s. Raises InvalidInput for a damaged data set and for
    sizes that it does not have, UnknownName for another `quantum`.
    """
    if quantum not in (ESTIMATED, RAW):
        raise UnknownName("kind of quantum times", quantum, (ESTIMATED, RAW))
    dataset = load(source)
    wanted = sorted(set(sizes)) or list(dataset.sizes())
    missing_sizes(wanted, dataset.sizes(), f"experiment in {source}")
    executed = dataset.sizes("iterations")
    if not executed:
        raise InvalidInput(f"{source} has no execution times", "Its table of iterations is empty or not there",
                           "Record or import them, too")
    if quantum == RAW:
        missing_sizes(wanted, executed, f"execution time in {source}")
        return MappingProxyType({size: _measured(dataset, size, _executions(dataset, size)) for size in wanted})
    estimates = _estimates(dataset)
    missing_sizes(wanted, sorted(estimates), "estimate of the time on a QPU")
    shapes = {size: _executions(dataset, _shape_of(size, executed, source)) for size in wanted}
    return MappingProxyType({size: _measured(dataset, size, shapes[size] * (estimates[size] / shapes[size].mean()))
                             for size in wanted})


def _measured(dataset: Dataset, size: int, quantum_s: Floats) -> Measured:
    rows = dataset.table("experiments")
    chosen = rows["n_qubits"] == size
    columns = {ours: rows[theirs][chosen].astype(np.float64) for ours, theirs in COLUMNS.items()}
    return Measured(quantum_s=quantum_s, **columns)


def _executions(dataset: Dataset, size: int) -> Floats:
    """The execution times of one size."""
    rows = dataset.table("iterations")
    found: Floats = rows["quantum_s"][rows["n_qubits"] == size]
    if not found.mean() > 0.0:
        raise InvalidInput(f"The execution times of {size} qubits are all 0", "They have no shape to scale",
                           "Record them again, or set quantum to 'raw'")
    return found


def _shape_of(size: int, executed: tuple[int, ...], source: str | Path) -> int:
    """The size whose execution times give the shape."""
    if size > executed[-1]:
        return executed[-1]
    missing_sizes([size], executed, f"execution time in {source}")
    return size


def _estimates(dataset: Dataset) -> dict[int, float]:
    """The first estimate of each size: the data set's own, or those shipped."""
    rows = dataset.table("estimates") or load(HOME).table("estimates")
    found: dict[int, float] = {}
    for size, seconds in zip(rows["n_qubits"].tolist(), rows["quantum_s"].tolist(), strict=True):
        found.setdefault(size, seconds)
    return found
