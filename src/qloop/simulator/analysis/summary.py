"""A result as a small table: measures in rows, policies in columns, with intervals, and what a reader must know."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qloop.simulator.analysis.columns import Columns, Runs
from qloop.simulator.analysis.measures import measure_named
from qloop.simulator.analysis.shown import possible, shown_measure
from qloop.simulator.analysis.statistics import LEVEL, Interval, student
from qloop.simulator.analysis.tails import censoring
from qloop.simulator.analysis.warmup import transient
from qloop.simulator.choices import idle_settings

TOLD = ("arrivals", "drop", "time_mean", "time_p50", "time_p95", "time_p99", "wait_share", "slowdown_mean",
        "gap_mean", "qpu_busy", "worker_busy", "throughput", "fairness_share")


@dataclass(frozen=True, slots=True)
class Summary:
    """`cells[quantity][policy]` with intervals over replications, and `notes`; prints as a table."""

    title: str
    cells: Mapping[str, Mapping[str, Interval]]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Numbers in the units of the measures, for JSON."""
        return {"title": self.title, "notes": list(self.notes), "measures": {
            name: {"unit": measure_named(name).unit, "what": measure_named(name).what,
                   **{policy: {"mean": one.mean, "low": one.low, "high": one.high, "n": one.n}
                      for policy, one in row.items()}}
            for name, row in self.cells.items()}}

    def rows(self) -> list[list[str]]:
        """The table as text: a head, then a row for each measure."""
        policies = list(next(iter(self.cells.values()), {}))
        return [["", *policies], *([name, *(shown_measure(row[policy], name)
                                            for policy in policies)] for name, row in self.cells.items())]

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                       zip(row[1:], widths[1:], strict=True))]) for row in rows]
        return "\n".join([self.title, *(line.rstrip() for line in lines), *(f"note: {note}" for note in self.notes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for a notebook; the meaning of a measure is shown when its name is pointed at."""
        head, *body = self.rows()
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        rows = "".join(f'<tr><th title="{html.escape(measure_named(row[0]).what)}" style="text-align:left">'
                       f"{html.escape(row[0])}</th>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
                       + "</tr>" for row in body)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (f"<table><caption>{html.escape(self.title)}</caption><thead><tr>{cells}</tr></thead>"
                f"<tbody>{rows}</tbody></table>{notes}")


def summarise(title: str, runs: Runs, columns: Columns, quantities: Sequence[str] = TOLD,
              level: float = LEVEL) -> Summary:
    """The table of these quantities, and notes on start-up and censoring; UnknownName for one that is no measure."""
    for name in quantities:
        measure_named(name)
    cells = {name: {policy: student(columns[name][columns["policy"] == policy], level) for policy in runs}
             for name in quantities}
    return Summary(title, cells, (*_notes(runs), *_cut(cells)))


def _cut(cells: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    """A note if intervals are shown without the part that cannot be."""
    cut = [name for name, row in cells.items()
           if any(possible(one, name) != one for one in row.values() if one.n > 1)]
    return [f"the interval of {', '.join(cut)} is cut at 0, or at 100 % of a share: Student's is symmetric and reaches "
            "beyond, so the replications are too few or too unlike for it"] if cut else []


def _notes(runs: Runs) -> list[str]:
    """What would mislead a reader of the table, for each policy; nothing that is in order is told."""
    found = []
    for policy, group in runs.items():
        if len(group) == 1:
            found.append(f"{policy}: one replication has no interval")
        idle = idle_settings(group[0].scenario.order(), group[0].scenario.settings)
        if idle:
            found.append(idle)
        censored = censoring(group)
        if censored.unfinished > 0.005:
            found.append(f"{policy}: {censored.verdict()}")
        start = transient(group)
        if not start.found or start.seconds > group[0].scenario.warmup_s:
            found.append(f"{policy}: {start.verdict(group[0].scenario.warmup_s)}")
    return found
