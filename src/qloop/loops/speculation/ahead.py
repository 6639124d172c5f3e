"""A loop's side of speculation: on or off, and never the loop's undoing."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qloop.loops.objective import Objective
from qloop.loops.optimizers.protocol import Optimizer
from qloop.loops.speculation.options import Speculation
from qloop.loops.speculation.report import SpeculationReport
from qloop.loops.speculation.speculator import Speculator
from qloop.runtime.client import Client, Outcome

Points = NDArray[np.float64]


class Ahead:
    """What a loop tells of its course, so that guesses can run ahead of it; all of it is idle if speculation is off.

    Asking ahead must not harm the loop: what goes wrong there switches it off, and the report says why.
    """

    def __init__(self, client: Client, objective: Objective, options: Speculation | None) -> None:
        self.options, self.objective, self.client = options, objective, client
        self.trouble = ""
        self.deviations: tuple[float, ...] = ()
        self._points = np.empty((0, 0))
        self._why_none = ""
        self._speculator = None if options is None else Speculator(
            client, objective.session, objective.structure, objective.shots, options)

    @property
    def on(self) -> bool:
        """Whether the loop asks ahead."""
        return self._speculator is not None

    def evaluate(self, points: Points, optimizer: Optimizer, iteration: int) -> Outcome:
        """Ask for the points, ask ahead, and wait; where guesses could mask nothing, as a loop alone does."""
        objective, chosen = self.objective, self.coming(points)
        if self._speculator is None or self._speculator.idle:
            outcome = self.client.evaluate(objective.session, objective.structure, chosen, objective.shots,
                                           iteration=iteration)
            self.answered(outcome)
            return outcome
        future = objective.submit_batch(chosen, iteration=iteration)
        try:
            self.asked(optimizer, iteration)
            outcome = future.outcome()
        except BaseException:       # also Ctrl-C: nobody would take the values
            future.cancel()
            raise
        self.answered(outcome)
        return outcome

    def coming(self, points: Points) -> Points:
        """The loop is about to ask for these points; returns those to evaluate."""
        self._points = points
        self._try(self._coming)
        return self._points

    def _coming(self, speculator: Speculator) -> None:
        self._points = speculator.coming(self._points)

    def asked(self, optimizer: Optimizer, iteration: int) -> None:
        """The loop has asked for what the optimizer wants, and waits."""
        self._try(lambda speculator: speculator.asked(optimizer, iteration))

    def answered(self, outcome: Outcome) -> None:
        """The loop has its values."""
        values, where = np.array(outcome.values), (outcome.qpu, outcome.epoch)
        self._try(lambda speculator: speculator.answered(self._points, values, where))

    def _try(self, step: Callable[[Speculator], None]) -> None:
        if self._speculator is None:
            return
        try:
            step(self._speculator)
        except Exception as error:
            logging.getLogger("qloop").warning("Session %s asks ahead no more: %s", self.objective.session, error)
            self.trouble = f"{type(error).__name__}: {error}"
            self.close()

    @property
    def deviation(self) -> float:
        """By how much the points that were evaluated last differ from those asked for (rad): 0 in the exact mode."""
        return 0.0 if self._speculator is None else self._speculator.deviation

    def close(self) -> None:
        """The loop asks for nothing more."""
        if self._speculator is not None:
            self._speculator.close()
            self.deviations, self._why_none = tuple(self._speculator.deviations), self._speculator.why_none
            self._speculator = None

    def report(self) -> SpeculationReport | None:
        """What it came to; None if the loop does not ask ahead."""
        options = self.options
        if options is None:
            return None
        known = self.client.speculated(self.objective.session)
        quiet = self._why_none if self._speculator is None else self._speculator.why_none
        trouble = self.trouble or known.refused
        return SpeculationReport(options.mode, options.depth, options.width, options.budget, known.launched,
                                 known.committed, known.squashed, known.wasted_s, known.useful_s, known.masked_s,
                                 known.reused, self.deviations, trouble,
                                 "" if known.launched or trouble else quiet)
