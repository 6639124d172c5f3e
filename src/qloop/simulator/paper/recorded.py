"""Measurements of a data set in the form that the paper's model draws from.

A data set is a folder that `qloop dataset record` or `import` has written, or one in the layout of the shipped
measurements; of those, this gives the same as `measurements.shipped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
ESTIMATED, RAW, GIVEN, UNUSED = "estimated", "raw", "given", "unused"
COLUMNS = MappingProxyType({"pre_s": "pre_s", "cost_s": "cost_time_s", "post_s": "post_s",
                            "iterations": "num_iterations"})


def recorded(source: str | Path, sizes: Iterable[int] = (), *, quantum: str = ESTIMATED) -> Mapping[int, Measured]:
    """The measurements of a data set for these sizes (qubits), or for all that it has.

    `quantum`: "estimated" scales execution times to the mean that a provider estimated for its QPU (the data set's
    estimates, or those that ship with qloop), and a size above all executed ones takes the relative shape of the
    largest; "raw" takes execution times as they were measured, in s; "given" is "estimated" for a data set with
    estimates of its own, else "raw"; "unused" leaves them out, and the data set needs none. Raises InvalidInput for a
    damaged data set and for sizes that it does not have, UnknownName for another `quantum`.
    """
    kinds = (ESTIMATED, RAW, GIVEN, UNUSED)
    if quantum not in kinds:
        raise UnknownName("kind of quantum times", quantum, kinds)
    dataset = load(source)
    wanted = sorted(set(sizes)) or list(dataset.sizes())
    _need(wanted, dataset.sizes(), f"experiment in {source}")
    if quantum == UNUSED:
        return MappingProxyType({size: _measured(dataset, size, np.zeros(0)) for size in wanted})
    scaled = quantum == ESTIMATED or (quantum == GIVEN and bool(dataset.table("estimates")))
    quantum_s = _scaled(dataset, wanted, source) if scaled else _raw(dataset, wanted, source)
    return MappingProxyType({size: _measured(dataset, size, quantum_s[size]) for size in wanted})


def _raw(dataset: Dataset, wanted: Sequence[int], source: str | Path) -> dict[int, Floats]:
    """The execution times of each size as they were measured."""
    _need(wanted, _executed(dataset, source), f"execution time in {source}")
    return {size: _executions(dataset, size) for size in wanted}


def _scaled(dataset: Dataset, wanted: Sequence[int], source: str | Path) -> dict[int, Floats]:
    """The execution times of each size with the mean that was estimated for it."""
    executed, estimates = _executed(dataset, source), _estimates(dataset)
    _need(wanted, sorted(estimates), "estimate of the time on a QPU")
    shapes = {size: _executions(dataset, _shape_of(size, executed, source)) for size in wanted}
    return {size: shapes[size] * (estimates[size] / shapes[size].mean()) for size in wanted}


def _executed(dataset: Dataset, source: str | Path) -> tuple[int, ...]:
    """The sizes that have execution times; InvalidInput if none has."""
    executed = dataset.sizes("iterations")
    if not executed:
        raise InvalidInput(f"{source} has no execution times", "Its table of iterations is empty or not there",
                           "Record or import them, too")
    return executed


def _need(wanted: Sequence[int], found: Sequence[int], what: str) -> None:
    """Raise InvalidInput, with the sizes to choose, if a wanted size (qubits) is not among those found."""
    try:
        missing_sizes(wanted, found, what)
    except InvalidInput as error:
        raise InvalidInput(error.what, error.why, f"Choose among them (sizes = {list(found)}), or record the others "
                           "with 'qloop dataset record --sizes ...'") from None


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
    _need([size], executed, f"execution time in {source}")
    return size


def _estimates(dataset: Dataset) -> dict[int, float]:
    """The first estimate of each size: the data set's own, or those shipped."""
    rows = dataset.table("estimates") or load(HOME).table("estimates")
    found: dict[int, float] = {}
    for size, seconds in zip(rows["n_qubits"].tolist(), rows["quantum_s"].tolist(), strict=True):
        found.setdefault(size, seconds)
    return found
