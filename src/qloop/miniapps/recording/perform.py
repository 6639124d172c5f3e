"""Records all experiments of a plan that are not there yet, and says how long the rest will take."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

from qloop.miniapps.recording import cold
from qloop.miniapps.recording.experiment import Opening, perform
from qloop.miniapps.recording.instances import Source
from qloop.miniapps.recording.ledger import Ledger
from qloop.miniapps.recording.plan import Plan

STRIDE = 50         # iterations between two tellings
GROWTH = 1.8    # time of an experiment against that of one with two qubits less; only until it is measured


class Watch(Protocol):
    """Told how a recording goes on; seconds left are None while nothing is known."""

    def at(self, done: int, total: int, what: str, left_s: float | None) -> None:
        """So many experiments are complete; `what` runs now."""


class Silent:
    """Nobody watches."""

    def at(self, done: int, total: int, what: str, left_s: float | None) -> None:
        """Nothing is shown."""


class Pace:
    """Learns how long an experiment of each size takes."""

    def __init__(self) -> None:
        self.took: dict[int, list[float]] = {}

    def learn(self, size: int, seconds: float) -> None:
        """An experiment of this size took so long."""
        self.took.setdefault(size, []).append(seconds)

    def expected(self, size: int) -> float | None:
        """Seconds for an experiment of this size: its mean, or from the nearest size; None before the first."""
        if not self.took:
            return None
        near = min(self.took, key=lambda known: abs(known - size))
        mean = sum(self.took[near]) / len(self.took[near])
        return mean * float(GROWTH ** ((size - near) / 2))

    def left(self, sizes: list[int]) -> float | None:
        """Seconds for experiments of these sizes."""
        each = [self.expected(size) for size in sizes]
        return None if None in each else float(sum(one for one in each if one is not None))


class Meter:
    """Tells a watcher what runs, how many experiments are complete, and how long the rest will take."""

    def __init__(self, watch: Watch, total: int, done: int) -> None:
        self.watch, self.total, self.done = watch, total, done
        self.pace = Pace()
        self._what, self._left, self._begun = "", [0], time.perf_counter()

    def begin(self, sizes: list[int], number: int) -> None:
        """An experiment of the first of these sizes begins; the others come later."""
        self._what, self._left, self._begun = f"{sizes[0]} qubits, instance {number}", sizes, time.perf_counter()
        self._tell(self._what)

    def iterated(self, k: int) -> None:
        """It has completed k iterations."""
        if k % STRIDE == 0:
            self._tell(f"{self._what}, iteration {k}")

    def end(self) -> None:
        """It is complete."""
        self.done += 1
        self.pace.learn(self._left[0], time.perf_counter() - self._begun)

    def _tell(self, what: str) -> None:
        left = self.pace.left(self._left)
        gone = time.perf_counter() - self._begun
        self.watch.at(self.done, self.total, what, None if left is None else max(0.0, left - gone))


def record(plan: Plan, source: Source, name: str, folder: Path, opening: Opening, about: dict[str, Any],
           watch: Watch | None = None) -> int:
    """Record what of the plan is missing in the folder; how many experiments were run.

    `name` says where the graphs are from. Whatever ends it (an error, Ctrl-C, a kill), finished experiments are kept
    and the same call goes on. Raises InvalidInput or Conflict of the folder, and what a QPU raises.
    """
    seen = watch or Silent()
    with Ledger(folder, plan.identity(name), about) as ledger:
        planned = (source(size, number) for size, number in plan.order())
        missing = [one for one in planned if (one.n_qubits, one.number) not in ledger.done]
        meter = Meter(seen, plan.total, plan.total - len(missing))
        if missing:
            cold.load()     # this process, too: only workers start cold
        for ran, instance in enumerate(missing):
            meter.begin([later.n_qubits for later in missing[ran:]], instance.number)
            trace = ledger.part(instance.n_qubits, instance.number)
            ledger.commit(perform(opening, plan, instance, trace, meter.iterated))
            meter.end()
        seen.at(plan.total, plan.total, "done", 0.0)
    return len(missing)
