"""Checks of a table: every message names the file, the row and the column, and what to do.

Rows are counted as an editor shows the lines of a CSV file: the header is row 1, so `first`, the row of the first
value, is 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.trace.datasets.schema import Column, Dataset, Rows, Table, rows_of

SHOWN = 60


def check_names(found: Sequence[str], table: Table, where: str) -> None:
    """Raise InvalidInput for a required column that is missing, a column twice, `UnknownName` for an unknown one."""
    for name in table.required:
        if name not in found:
            near = difflib.get_close_matches(name, [one for one in found if one not in table.names], n=1, cutoff=0.6)
            why = f"It has a column {near[0]!r}, which may be meant" if near else f"Its columns: {listed(found)}"
            raise InvalidInput(f"{where} has no column {name!r}", why, f"Give it a column {name!r}")
    for name in found:
        table.column(name)
    twice = sorted({name for name in found if list(found).count(name) > 1})
    if twice:
        raise InvalidInput(f"{where} has the column {twice[0]!r} twice", "", "Keep one of them")


def numbers(texts: Sequence[str], column: Column, where: str, first: int = 2) -> NDArray[Any]:
    """The values of a column from its texts; InvalidInput names the row of the first that is no number."""
    if column.kind == "text":
        return np.array(texts, dtype=object)
    kind: Any = np.int64 if column.kind == "whole" else np.float64
    try:
        if max(map(len, texts), default=0) > SHOWN:
            raise ValueError
        return np.array(texts, dtype=np.str_).astype(kind) if texts else np.zeros(0, kind)
    except (ValueError, OverflowError):
        return np.array([_number(text, column, where, first + row) for row, text in enumerate(texts)], dtype=kind)


def _number(text: str, column: Column, where: str, row: int) -> float | int:
    """One value; a count may be written as 12.0."""
    try:
        value = float(text)
    except ValueError:
        what = "is empty" if not text.strip() else f"holds the text {text[:SHOWN]!r}"
        raise InvalidInput(f"{where}, row {row}, column {column.name!r} {what}", "A number must stand there",
                           "Correct the value or remove the row") from None
    if column.kind == "real":
        return value
    if not value.is_integer() or abs(value) >= 2.0**63:
        raise InvalidInput(f"{where}, row {row}, column {column.name!r} holds {text[:SHOWN]}",
                           "It counts things", "Give a whole number below 2^63")
    return int(text) if "." not in text and "e" not in text.lower() else int(value)


def check_rows(rows: Rows, table: Table, where: str, first: int = 2) -> None:
    """Raise InvalidInput for values that are out of range, for duplicate rows, and for rows out of order."""
    check_names(list(rows), table, where)
    if len({len(values) for values in rows.values()}) > 1:
        raise InvalidInput(f"{where} has columns of different lengths", "", "Give each row a value in each column")
    if not rows_of(rows):
        raise InvalidInput(f"{where} holds no rows", "There is nothing to learn from it", "Record or import some")
    for name, values in rows.items():
        check_values(values, table.column(name), where, first)
    if set(table.key) <= set(rows):
        _check_unique(rows, table, where, first)
    if table.rising in rows:
        _check_order(rows, table, where, first)


def check_values(values: NDArray[Any], column: Column, where: str, first: int) -> None:
    """Raise InvalidInput for the first value that is not finite or too small."""
    if column.kind == "text":
        return
    bad = ~np.isfinite(values)
    if column.least is not None:
        bad |= values < column.least
    if bad.any():
        row = int(np.argmax(bad))
        value = float(values[row])
        why = "It is not finite" if not np.isfinite(value) else f"It cannot be below {column.least:g}"
        unit = f" {column.unit}" if column.unit else ""
        raise InvalidInput(f"{where}, row {row + first}, column {column.name!r} holds {value:g}{unit}", why,
                           "Correct the value or remove the row")


def _check_unique(rows: Rows, table: Table, where: str, first: int) -> None:
    """No two rows agree in the whole key."""
    codes = [np.unique(rows[name], return_inverse=True)[1] for name in table.key]
    order = np.lexsort((np.arange(rows_of(rows)), *reversed(codes)))
    same = np.ones(len(order) - 1, dtype=bool)
    for code in codes:
        same &= code[order[1:]] == code[order[:-1]]
    if same.any():
        before, row = min(zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True), key=lambda two: two[1])
        said = ", ".join(f"{name} {rows[name][row]}" for name in table.key)
        raise InvalidInput(f"{where}, row {row + first} repeats row {before + first}", f"Both are {said}",
                           "Remove one of them")


def _check_order(rows: Rows, table: Table, where: str, first: int) -> None:
    """The rising column counts up within its group; groups are told by the columns before it in the key."""
    groups = [rows[name] for name in table.key[:table.key.index(table.rising)] if name in rows]
    values = rows[table.rising]
    order = np.lexsort((np.arange(len(values)), *reversed(groups))) if groups else np.arange(len(values))
    same = np.ones(len(values) - 1, dtype=bool)
    for group in groups:
        same &= group[order[1:]] == group[order[:-1]]
    back = same & (values[order[1:]] < values[order[:-1]])
    if back.any():
        at = int(np.argmax(back))
        row, before = int(order[at + 1]), int(order[at])
        raise InvalidInput(
            f"{where}, row {row + first}, column {table.rising!r} goes back from {values[before].item()!r} (row "
            f"{before + first}) to {values[row].item()!r}", "Rows must stand in the order of time", "Sort the rows")


def check_dataset(dataset: Dataset, where: str) -> None:
    """Raise InvalidInput if tables contradict each other: iterations of experiments that are not there."""
    runs, steps = dataset.table("experiments"), dataset.table("iterations")
    if not runs or "instance" not in steps:
        return
    known = set(zip(runs["n_qubits"].tolist(), runs["instance"].tolist(), strict=True))
    for size, instance in zip(steps["n_qubits"].tolist(), steps["instance"].tolist(), strict=True):
        if (size, instance) not in known:
            raise InvalidInput(f"{where} has iterations of instance {instance} of {size} qubits",
                               "Its table of experiments has no such row", "Add the experiment or remove the rows")


def missing_sizes(wanted: Sequence[int], found: Sequence[int], what: str) -> None:
    """Raise InvalidInput if a wanted size (qubits) is not among those found."""
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise InvalidInput(f"There is no {what} for {_said(missing)} qubits", f"Measured are {_said(found)}",
                           "Choose among them, or record the others with 'qloop dataset record --sizes ...'")


def listed(names: Sequence[str]) -> str:
    """Names for a message, not too many."""
    shown = ", ".join(repr(name[:SHOWN]) for name in names[:12])
    return shown + (", ..." if len(names) > 12 else "")


def _said(sizes: Sequence[int]) -> str:
    texts = [str(size) for size in sizes]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "none"


def converted(columns: Mapping[str, Sequence[str]], table: Table, where: str, first: int = 2) -> Rows:
    """A checked table from its texts."""
    check_names(list(columns), table, where)
    rows = {name: numbers(texts, table.column(name), where, first) for name, texts in columns.items()}
    check_rows(rows, table, where, first)
    return rows
