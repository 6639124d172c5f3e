"""Parquet files of a data set: one file a table, with units and meanings in the metadata of its columns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, MissingExtra
from qloop.trace.datasets.checks import check_names, check_rows
from qloop.trace.datasets.csv_files import replace
from qloop.trace.datasets.schema import VERSION, Column, Rows, Table

LARGEST_ROWS = 200_000_000


def read(path: Path, table: Table, limit: int = LARGEST_ROWS) -> Rows:
    """A checked table.

    Raises InvalidInput for a file that is not there, cut short, damaged, of more than `limit` rows, with empty values,
    or with another kind of values than the schema says; MissingExtra without pyarrow.
    """
    parquet = _library("Reading a Parquet file")
    from pyarrow import ArrowException

    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        if file.metadata.num_rows > limit:
            raise InvalidInput(f"{path} has {file.metadata.num_rows:,} rows", f"At most {limit:,} are read at once",
                               "Split it by size")
        check_names(file.schema_arrow.names, table, str(path))
        loaded = file.read()
    except OSError as error:
        raise _damaged(path, error) from None
    except (ArrowException, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise _damaged(path, error) from None
    rows = {name: _values(loaded.column(name), table.column(name), path) for name in loaded.column_names}
    check_rows(rows, table, str(path), first=1)
    return rows


def write(rows: Rows, path: Path, table: Table) -> None:
    """Write a table; the file appears whole or not at all. InvalidInput if it cannot be written."""
    parquet = _library("Writing a Parquet file")
    import pyarrow as pa

    kinds = {"whole": pa.int64(), "real": pa.float64(), "text": pa.string()}
    columns = [table.column(name) for name in rows]
    schema = pa.schema([pa.field(column.name, kinds[column.kind], nullable=False,
                                 metadata={"unit": column.unit, "meaning": column.meaning}) for column in columns],
                       metadata={"qloop_table": table.name, "qloop_dataset_version": str(VERSION)})
    made = pa.Table.from_arrays([pa.array(rows[column.name], type=kinds[column.kind]) for column in columns],
                                schema=schema)
    buffer = io.BytesIO()
    parquet.write_table(made, buffer, compression="zstd", write_page_checksum=True)
    replace(path, buffer.getvalue())


def _library(what: str) -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtra(what, "simulator") from None
    return parquet


def _values(chunks: Any, column: Column, path: Path) -> NDArray[Any]:
    """A column as an array of the schema's kind."""
    import pyarrow as pa

    where = f"{path}, column {column.name!r}"
    if chunks.null_count:
        row = chunks.is_null().to_pylist().index(True) + 1
        raise InvalidInput(f"{where}, row {row} is empty", "A value must stand there", "Fill it or remove the row")
    number = pa.types.is_integer(chunks.type) or pa.types.is_floating(chunks.type)
    if column.kind == "text":
        if not (pa.types.is_string(chunks.type) or pa.types.is_large_string(chunks.type)):
            raise InvalidInput(f"{where} holds {chunks.type}", "Text must stand there", "Convert the column")
        return np.array(chunks.to_pylist(), dtype=object)
    if not number:
        raise InvalidInput(f"{where} holds {chunks.type}", "Numbers must stand there", "Convert the column")
    values = chunks.to_numpy()
    if column.kind == "real":
        return np.asarray(values, dtype=np.float64)
    whole = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values.astype(np.float64)) < 2.0**63)
    if not whole.all():
        row = int(np.argmin(whole))
        raise InvalidInput(f"{where}, row {row + 1} holds {values[row]}", "It counts things", "Give a whole number")
    counts: NDArray[Any] = values.astype(np.int64)
    return counts


def _damaged(path: Path, error: Exception) -> InvalidInput:
    """The error for a file that is not there or not (or no longer) a Parquet file."""
    if not path.exists():
        return InvalidInput(f"{path} cannot be read", "No such file", "Name a file that is there")
    if path.stat().st_size == 0:
        return InvalidInput(f"{path} is empty", "", "Give a Parquet file with rows")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InvalidInput(f"{path} is not a whole Parquet file", f"{reason[:200]}; was it cut short",
                        "Copy or write it again")
