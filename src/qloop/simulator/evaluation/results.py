"""What an evaluation found: means with intervals, and paired comparisons, by cell, contender and quantity."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qloop.simulator.analysis.statistics import Interval
from qloop.simulator.evaluation import bootstrap
from qloop.simulator.evaluation.cells import Cell
from qloop.simulator.evaluation.plan import Entry
from qloop.simulator.evaluation.quantities import QUANTITIES
from qloop.simulator.evaluation.storage import Columns, Setting
from qloop.simulator.paper.storage import file, parquet, write_text

Key = tuple[str, str, bool]


@dataclass(frozen=True)
class Results:
    """Entries with their replications; `left_out`: contenders that could not be run, and why."""

    entries: tuple[Entry, ...]
    found: Mapping[Key, Columns]
    setting: Setting
    left_out: Mapping[str, str]
    _kept: dict[Any, Interval] = field(default_factory=dict)

    def has(self, cell: Cell, name: str, *, tuning: bool = False) -> bool:
        """Whether there are numbers of this contender in this cell."""
        return (cell.name, name, tuning) in self.found

    def values(self, cell: Cell, name: str, quantity: str, *, tuning: bool = False) -> Any:
        """A quantity over replications."""
        return self.found[cell.name, name, tuning][quantity]

    def mean(self, cell: Cell, name: str, quantity: str, *, tuning: bool = False) -> Interval:
        """The mean of a quantity with its interval."""
        key = (cell.name, name, quantity, tuning)
        if key not in self._kept:
            self._kept[key] = bootstrap.mean(self.values(cell, name, quantity, tuning=tuning))
        return self._kept[key]

    def reduction(self, cell: Cell, a: str, b: str, quantity: str) -> Interval:
        """How much less b has than a, as a part of a, paired."""
        return bootstrap.reduction(*self._pair(cell, a, b, quantity))

    def difference(self, cell: Cell, a: str, b: str, quantity: str) -> Interval:
        """What b has more than a, paired."""
        return bootstrap.difference(*self._pair(cell, a, b, quantity))

    def _pair(self, cell: Cell, a: str, b: str, quantity: str) -> tuple[Any, Any]:
        left, right = self.values(cell, a, quantity), self.values(cell, b, quantity)
        n = min(len(left), len(right))
        return left[:n], right[:n]

    def cells(self, part: str | None = None) -> list[Cell]:
        """The cells of a part in their order; of all parts without one."""
        chosen = (entry.cell for entry in self.entries if part is None or entry.part == part)
        return list(dict.fromkeys(chosen))

    def contenders(self, cell: Cell, *, tuning: bool = False) -> list[str]:
        """The names of those that ran in a cell."""
        return list(dict.fromkeys(entry.contender.name for entry in self.entries if entry.cell == cell
                                  and entry.tuning == tuning and entry.key in self.found))


def write(results: Results, folder: Path, about: Mapping[str, Any]) -> tuple[Path, ...]:
    """Write replications.parquet, summary.csv and summary.md, and return them."""
    import pyarrow as pa

    table = pa.table(_columns(results)).replace_schema_metadata({key: str(value) for key, value in about.items()})
    paths = (folder / "replications.parquet", folder / "summary.csv", folder / "summary.md")
    with file(paths[0]) as sink:
        parquet().write_table(table, sink, compression="zstd")
    rows = list(summary(results))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    write_text(paths[1], text.getvalue())
    write_text(paths[2], "\n".join(_markdown(results)) + "\n")
    return paths


def _columns(results: Results) -> dict[str, Any]:
    """A row for each replication of each entry."""
    columns: dict[str, list[Any]] = {name: [] for name in ("part", "cell", "load", "share", "qpus", "kind", "drift",
                                                           "contender", "policy", "tuning", "replication", *QUANTITIES)}
    for entry in results.entries:
        if entry.key not in results.found:
            continue
        found, cell = results.found[entry.key], entry.cell
        n = len(found["gap_mean"])
        told = {"part": entry.part, "cell": cell.name, "load": cell.load, "share": cell.share, "qpus": cell.qpus,
                "kind": cell.kind, "drift": cell.drift, "contender": entry.contender.name,
                "policy": entry.contender.policy, "tuning": entry.tuning}
        for name, value in told.items():
            columns[name] += [value] * n
        columns["replication"] += range(n)
        for name in QUANTITIES:
            columns[name] += found[name].tolist()
    return columns


def summary(results: Results) -> Iterator[dict[str, Any]]:
    """A row for each entry: every quantity's mean and the ends of its interval."""
    for entry in results.entries:
        if entry.key not in results.found:
            continue
        row: dict[str, Any] = {"part": entry.part, "cell": entry.cell.name, "contender": entry.contender.name,
                               "tuning": int(entry.tuning), "replications": len(results.found[entry.key]["gap_mean"])}
        for name in QUANTITIES:
            told = results.mean(entry.cell, entry.contender.name, name, tuning=entry.tuning)
            row |= {name: told.mean, f"{name}_low": told.low, f"{name}_high": told.high}
        yield row


SHOWN = ("gap_wait", "gap_p50", "ttns_loop", "makespan", "normal_slowdown", "qdc", "epochs", "cost", "fair_share")


def _markdown(results: Results) -> Iterator[str]:
    """A table of each cell."""
    for cell in results.cells():
        names = results.contenders(cell)
        if names:
            yield f"## {cell.name}"
            yield ""
            yield from table(results, cell, names, SHOWN)
            yield ""


def table(results: Results, cell: Cell, names: Sequence[str], quantities: Sequence[str]) -> Iterator[str]:
    """The lines of a Markdown table: contenders in rows, means with intervals in columns."""
    heads = [f"{name}{f' ({QUANTITIES[name].unit})' if QUANTITIES[name].unit == 's' else ''}" for name in quantities]
    yield "| policy | " + " | ".join(heads) + " |"
    yield "|---|" + "---:|" * len(quantities)
    for name in names:
        yield f"| {name} | " + " | ".join(shown(results.mean(cell, name, one)) for one in quantities) + " |"


def shown(found: Interval, factor: float = 1.0) -> str:
    """A mean with its interval, three digits."""
    if not np.isfinite(found.mean):
        return "–"
    if not np.isfinite(found.half):
        return three(found.mean * factor)
    low, high = sorted((found.low * factor, found.high * factor))
    return f"{three(found.mean * factor)} [{three(low)}, {three(high)}]"


def three(value: float) -> str:
    """Three significant digits without an exponent."""
    if value == 0.0 or not np.isfinite(value):
        return "0" if value == 0.0 else str(value)
    places = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{min(places, 4)}f}"
