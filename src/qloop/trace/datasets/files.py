"""Data sets in folders: read in any layout, written as CSV, Parquet, or in the layout of the paper's measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from qloop.errors import InvalidInput, UnknownName
from qloop.trace.datasets import csv_files, parquet_files, reference_layout
from qloop.trace.datasets.checks import check_dataset, converted
from qloop.trace.datasets.schema import TABLES, Dataset, Rows

LAYOUTS = ("csv", "parquet", "reference")


def load(source: str | Path) -> Dataset:
    """The data set in a folder of any layout, or in one file that is named like a table.

    Raises InvalidInput for what is missing, damaged or contradicts itself; MissingExtra for Parquet without pyarrow.
    """
    path = Path(source)
    if path.is_file():
        return _one(path)
    if not path.is_dir():
        raise InvalidInput(f"There is no data set {path}", "No such folder", "Name a folder that holds one")
    found = {name: file for name in TABLES if (file := _file(path, name)) is not None}
    if not found and reference_layout.is_reference(path):
        return reference_layout.read(path)
    if "experiments" not in found:
        raise InvalidInput(f"{path} holds no data set", "It has neither experiments.csv nor experiments.parquet, nor "
                           f"the files of the reference layout ({', '.join(reference_layout.EXPERIMENT_FILES)})",
                           "Name a folder that 'qloop dataset record' or 'import' has written")
    dataset = Dataset(MappingProxyType({name: read_table(file, name) for name, file in found.items()}))
    check_dataset(dataset, str(path))
    return dataset


def save(dataset: Dataset, folder: str | Path, layout: str = "csv") -> list[Path]:
    """Write a data set into a folder and return its files; each appears whole or not at all.

    Raises UnknownName for an unknown layout; InvalidInput where files cannot be written or would hide others.
    """
    if layout not in LAYOUTS:
        raise UnknownName("layout", layout, LAYOUTS)
    place = Path(folder)
    _check_free(place, layout)
    if layout == "reference":
        return reference_layout.write(dataset, place)
    written = []
    for name, rows in dataset.tables.items():
        path = place / f"{name}.{layout}"
        if layout == "csv":
            csv_files.write(rows, path)
        else:
            parquet_files.write(rows, path, TABLES[name])
        written.append(path)
    return written


def read_table(path: Path, name: str) -> Rows:
    """One checked table of a file."""
    if name not in TABLES:
        raise UnknownName("table", name, TABLES)
    if path.suffix == ".parquet":
        return parquet_files.read(path, TABLES[name])
    return converted(csv_files.texts(path), TABLES[name], str(path))


def _one(path: Path) -> Dataset:
    """A data set of a single file."""
    if path.stem not in TABLES or path.suffix not in (".csv", ".parquet"):
        raise InvalidInput(f"{path.name} is not the name of a table", "", "A file of a data set is named "
                           f"{', '.join(TABLES)} and ends with .csv or .parquet")
    tables: Mapping[str, Rows] = {path.stem: read_table(path, path.stem)}
    return Dataset(MappingProxyType(dict(tables)))


def _file(folder: Path, name: str) -> Path | None:
    """The file of a table; InvalidInput if there are two."""
    there = [path for path in (folder / f"{name}.csv", folder / f"{name}.parquet") if path.exists()]
    if len(there) > 1:
        raise InvalidInput(f"{folder} holds {name} twice", "As CSV and as Parquet", "Remove one of the two files")
    return there[0] if there else None


def _check_free(folder: Path, layout: str) -> None:
    """InvalidInput if the folder holds a data set of another layout, which the new files would contradict."""
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file", "A data set is a folder", "Name another folder")
    other = "parquet" if layout == "csv" else "csv"
    hidden = [f"{name}.{suffix}" for name in TABLES for suffix in ((other,) if layout != "reference" else LAYOUTS[:2])]
    there = [name for name in hidden if (folder / name).exists()]
    if there or (layout != "reference" and reference_layout.is_reference(folder)):
        what = there[0] if there else "a data set in the reference layout"
        raise InvalidInput(f"{folder} already holds {what}", "Two layouts in one folder would contradict each other",
                           "Name another folder")
