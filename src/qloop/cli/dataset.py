"""`qloop dataset`: record measurements, import and export them, and fit distributions to them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from qloop.cli import console, dataset_fit, dataset_record
from qloop.cli.exits import Exit

LAYOUTS = """csv and parquet are qloop's own layout, a file a table; reference is that of the paper's measurements, a
file a quantity. Folders may hold any of them; docs/reference/datasets.md describes every column."""


def add(subparsers: Any) -> None:
    """Declare the command and its actions."""
    parser = subparsers.add_parser("dataset", help="record, import, export and fit measurements")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    dataset_record.add(actions)
    for name, told in (("import", "check measurements of any layout and keep them as a data set"),
                       ("export", "write a data set in another layout")):
        action = actions.add_parser(name, help=told, description=f"{told[:1].upper()}{told[1:]}.\n\n{LAYOUTS}")
        action.add_argument("source", metavar="SOURCE", help="a folder, or a file named like a table")
        action.add_argument("--out", required=True, metavar="FOLDER", help="where to write")
        action.add_argument("--layout", default="csv" if name == "import" else "parquet", metavar="NAME",
                            choices=("csv", "parquet", "reference"), help="csv, parquet or reference (default "
                            f"{'csv' if name == 'import' else 'parquet'})")
        action.add_argument("--thin", type=int, metavar="N", help="keep N iterations of each experiment, evenly spaced "
                                                                  "(default: all)")
    dataset_fit.add(actions)


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    if args.action == "record":
        return dataset_record.run(args)
    if args.action == "fit":
        return dataset_fit.run(args)
    return _convert(args)


def _convert(args: argparse.Namespace) -> int:
    """Read in any layout, check, and write."""
    from qloop.trace.datasets.files import load, save
    from qloop.trace.datasets.schema import rows_of
    from qloop.trace.datasets.summary import by_size, thinned

    dataset = load(args.source)
    if args.thin is not None:
        dataset = thinned(dataset, args.thin)
    files = save(dataset, Path(args.out), args.layout)
    counts = {name: rows_of(rows) for name, rows in dataset.tables.items()}
    if args.json:
        console.document({"files": [str(file) for file in files], "rows": counts, "sizes": dataset.sizes()})
        return Exit.OK
    if dataset.table("experiments"):
        console.show(dataset_record.table_of(str(args.source), by_size(dataset)))
    console.say(f"{', '.join(f'{count:,} rows of {name}' for name, count in counts.items())} written to {args.out}")
    return Exit.OK
