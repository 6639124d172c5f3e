"""One column of numbers of a CSV or Parquet file."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, MissingExtra
from qloop.simulator.workload.family import Floats

MOST_ROWS = 20_000_000


def read(file: Any, column: str, what: str) -> Floats:
    """The numbers of a column of a file: Parquet by its name (.parquet, .pq), else CSV with a header line.

    Raises InvalidInput for a file or column that is not there, a damaged file, and anything that is no finite number,
    with its row (the first row of data is 1); MissingExtra where Parquet cannot be read.
    """
    path = Path(str(file))
    if not path.is_file():
        raise InvalidInput(f"The file {str(path)!r} of {what} is not there", "",
                           "Give the path of a CSV or Parquet file")
    values = _parquet(path, column) if path.suffix in (".parquet", ".pq") else _csv(path, column)
    if not len(values):
        raise InvalidInput(f"The column {column!r} of {path.name} is empty", "", "Give a file with at least one row")
    if len(values) > MOST_ROWS:
        raise InvalidInput(f"{path.name} has {len(values)} rows", "They would not fit into memory",
                           f"Give at most {MOST_ROWS}")
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InvalidInput(f"Row {wrong[0] + 1} of the column {column!r} of {path.name} is empty or not finite", "",
                           "Give a number in each row")
    return values


def _csv(path: Path, column: str) -> Floats:
    """The column of a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.reader(lines)
            place = _place(path, column, [name.strip() for name in next(rows, [])])
            return np.array([_number(row, place, i, path, column) for i, row in enumerate(rows, 1) if row])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path.name} is not a CSV file", str(error),
                           "Give a text file with a header line") from error


def _number(row: Sequence[str], place: int, i: int, path: Path, column: str) -> float:
    """One number of a row."""
    said = row[place] if place < len(row) else ""
    try:
        return float(said)
    except ValueError:
        raise InvalidInput(f"Row {i} of the column {column!r} of {path.name} is {said!r}", "It is not a number",
                           "Give a number in each row") from None


def _parquet(path: Path, column: str) -> Floats:
    """The column of a Parquet file."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Reading Parquet files", "simulator") from error
    try:
        file = parquet.ParquetFile(path)
        _place(path, column, file.schema_arrow.names)
        values = file.read([column]).column(column)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"{path.name} cannot be read", str(error).splitlines()[0],
                           "It is damaged or no Parquet file; write it again") from error
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise InvalidInput(f"The column {column!r} of {path.name} is of type {values.type}", "It is not a number",
                           "Give a column of numbers")
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _place(path: Path, column: str, names: list[str]) -> int:
    """Where the column is."""
    if column not in names:
        near = difflib.get_close_matches(str(column), names, n=1, cutoff=0.5)
        raise InvalidInput(f"{path.name} has no column {column!r}", f"Did you mean {near[0]!r}?" if near else "",
                           f"It has: {', '.join(names) or 'no columns'}")
    return names.index(column)
