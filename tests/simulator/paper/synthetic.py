"""Samples made by hand, for tests of what is concluded from them."""

from __future__ import annotations

import numpy as np

from qloop.simulator.paper.model import PlatformModel, small
from qloop.simulator.paper.sample import OPEN, Row, Sample, hours_of

SECOND = 10**9


def row(arrival_s: np.ndarray, time_s: np.ndarray, *, refused: int = 0, model: PlatformModel | None = None,
        size: np.ndarray | None = None, priority: np.ndarray | None = None) -> Row:
    """Admitted sessions with these times (nan: unfinished); `refused` more arrive and are refused in every hour."""
    hours = hours_of(model or small())
    count = len(arrival_s)
    came = np.bincount((arrival_s // 3600).astype(np.int64), minlength=hours)
    took = np.where(np.isnan(time_s), OPEN, np.nan_to_num(time_s) * SECOND).astype(np.int64)
    return Row(came + refused, np.full(hours, refused), (arrival_s * SECOND).astype(np.int64), took,
               np.full(count, 4) if size is None else size, np.full(count, 1) if priority is None else priority,
               np.array([1.0, 20.0, 4.0, 0.5]), 50, 1000, 0.01)


def drawn(scale_s: float, replications: int, seed: int, *, shape: float = 1.0, sessions: int = 400) -> Sample:
    """Sessions all over the week with Weibull times: by size and priority alike."""
    model, rows = small(), []
    for number in range(replications):
        r = np.random.Generator(np.random.Philox(key=seed * 1000 + number))
        arrival = np.sort(r.uniform(0.0, model.duration_s, sessions))
        times = scale_s * r.weibull(shape, sessions)
        times = np.where(arrival + times > model.duration_s, np.nan, times)
        rows.append(row(arrival, times, size=r.choice(model.sizes, sessions), refused=1,
                        priority=r.choice(model.priorities, sessions)))
    return Sample(model, tuple(rows))
