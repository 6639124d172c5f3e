"""A data set in a few numbers for each size, or with a few iterations of each experiment."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.trace.datasets.schema import Dataset

SHOWN = ("num_iterations", "pre_s", "cost_time_s", "post_s", "approximation_ratio")


def by_size(dataset: Dataset) -> list[dict[str, Any]]:
    """For each size: `n_qubits`, how many `experiments`, and medians; None for what was not measured. Seconds."""
    runs, steps = dataset.table("experiments"), dataset.table("iterations")
    found = []
    for size in dataset.sizes():
        chosen = runs["n_qubits"] == size
        row: dict[str, Any] = {"n_qubits": size, "experiments": int(chosen.sum())}
        for name in SHOWN:
            row[name] = float(np.median(runs[name][chosen])) if name in runs else None
        taken = steps["quantum_s"][steps["n_qubits"] == size] if steps else np.zeros(0)
        row["quantum_s"] = float(np.median(taken)) if len(taken) else None
        found.append(row)
    return found


def thinned(dataset: Dataset, keep: int) -> Dataset:
    """The data set with at most `keep` iterations of each experiment, evenly spaced from its first to its last.

    Where iterations do not say their experiment, that many of each size. InvalidInput for a number below 1.
    """
    if keep < 1:
        raise InvalidInput(f"{keep} iterations are to be kept", "", "Give at least 1")
    steps = dataset.table("iterations")
    if not steps:
        return dataset
    names = [name for name in ("n_qubits", "instance") if name in steps]
    _, group = np.unique(np.column_stack([steps[name] for name in names]), axis=0, return_inverse=True)
    chosen = []
    for one in range(int(group.max()) + 1):
        places = np.flatnonzero(group == one)
        chosen.append(places[np.unique(np.linspace(0, len(places) - 1, keep).astype(int))])
    rows = np.sort(np.concatenate(chosen))
    fewer = {name: values[rows] for name, values in steps.items()}
    return Dataset(MappingProxyType({**dataset.tables, "iterations": fewer}))
