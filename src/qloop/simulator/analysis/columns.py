"""Results as columns: a row for each replication, or for each session; and as frames of pandas or Polars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qloop.errors import MissingExtra
from qloop.simulator.analysis.measures import MEASURES, NS, Prices, measures
from qloop.simulator.platform import result as r

Columns = dict[str, np.ndarray[Any, np.dtype[Any]]]
Runs = Mapping[str, Sequence[r.Replication]]
TIMES = {"wait_s": "waited_ns", "service_s": "served_ns", "cold_s": "cold_ns", "lost_s": "lost_ns",
         "classical_s": "classical_ns", "transfer_s": "delayed_ns", "gap_s": "gap_ns"}
WHOLE = ("size", "priority", "iterations", "steps", "colds", "epochs")


def measure_columns(runs: Runs, prices: Prices | None = None) -> Columns:
    """`policy`, `replication`, and a column for each measure; a row for each replication."""
    rows = [measures(one, prices) for group in runs.values() for one in group]
    found: Columns = {"policy": np.array([name for name, group in runs.items() for _ in group], np.str_),
                      "replication": np.array([one.number for group in runs.values() for one in group], np.int64)}
    return found | {name: np.array([row[name] for row in rows], np.float64) for name in MEASURES}


def session_columns(runs: Runs) -> Columns:
    """A row for each session that arrived: where it was, what it was, what became of it, and where its time went.

    `time_s` is nan for a session that did not finish; `measured` says whether its execution time counts.
    """
    groups = [(name, one) for name, group in runs.items() for one in group]
    lengths = [len(one.arrival_ns) for _, one in groups]
    found: Columns = {"policy": np.repeat(np.array([name for name, _ in groups], np.str_), lengths),
                      "replication": np.repeat(np.array([one.number for _, one in groups], np.int64), lengths)}
    parts = [_of_sessions(one) for _, one in groups]
    names = list(parts[0]) if parts else []
    return found | {name: np.concatenate([part[name] for part in parts]) for name in names}


def _of_sessions(one: r.Replication) -> Columns:
    done = one.outcome == r.DONE
    tenants = np.array([tenant.name for tenant in one.scenario.tenants], np.str_)
    return {"session": np.arange(len(one.arrival_ns)), "tenant": tenants[one.tenant],
            "outcome": np.array(r.OUTCOMES, np.str_)[one.outcome], "measured": one.measured(),
            "arrival_s": one.arrival_ns / NS, "time_s": np.where(done, (one.left_ns - one.arrival_ns) / NS, np.nan),
            **{name: getattr(one, column) / NS for name, column in TIMES.items()},
            **{name: getattr(one, name) for name in WHOLE}, "loss": one.loss}


def to_pandas(columns: Columns) -> Any:
    """A pandas DataFrame; MissingExtra if pandas is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("A pandas frame", "frames") from None
    return pd.DataFrame(columns)


def to_polars(columns: Columns) -> Any:
    """A Polars DataFrame; MissingExtra if Polars is not installed."""
    try:
        import polars as pl
    except ImportError:
        raise MissingExtra("A Polars frame", "frames") from None
    return pl.DataFrame(columns)
