"""Training on many points: an optimizer, and a loss over the values of one circuit at all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qloop.loops.objective import Objective
from qloop.loops.optimizers.protocol import Optimizer
from qloop.miniapps.motifs.record import Asked, Recorder, collect
from qloop.miniapps.motifs.site import Site

Floats = NDArray[np.float64]


class Training:
    """Trainings of one circuit in one session; `loss` is that of the last one's answer."""

    def __init__(self, record: Recorder, site: Site, objective: Objective, width: int) -> None:
        self.objective, self.loss = objective, float("nan")
        self._record, self._site, self._width = record, site, width

    def run(self, stage: str, optimizer: Optimizer, rows: Callable[[Floats], Floats],
            loss: Callable[[Floats], float]) -> Floats:
        """The parameters (P,) with the least loss that the optimizer finds.

        `rows(point)` (points, all) are the circuit's parameters for every training point, `loss(values)` judges its
        values there. Every batch of the optimizer is one quantum task.
        """
        chain, best, iteration = self._record.chain(stage), (np.inf, optimizer.x), 0
        while not optimizer.done:
            begun = time.perf_counter()
            points = optimizer.ask()
            batch = np.vstack([rows(point) for point in points])
            classical_s = time.perf_counter() - begun
            asked = Asked(self._site, self.objective.submit_batch(batch, iteration=iteration), self._width)
            (values,) = collect(self._record, stage, [asked], chain)
            begun = time.perf_counter()
            losses = np.array([loss(part) for part in values.reshape(len(points), -1)])
            optimizer.tell(losses)
            best = min(best, (float(losses.min()), points[int(losses.argmin())]), key=lambda one: one[0])
            self._record.step(stage, chain, classical_s + time.perf_counter() - begun)
            iteration += 1
        self.loss = best[0]
        return np.asarray(best[1], np.float64)
