"""The table of a campaign: a row a point, every estimate with half of its 95 % interval; as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qloop.simulator.paper import tails
from qloop.simulator.paper.model import HOUR_S
from qloop.simulator.paper.run import Estimate, estimate
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.storage import file, parquet, write_text
from qloop.simulator.paper.studies import Point

SHARES = (0.25, 0.5, 0.75, 0.95, 0.99)


def row(point: Point, sample: Sample, seed: int) -> dict[str, Any]:
    """A point: its parameters, and what was found. Shares in percent, times in s.

    Compatible counting, but for `drop_after_warmup` and the quantiles `..._with_unfinished`.
    """
    model = point.model
    told: dict[str, Any] = {
        "study": point.study, "point": point.name, "policy": str(model.policy), "workers": model.workers,
        "capacity": model.capacity, "qpus": model.qpus, "interarrival_s": model.interarrival_s,
        "duration_s": model.duration_s, "warmup_s": model.warmup_s, "admission": model.admission,
        "replications": len(sample), "seed": seed}
    for name, found in _estimates(sample).items():
        told[name], told[f"{name}_half"] = found.mean, found.half
    return {**told, "unfinished_a_run": float(sample.unfinished().sum() / len(sample)),
            "most_open": max(one.widest for one in sample.rows), "events": sum(one.events for one in sample.rows),
            "cpu_s": sample.cpu_s}


def _estimates(sample: Sample) -> dict[str, Estimate]:
    """Every estimate by its column."""
    outcome, warm = sample.outcome, int(sample.model.warmup_s // HOUR_S)
    found = {"drop_percent": _percent(outcome.drop()),
             "drop_after_warmup_percent": _percent(estimate(sample.drops(warm))),
             "classical_tasks": outcome.classical_tasks(), "quantum_tasks": outcome.quantum_tasks(),
             "mean_s": tails.measure(tails.mean_time, sample), "longest_s": tails.measure(tails.longest, sample),
             "outliers_percent": _percent(tails.measure(tails.outliers, sample))}
    for share in SHARES:
        found[f"p{100 * share:.0f}_s"] = tails.measure(tails.quantile(share), sample)
    for share in (0.5, 0.95):
        found[f"p{100 * share:.0f}_with_unfinished_s"] = tails.measure(tails.censored_quantile(share), sample)
    return found


def _percent(found: Estimate) -> Estimate:
    return Estimate(100.0 * found.mean, 100.0 * found.half)


def write(folder: Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write results.csv and results.parquet, and return the two; the latter holds `about` in its metadata."""
    import pyarrow as pa

    as_csv, as_parquet = folder / "results.csv", folder / "results.parquet"
    write_text(as_csv, _csv(rows))
    table = pa.Table.from_pylist([dict(one) for one in rows]).replace_schema_metadata({"qloop": json.dumps(about)})
    with file(as_parquet) as sink:
        parquet().write_table(table, sink)
    return as_csv, as_parquet


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
