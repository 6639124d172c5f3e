"""How well the planner foretells: speed-ups predicted for sizes whose measurements it never saw.

The measure is the Q-Dreamer paper's, `100 min(predicted, actual) / max(predicted, actual)` of the speed-up of each
configuration. Whether to cut is right if prediction and measurement lie on the same side of 1; where the measured
speed-up differs from 1 by less than its own noise, either answer is right and the configuration is told apart as a tie.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.planner.fit import accuracy
from qloop.planner.learning import learned
from qloop.planner.measuring import Clock, Measured, Timed
from qloop.planner.model import Constants, run_seconds
from qloop.planner.probes import Probe

LEAST_NOISE = 0.02


class Judged(msgspec.Struct, frozen=True):
    """One configuration: its speed-up as measured and as predicted, and the relative noise of the measurement."""

    name: str
    n_qubits: int
    actual: float
    predicted: float
    noise: float

    @property
    def accuracy(self) -> float:
        """In per cent."""
        return accuracy(self.predicted, self.actual)

    @property
    def right(self) -> bool:
        """Whether prediction and measurement agree on cutting; a speed-up of 1 is not worth a cut."""
        return (self.predicted > 1.0) == (self.actual > 1.0)

    @property
    def tie(self) -> bool:
        """Whether the measurement itself cannot tell: 1 lies within its noise."""
        return bool(abs(np.log(self.actual)) <= np.log1p(self.noise))


class Verdict(msgspec.Struct, frozen=True):
    """All configurations judged. Accuracies in per cent."""

    judged: tuple[Judged, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return float(np.mean([one.accuracy for one in self.judged]))

    @property
    def median(self) -> float:
        """Median accuracy."""
        return float(np.median([one.accuracy for one in self.judged]))

    @property
    def right(self) -> float:
        """Share of configurations, in per cent, for which cut or not is right; ties count as they fall."""
        return 100.0 * float(np.mean([one.right for one in self.judged]))

    @property
    def right_but_ties(self) -> float:
        """The same without the ties."""
        clear = [one.right for one in self.judged if not one.tie]
        return 100.0 * float(np.mean(clear)) if clear else 100.0


def predicted_seconds(constants: Constants, timed: Timed, workers: int) -> float:
    """What the model says of a measured way, from its counts alone."""
    return (float(np.dot(constants.prepare, timed.prepare_features))
            + run_seconds(constants, timed.task_features, workers)
            + float(np.dot(constants.join, timed.join_features)))


def judge(measured: Sequence[Measured], constants: Constants, clock: Clock = "wall") -> tuple[Judged, ...]:
    """Predictions by these constants beside what was measured."""
    return tuple(Judged(one.configuration.name, one.configuration.n_qubits, one.speed_up(clock),
                        predicted_seconds(constants, one.whole, 1)
                        / predicted_seconds(constants, one.cut, one.configuration.workers),
                        _noise(one, clock))
                 for one in measured)


def _noise(one: Measured, clock: Clock) -> float:
    """How well the speed-up repeats: both ways' noise together, and never less than 2 %."""
    both = one.whole.parts(clock).disturbed, one.cut.parts(clock).disturbed
    return max(LEAST_NOISE, float(np.hypot(*both)))


def leave_one_size_out(measured: Sequence[Measured], probes: Sequence[Probe], clock: Clock = "wall") -> Verdict:
    """Each size judged by constants that were learned from all other sizes: their configurations, and their probes.

    By the processor's clock only configurations on one worker are judged.

    `InvalidInput` for a single size.
    """
    measured = [one for one in measured if clock == "wall" or one.configuration.workers == 1]
    sizes = sorted({one.configuration.n_qubits for one in measured})
    if len(sizes) < 2:
        raise InvalidInput("Leaving one size out needs at least two", f"Only {sizes} were measured",
                           "Measure configurations of more sizes")
    judged: list[Judged] = []
    for size in sizes:
        others = [one for one in measured if one.configuration.n_qubits != size]
        own = [one for one in measured if one.configuration.n_qubits == size]
        judged += judge(own, learned(others, [probe for probe in probes if probe.n_qubits != size], clock), clock)
    return Verdict(tuple(judged))
