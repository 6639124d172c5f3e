"""What preparing and joining take, measured without the runs between them: many circuits in little time."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import numpy as np

from qloop.planner.configurations import Configuration, configurations, problem_of
from qloop.planner.cutting import cut_circuit
from qloop.planner.effort import join_features, prepare_features
from qloop.planner.runs import recombine, tasks_of
from qloop.planner.whole import whole_circuit

SIZES = (10, 13, 17)
_REPEATS = 3

Row = tuple[tuple[float, ...], float]
"""Features, and seconds by the processor's clock."""


class Making(msgspec.Struct, frozen=True):
    """A circuit prepared whole and cut, and values of ones joined."""

    whole: Row
    cut: Row
    join: Row


def all_makings() -> list[Configuration]:
    """Configurations of small circuits, of all kinds."""
    return list(configurations(SIZES, (1,)))


def measure_making(chosen: Configuration) -> Making:
    """Prepare and join one here."""
    circuit, observable = problem_of(chosen)
    gates = len(circuit.data)
    whole, cut = whole_circuit(circuit, observable), cut_circuit(circuit, observable, chosen.labels)
    ones = {task.key: np.ones(task.tree.shape()) for task in tasks_of(cut)}
    return Making((tuple(prepare_features(gates, whole).tolist()), _least(lambda: whole_circuit(circuit, observable))),
                  (tuple(prepare_features(gates, cut).tolist()),
                   _least(lambda: cut_circuit(circuit, observable, chosen.labels))),
                  (tuple(join_features(cut).tolist()), _least(lambda: recombine(cut, ones))))


def _least(call: Callable[[], object]) -> float:
    spent = []
    for _ in range(_REPEATS):
        begun = time.process_time()
        call()
        spent.append(time.process_time() - begun)
    return max(min(spent), 1e-7)
