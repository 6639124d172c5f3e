"""CSV files of a data set: UTF-8, comma, a header row, numbers written so that they are read back to the last bit."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.trace.datasets.schema import Rows

LARGEST_BYTES = 1 << 30


def texts(path: Path, header: Sequence[str] | None = None, limit: int = LARGEST_BYTES) -> Mapping[str, Sequence[str]]:
    """The columns of a file as texts; `header` names them where the file has no header row.

    Raises InvalidInput for a file that is not there, empty, larger than `limit` bytes, not UTF-8, or ragged.
    """
    content = _content(path, limit)
    rows = _rows(content, path)
    if not rows:
        raise InvalidInput(f"{path} is empty", "", "Give a CSV file with a header and rows of numbers")
    names = list(rows[0] if header is None else header)
    body = rows[1:] if header is None else rows
    for number, row in enumerate(body, 2 if header is None else 1):
        if len(row) != len(names):
            raise InvalidInput(f"{path}, row {number} has {len(row)} values, not {len(names)}",
                               "Each row needs a value for each column", "Correct the row; was the file cut short?")
    columns = list(zip(*body, strict=True)) or [()] * len(names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"{path} has the column {twice!r} twice", "", "Keep one of them")
    return dict(zip(names, columns, strict=True))


def _content(path: Path, limit: int) -> str:
    """The file's text."""
    try:
        size = path.stat().st_size
        if size > limit:
            raise InvalidInput(f"{path} has {size / 1e6:,.0f} MB", f"CSV files are read up to {limit / 1e6:,.0f} MB",
                               "Convert it to Parquet, or split it by size")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read", error.strerror or str(error), "Name another file") from None
    if b"\0" in content[:4096]:
        raise InvalidInput(f"{path} is not a text file", "It holds bytes of value 0, as binary files and UTF-16 do",
                           "Save it as CSV in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{path}, row {line} is not UTF-8", f"Byte {error.start} is {content[error.start]:#04x}",
                           "Save it in UTF-8") from None


def _rows(content: str, path: Path) -> list[list[str]]:
    """The rows that are not empty lines at the end."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InvalidInput(f"{path}, row {reader.line_num} cannot be read", str(error), "Correct the row") from None
    while rows and not rows[-1]:
        rows.pop()
    return rows


def line(values: Sequence[Any]) -> str:
    """One row as it stands in a file; floats in the shortest form that is read back to the last bit."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_plain(value) for value in values])
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def write(rows: Rows, path: Path, header: bool = True) -> None:
    """Write a table; the file appears whole or not at all."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if header:
        writer.writerow(rows)
    writer.writerows(zip(*(values.tolist() for values in rows.values()), strict=True))
    replace(path, buffer.getvalue().encode())


def replace(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all; InvalidInput if it cannot be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InvalidInput(f"{path} cannot be written", error.strerror or str(error),
                           "Free space or name another place") from None
