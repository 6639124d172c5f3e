"""Measurements as a machine with known constants would make them, with noise if wanted."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np

from qloop.planner.configurations import Configuration, configurations, problem_of
from qloop.planner.cutting import Cut, cut_circuit
from qloop.planner.effort import join_features, prepare_features, task_features
from qloop.planner.measuring import Measured, Parts, Timed
from qloop.planner.model import run_seconds
from qloop.planner.probes import Probe, all_probes, probe_task
from qloop.planner.splitting import split
from qloop.planner.typical import TYPICAL
from qloop.planner.whole import whole_circuit

SIZES = (12, 14, 16, 18)


@cache
def all_measured(sizes: tuple[int, ...] = SIZES) -> tuple[Measured, ...]:
    """Every configuration of these sizes, without noise, on a machine that has the typical constants."""
    wholes: dict[str, Timed] = {}
    found = []
    for one in configurations(sizes):
        circuit, observable = problem_of(one)
        if one.circuit_name not in wholes:
            wholes[one.circuit_name] = _timed(whole_circuit(circuit, observable), len(circuit.data), 1)
        cut = _timed(cut_circuit(circuit, observable, one.labels), len(circuit.data), one.workers)
        found.append(Measured(one, wholes[one.circuit_name], cut, 0.5))
    return tuple(found)


def probes() -> list[Probe]:
    """All probes on that machine."""
    found = []
    for kind, size in all_probes():
        features = task_features(probe_task(kind, size))
        seconds = float(np.dot(TYPICAL.task, features))
        found.append(Probe(kind, size, tuple(features.tolist()), seconds, seconds))
    return found


def slowed(timed: Timed, factor: float) -> Timed:
    """The same, as if all of it had taken so many times as long."""
    wall = timed.wall
    return msgspec.structs.replace(timed, wall=Parts(
        wall.prepare_s * factor, wall.run_s * factor, wall.join_s * factor, wall.total_s * factor,
        tuple(one * factor for one in wall.task_s)))


def one(whole_s: float, cut_s: float, disturbed: float = 0.0) -> Measured:
    """A configuration of which only the totals matter."""
    def timed(total: float) -> Timed:
        return Timed(Parts(0.0, total, 0.0, total, (total,), disturbed), None, ((0.0,),), (0.0,), (0.0,), 0.0)

    return Measured(Configuration(4, "ising", 1, (2, 2), 1), timed(whole_s), timed(cut_s), 0.0)


def _timed(cut: Cut, gates: int, workers: int) -> Timed:
    tasks = split(cut, TYPICAL, workers)
    rows = [task_features(task) for task in tasks]
    prepared, joined = prepare_features(gates, cut), join_features(cut)
    seconds = tuple(float(np.dot(TYPICAL.task, row)) for row in rows)
    parts = (float(np.dot(TYPICAL.prepare, prepared)), run_seconds(TYPICAL, rows, workers),
             float(np.dot(TYPICAL.join, joined)))
    wall = Parts(*parts, sum(parts), seconds)
    return Timed(wall, wall if workers == 1 else None, tuple(tuple(row.tolist()) for row in rows),
                 tuple(prepared.tolist()), tuple(joined.tolist()), 0.0)
