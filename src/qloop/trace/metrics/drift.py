"""The drift penalty: five numbers, never one, for each loop and over all loops."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import msgspec
import numpy as np

from qloop.trace.index import OPEN
from qloop.trace.intervals import Clockwork, union
from qloop.trace.metrics.convergence import Point, energies
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace
from qloop.trace.steps import Step


class Drift(msgspec.Struct, frozen=True):
    """What ageing and recalibration cost the loops.

    Iterations that waited through a calibration; its seconds on their critical path (between parameters ready and
    QPU begin, the slowest task of each iteration); mean L(t) - L(calibrated) in nats, L = -ln ESP; energy bias, the
    mean of measured minus noiseless energy; mean over sessions of the epochs seen minus 1. None: nothing was told.
    """

    iterations_paying: int
    critical_path_s: float
    mean_loss_nats: float | None
    energy_bias: float | None
    extra_epochs: float | None


def drift(trace: Trace) -> Drift:
    """The five numbers over all loop sessions."""
    table = {name: rows for name, rows in trace.steps.items() if rows and rows[0].session.kind == "loop"}
    clocks = {name: Clockwork(union(row.calibrations, 0, OPEN)) for name, row in trace.index.qpus.items()
              if row.calibrations}
    paid = [_paid(step, clocks) for rows in table.values() for step in rows]
    losses = [a.ended.loss for rows in table.values() for step in rows for a in step.attempts
              if a.done and a.ended is not None and a.ended.loss is not None and math.isfinite(a.ended.loss)]
    epochs = [len(seen) - 1 for seen in map(_epochs, table.values()) if seen]
    return Drift(sum(ns > 0 for ns in paid), sum(paid) * NS, _mean(losses),
                 _mean(bias for points in energies(trace).values() for bias in _biases(points)), _mean(epochs))


def _paid(step: Step, clocks: dict[str, Clockwork]) -> int:
    """Nanoseconds of calibration that one iteration waited through: those of its slowest task."""
    waits: dict[str, int] = defaultdict(int)
    for attempt in step.attempts:
        since = attempt.task.ready if attempt.task.ready is not None else attempt.task.enqueued
        clock = clocks.get(attempt.begun.qpu)
        if (attempt.done and not attempt.earlier and clock is not None
                and since is not None and since < attempt.begin):
            waits[attempt.task.name] += clock.between(since, attempt.begin)
    return max(waits.values(), default=0)


def _epochs(rows: list[Step]) -> set[tuple[str, int]]:
    """The calibration epochs, each of its QPU, that a session's shots were taken in."""
    return {(a.begun.qpu, a.ended.epoch) for step in rows for a in step.attempts
            if a.done and a.ended is not None and not a.kept}


def _biases(points: list[Point]) -> Iterable[float]:
    """Measured minus noiseless energy, where both are known."""
    return (p.energy - p.noiseless for p in points if p.energy is not None and p.noiseless is not None)


def _mean(values: Iterable[float]) -> float | None:
    """The mean; None of nothing."""
    sample = np.fromiter(values, dtype=np.float64)
    return float(sample.mean()) if sample.size else None
