"""The columns of a data set that distributions can be fitted to, as one sample for each size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, UnknownName
from qloop.trace.datasets import csv_files, files
from qloop.trace.datasets.checks import check_values, listed, missing_sizes, numbers
from qloop.trace.datasets.schema import TABLES, Column, Dataset

USUAL = (("experiments", ("num_iterations", "pre_s", "cost_time_s", "post_s")),
         ("iterations", ("quantum_s", "classical_s")))


class Sample(msgspec.Struct, frozen=True):
    """Values (n,) of one column for one size; size 0 where the file has no column n_qubits."""

    column: str
    unit: str
    size: int
    values: NDArray[np.float64]

    @property
    def name(self) -> str:
        """What messages and figures call it."""
        return self.column + (f", {self.size} qubits" if self.size else "")


def samples(source: str | Path, column: str = "", sizes: Sequence[int] = ()) -> list[Sample]:
    """The samples of a data set, or of any CSV file with a header.

    `column`: only this one, such as "pre_s" or "iterations.classical_s"; by default those of the paper's model.
    `sizes`: only these. Raises InvalidInput or UnknownName for what is not there, and for text among numbers.
    """
    path = Path(source)
    generic = path.is_file() and path.stem not in TABLES
    found = _of_file(path, column) if generic else _of_dataset(files.load(path), column, str(path))
    if sizes:
        missing_sizes(sizes, sorted({one.size for one in found}), column or "measurement")
    return [one for one in found if not sizes or one.size in sizes]


def _of_dataset(dataset: Dataset, column: str, where: str) -> list[Sample]:
    """Those of a data set."""
    wanted = [(table, name) for table, names in USUAL for name in names if name in dataset.table(table)]
    if column:
        wanted = [_found(dataset, column, where)]
    if not wanted:
        raise InvalidInput(f"{where} has nothing to fit", "It has no measured times", "Name a column with --column")
    return [sample for table, name in wanted for sample in _by_size(dataset, table, name)]


def _found(dataset: Dataset, column: str, where: str) -> tuple[str, str]:
    """The table and the column that are meant."""
    table = column.rpartition(".")[0]
    names: dict[str, tuple[str, str]] = {}
    for one in [table] if table else TABLES:
        for known in dataset.table(one):
            fits = TABLES[one].column(known).kind != "text" and TABLES[one].column(known).least is not None
            if fits:        # the first table that has it: experiments, then iterations
                names.setdefault(f"{one}.{known}" if table else known, (one, known))
    if column not in names:
        raise UnknownName(f"column of {where}", column, names)
    return names[column]


def _by_size(dataset: Dataset, table: str, name: str) -> list[Sample]:
    rows, unit = dataset.table(table), TABLES[table].column(name).unit
    return [Sample(name, unit, size, rows[name][rows["n_qubits"] == size].astype(np.float64))
            for size in dataset.sizes(table)]


def _of_file(path: Path, column: str) -> list[Sample]:
    """Those of a CSV file of any columns."""
    if path.suffix != ".csv":
        raise InvalidInput(f"{path.name} cannot be fitted", "It is no CSV file, nor a table of a data set",
                           "Give a folder, a CSV file, or a Parquet file that is named like a table")
    texts = csv_files.texts(path)
    if column and column not in texts:
        raise UnknownName(f"column of {path}", column, texts)
    names = [column] if column else [name for name in texts if name != "n_qubits"]
    if not names:
        raise InvalidInput(f"{path} has nothing to fit", f"Its columns: {listed(list(texts))}", "Add one of values")
    grouped = "n_qubits" in texts
    sizes = numbers(texts["n_qubits"], Column("n_qubits", "whole", "", ""), str(path)) if grouped else None
    found = []
    for name in names:
        shown = Column(name, "real", "", "")
        values = numbers(texts[name], shown, str(path))
        check_values(values, shown, str(path), 2)
        groups = [0] if sizes is None else np.unique(sizes).tolist()
        found += [Sample(name, "", size, values if sizes is None else values[sizes == size]) for size in groups]
    if any(not len(sample.values) for sample in found) or not found:
        raise InvalidInput(f"{path} holds no rows", "", "Give some values")
    return found


def fitted_to(sample: Sample) -> str:
    """What the fit of a sample is called, with its unit."""
    return f"{sample.column} ({sample.unit})" if sample.unit else sample.column
