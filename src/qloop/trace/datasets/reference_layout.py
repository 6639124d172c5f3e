"""The layout of the paper's measurements: one CSV file a quantity, the size first, row i of each the same experiment.

The files are those of `simulator/data/hybrid_serverless`. They know fewer columns than a data set; instances are
numbered in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.trace.datasets import csv_files
from qloop.trace.datasets.checks import check_rows, check_values, listed, numbers
from qloop.trace.datasets.schema import TABLES, Dataset, Rows, rows_of

# file: its second column there, and the column of `experiments`
EXPERIMENT_FILES = MappingProxyType({
    "num_iterations.csv": ("num_iterations", "num_iterations"), "pre.csv": ("pre", "pre_s"),
    "cost_time.csv": ("cost_time", "cost_time_s"), "post.csv": ("post", "post_s")})
ESTIMATE_FILES = MappingProxyType({
    "ibm_job_estimate_least_busy.csv": "estimates", "ibm_job_estimate_by_backend.csv": "backend_estimates"})
EXECUTIONS, ALL_EXECUTIONS = "exec_time.csv", "exec_time*.csv"


def is_reference(folder: Path) -> bool:
    """Whether a folder holds files of this layout."""
    return any((folder / name).exists() for name in EXPERIMENT_FILES)


def read(folder: Path) -> Dataset:
    """The data set in a folder of this layout.

    Raises InvalidInput for a file that is missing or damaged, and where files disagree about the sizes of their rows.
    """
    tables = {"experiments": _experiments(folder)}
    executions = sorted(folder.glob(ALL_EXECUTIONS))
    if len(executions) > 1:
        raise InvalidInput(f"{folder} has several files of execution times", listed([one.name for one in executions]),
                           "Keep one")
    if executions:
        tables["iterations"] = _executions(executions[0])
    for name, table in ESTIMATE_FILES.items():
        if (folder / name).exists():
            tables[table] = _estimates(folder / name, table)
    return Dataset(MappingProxyType(tables))


def write(dataset: Dataset, folder: Path) -> list[Path]:
    """Write a data set in this layout and return its files; columns that the layout does not know are left out."""
    runs, written = dataset.table("experiments"), []
    if not runs:
        raise InvalidInput("The data set has no experiments", "The reference layout is made of them",
                           "Export it as csv or parquet")
    for name, (theirs, ours) in EXPERIMENT_FILES.items():
        csv_files.write({"n_qubits": runs["n_qubits"], theirs: runs[ours]}, folder / name)
        written.append(folder / name)
    steps = dataset.table("iterations")
    if steps:
        csv_files.write({"n_qubits": steps["n_qubits"], "exec_time": steps["quantum_s"]}, folder / EXECUTIONS)
        written.append(folder / EXECUTIONS)
    for name, table in ESTIMATE_FILES.items():
        rows = dataset.table(table)
        if rows:
            columns = {column: rows[column] for column in TABLES[table].required}
            csv_files.write(columns, folder / name, header=False)
            written.append(folder / name)
    return written


def _experiments(folder: Path) -> Rows:
    """One row for each experiment, joined from the four files."""
    found = {name: _pair(folder / name, theirs, "experiments", ours)
             for name, (theirs, ours) in EXPERIMENT_FILES.items()}
    first = next(iter(found))
    sizes = found[first]["n_qubits"]
    for name, rows in found.items():
        if not np.array_equal(sizes, rows["n_qubits"]):
            raise InvalidInput(f"{folder / name} does not have the rows of {first}", _differ(sizes, rows["n_qubits"]),
                               "Row i of each file must be the same experiment")
    columns = {ours: found[name][ours] for name, (_, ours) in EXPERIMENT_FILES.items()}
    joined = {"n_qubits": sizes, "instance": _running(sizes), **columns}
    check_rows(joined, TABLES["experiments"], str(folder))
    return joined


def _differ(one: NDArray[np.int64], two: NDArray[np.int64]) -> str:
    """Where two columns of sizes differ first."""
    missing = sorted(set(one.tolist()) ^ set(two.tolist()))
    if missing:
        return f"Only one of them has rows of {', '.join(map(str, missing))} qubits"
    if len(one) != len(two):
        return f"They have {len(two)} and {len(one)} rows"
    row = int(np.argmax(one != two))
    return f"Row {row + 2} is of {two[row]} qubits here and of {one[row]} there"


def _running(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of each row among those of its size."""
    numbered = np.zeros(len(sizes), dtype=np.int64)
    for size in np.unique(sizes):
        numbered[sizes == size] = np.arange(int((sizes == size).sum()))
    return numbered


def _executions(path: Path) -> Rows:
    rows = _pair(path, "exec_time", "iterations", "quantum_s")
    check_rows(rows, TABLES["iterations"], str(path))
    return rows


def _pair(path: Path, theirs: str, table: str, ours: str) -> Rows:
    """The size and one quantity of a file, under the names of the table."""
    texts = csv_files.texts(path)
    _check_header(path, texts, theirs)
    found = {}
    for name, called in (("n_qubits", "n_qubits"), (ours, theirs)):
        column = msgspec.structs.replace(TABLES[table].column(name), name=called)
        found[name] = numbers(texts[called], column, str(path))
        check_values(found[name], column, str(path), 2)
    if not rows_of(found):
        raise InvalidInput(f"{path} holds no rows", "", "Give a row for each experiment")
    return found


def _check_header(path: Path, texts: Mapping[str, object], theirs: str) -> None:
    """Both columns are there, and no other."""
    for name in ("n_qubits", theirs):
        if name not in texts:
            raise InvalidInput(f"{path} has no column {name!r}", f"Its columns: {listed(list(texts))}",
                               f"The reference layout has here n_qubits,{theirs}")
    if len(texts) > 2:
        other = [name for name in texts if name not in ("n_qubits", theirs)]
        raise InvalidInput(f"{path} has a column {other[0]!r}", "The reference layout does not know it",
                           f"It has here n_qubits,{theirs}")


def _estimates(path: Path, table: str) -> Rows:
    names = TABLES[table].required
    texts = csv_files.texts(path, header=names)
    rows = {name: numbers(texts[name], TABLES[table].column(name), str(path), first=1) for name in names}
    check_rows(rows, TABLES[table], str(path), first=1)
    return rows
