"""The results of a campaign: a table with a row for each replication, and a summary small enough to read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.analysis.measures import MEASURES
from qloop.simulator.campaign import manifest, parquet, store
from qloop.simulator.campaign.plan import Campaign
from qloop.simulator.campaign.stopping import interval
from qloop.simulator.campaign.unit import Observe, simulated

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TOLD = 1000        # points in a summary
SHOWN = ("drop", "time_p50", "time_p95", "wait_mean", "slowdown_p95", "quantum_tasks", "qpu_busy")
NOT_MEASURES = ("point", "replication")
UNMET = " *"           # behind the replications of a point that did not reach what `until` asks


@dataclass(frozen=True, slots=True)
class PointSummary:
    """A point: its values in the grid, its replications, and each measure's mean with half of its 95 % interval.

    `met`: whether the interval is as narrow as `until` asks; None without an `until`.
    """

    point: int
    values: dict[str, Any]
    replications: int
    measures: dict[str, tuple[float, float]]
    met: bool | None = None

    @property
    def made(self) -> str:
        """The number of replications, marked if they did not do."""
        return f"{self.replications:,}{UNMET if self.met is False else ''}"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a campaign found; of more than MOST_TOLD points the first are told, and all are in the table."""

    folder: Path
    points: tuple[PointSummary, ...]
    n_points: int
    replications: int
    cpu_s: float
    complete: bool = True


def write(held: store.Store, campaign: Campaign, observe: Observe = simulated) -> Summary:
    """Write the results of all that is finished; CampaignError if the disk refuses."""
    files, sessions = held.files(), held.session_files()
    cpu_s = held.cpu_s()
    about = manifest.provenance(campaign, cpu_s, observe)
    told: list[PointSummary] = []
    counts = [0]
    tables = _with_grid(campaign, store.slabs(files, store.KEYS), told, counts)
    parquet.write(held.folder / store.RESULT,
                  (one.replace_schema_metadata(about) for one in _one_schema(tables, files)))
    if campaign.plan.sessions:
        parquet.write(held.folder / store.SESSIONS, (one.replace_schema_metadata(about) for one in store.slabs(
            sessions, (*store.KEYS, "session"))))
    found = Summary(held.folder, tuple(told), len(campaign.plan.grid), counts[0], cpu_s)
    parquet.write_text(held.folder / "summary.json", as_json(found) + "\n")
    parquet.write_text(held.folder / "summary.md", as_markdown(found, campaign))
    held.tidy()
    return found


def _with_grid(campaign: Campaign, tables: Iterator[pa.Table], told: list[PointSummary],
               counts: list[int]) -> Iterator[pa.Table]:
    """Each table with the values of the grid as columns; points are summed up on the way."""
    grid = campaign.plan.grid
    for table in tables:
        point = table.column("point").to_numpy()
        counts[0] += len(point)
        plain = table.select([name for name in table.column_names if name not in [axis.name for axis in grid.axes]])
        made, at = plain, len(NOT_MEASURES)
        distinct, where = np.unique(point, return_inverse=True)
        for place, axis in enumerate(grid.axes):
            values = [grid.values(int(one))[place] for one in distinct]
            made = made.add_column(at + place, axis.name, _typed(values, list(axis.values)).take(
                parquet.arrow().array(where)))
        told += [_summed(campaign, int(one), plain, where == place) for place, one in enumerate(distinct)
                 if len(told) + place < MOST_TOLD]
        yield made


def _typed(values: list[Any], every: list[Any]) -> Any:
    """A column of some of an axis's values, of the type that all of them need."""
    kind = store.column_of(every).type
    found = store.column_of(values)
    if found.type != kind and str(kind) == "string":
        found = store.column_of([value if isinstance(value, str) else json.dumps(value) for value in values])
    return found.cast(kind)


def _one_schema(tables: Iterator[pa.Table], files: list[Path]) -> Iterator[pa.Table]:
    """The same tables, each with all measures that any file has."""
    import pyarrow as pa

    names = dict.fromkeys(name for path in files for name in parquet.arrow().parquet.read_schema(path).names)
    for table in tables:
        for name in names:
            if name not in table.column_names:
                table = table.append_column(name, pa.array(np.full(len(table), np.nan)))
        head = [name for name in table.column_names if name not in names or name in NOT_MEASURES]
        order = [*NOT_MEASURES, *(name for name in head if name not in NOT_MEASURES),
                 *(name for name in names if name not in head)]
        yield table.select(list(dict.fromkeys(order)))


def _summed(campaign: Campaign, point: int, table: pa.Table, chosen: NDArray[np.bool_]) -> PointSummary:
    """The means and intervals of one point."""
    rows, until = table.filter(parquet.arrow().array(chosen)), campaign.plan.until
    met = until.met(rows.column(until.quantity).to_numpy()) if until else None
    return PointSummary(point, campaign.plan.grid.named(point), len(rows), {
        name: interval(rows.column(name).to_numpy()) for name in rows.column_names if name not in NOT_MEASURES}, met)


def remarks(found: Summary, campaign: Campaign) -> list[str]:
    """What a reader of the means and intervals must know."""
    told, until = [], campaign.plan.until
    unmet = sum(one.met is False for one in found.points)
    if until and unmet:
        told.append(f"{UNMET.strip()} {unmet:,} of {len(found.points):,} points stopped at {until.most:,} replications "
                    f"before the interval of {until.quantity} was as narrow as [campaign.until] asks")
    below = [name for name in shown_of(found) if name in MEASURES
             and any(_beyond(*one.measures[name]) for one in found.points)]
    if below:
        told.append(f"Nothing here can be below 0, and the symmetric interval of {', '.join(below)} reaches there: the "
                    "replications are too few or too unlike; read it as beginning at 0")
    return told


def _beyond(mean: float, half: float) -> bool:
    """Whether the interval of something that cannot be negative reaches below 0."""
    return mean >= 0.0 and math.isfinite(half) and mean - half < -1e-12 * mean


def as_dict(found: Summary) -> dict[str, Any]:
    """The summary as plain values; what is not a number is null."""
    return {"folder": str(found.folder), "points": found.n_points, "replications": found.replications,
            "cpu_s": round(found.cpu_s, 3), "complete": found.complete,
            "told": [{"point": one.point, "values": one.values, "replications": one.replications, "met": one.met,
                      "measures": {name: {"mean": _finite(mean), "half": _finite(half)}
                                   for name, (mean, half) in one.measures.items()}} for one in found.points]}


def as_json(found: Summary) -> str:
    """The text of summary.json."""
    return json.dumps(as_dict(found), indent=1, default=str)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_markdown(found: Summary, campaign: Campaign) -> str:
    """The text of summary.md: some measures at each point."""
    axes, shown = [axis.name for axis in campaign.plan.grid.axes], shown_of(found)
    head = [*axes, "replications", *shown]
    lines = [f"# {campaign.document.tables.get('scenario', {}).get('name', 'Campaign')}", "",
             f"{found.n_points:,} points, {found.replications:,} replications, {found.cpu_s:,.1f} CPU s. "
             "Means with half of the 95 % interval.", "", _line(head), _line(["---"] * len(head))]
    lines += [_line([*(str(one.values[name]) for name in axes), one.made,
                     *(pair(*one.measures[name]) for name in shown)]) for one in found.points]
    if found.n_points > len(found.points):
        lines += ["", f"The first {len(found.points):,} of {found.n_points:,} points; all are in {store.RESULT}."]
    for remark in remarks(found, campaign):
        lines += ["", remark.replace("*", "\\*", 1)]
    return "\n".join(lines) + "\n"


def shown_of(found: Summary) -> list[str]:
    """The measures that a table shows: some known ones, or the first few."""
    names = list(found.points[0].measures) if found.points else []
    return [name for name in SHOWN if name in names] or names[:6]


def pair(mean: float, half: float) -> str:
    """A mean with half of its interval, no more digits than it deserves."""
    if not math.isfinite(mean):
        return "-"
    if not math.isfinite(half) or half == 0.0:
        return f"{mean:,.4g}" if abs(mean) < 1e4 else f"{mean:,.0f}"
    places = max(0, 1 - math.floor(math.log10(half)))
    return f"{mean:,.{places}f} ± {half:,.{places}f}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"
