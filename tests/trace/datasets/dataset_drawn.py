"""Data sets drawn at random for property tests, within the schema."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from hypothesis import strategies as st

from qloop.trace.datasets.schema import TABLES, Column, Dataset, Table

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


def values(column: Column) -> st.SearchStrategy[object]:
    """Values that a column may hold."""
    if column.kind == "text":
        return TEXTS
    if column.kind == "whole":
        return st.integers(int(column.least or 0), 2**53)
    return st.floats(0.0 if column.least is not None else None, allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn, table: Table, required_only: bool = False) -> dict[str, np.ndarray]:
    """A table of one to eight rows with all required columns and some of the others, keys once and in order."""
    names = [name for name in table.names if name in table.required
             or (not required_only and name in table.key) or (not required_only and draw(st.booleans()))]
    count = draw(st.integers(1, 8))
    rows = {}
    for name in names:
        column = table.column(name)
        kind = {"whole": np.int64, "real": np.float64, "text": object}[column.kind]
        rows[name] = np.array(draw(st.lists(values(column), min_size=count, max_size=count)), dtype=kind)
    if "instance" in rows:
        rows["instance"] = np.arange(count)
    if "iteration" in rows:
        rows["iteration"] = np.arange(count)
    if "unix_s" in rows:
        rows["unix_s"] = np.arange(count) + 0.25
    return rows


@st.composite
def datasets(draw: st.DrawFn, reference: bool = False) -> Dataset:
    """A data set with experiments and some of the other tables; `reference`: as that layout can hold it."""
    found = {"experiments": draw(tables(TABLES["experiments"], reference))}
    for name in list(TABLES)[1:]:
        if draw(st.booleans()):
            found[name] = draw(tables(TABLES[name], reference))
    if reference:
        sizes = found["experiments"]["n_qubits"]
        found["experiments"]["instance"] = np.array([int((sizes[:n] == size).sum()) for n, size in enumerate(sizes)])
    steps = found.get("iterations", {})
    if "instance" in steps:     # iterations of experiments that are there
        count = len(steps["instance"])
        chosen = np.sort(np.array(draw(st.lists(st.integers(0, len(found["experiments"]["n_qubits"]) - 1),
                                                min_size=count, max_size=count))))
        for name in ("n_qubits", "instance"):
            steps[name] = found["experiments"][name][chosen]
    return Dataset(MappingProxyType(found))


def same(one: Dataset, two: Dataset) -> bool:
    """Whether both hold the same tables, columns, and values to the last bit."""
    return one.tables.keys() == two.tables.keys() and all(
        list(rows) == list(two.tables[name])
        and all(values.dtype == two.tables[name][column].dtype and values.tolist() == two.tables[name][column].tolist()
                for column, values in rows.items())
        for name, rows in one.tables.items())
