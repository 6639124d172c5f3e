"""Values and counts from the exact state of a noisy circuit; shots are drawn from its distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qloop.model.evaluation import generator
from qloop.qpus.noise.aer_model import AerModel
from qloop.qpus.noise.density import DensityState
from qloop.qpus.noise.evolution import Strings, evolve, plan_of
from qloop.qpus.noise.figures import Figures
from qloop.qpus.noise.placed import Placed
from qloop.qpus.noise.reading import Group, Readout
from qloop.qpus.noise.recipe import recipe_of
from qloop.qpus.simulators.sampling import counts_of, draw
from qloop.qpus.twin_noise import stream

_Z = 3
StateOf = Callable[[NDArray[np.float64]], Strings]


class ExactSolver:
    """See `Solver`; `state_of` gives the state at angles (slots,)."""

    def __init__(self, state_of: StateOf, readout: Readout, groups: tuple[Group, ...]) -> None:
        self._state_of, self._readout, self._groups = state_of, readout, groups

    def exact(self, angles: NDArray[np.float64]) -> tuple[float, float]:
        """The sum over groups, and 0 as its standard error."""
        state = self._state_of(angles)
        return sum((self._readout.expectation(state, group) for group in self._groups), 0.0), 0.0

    def estimate(self, angles: NDArray[np.float64], shots: int, digest: bytes) -> float:
        """The sum over groups from `shots` shots each."""
        state = self._state_of(angles)
        return sum((self._readout.estimate(state, group, shots, generator(stream(digest, f"noise {k}")))
                    for k, group in enumerate(self._groups)), 0.0)

    def counts(self, angles: NDArray[np.float64], readout: tuple[tuple[int, int], ...], n_clbits: int, shots: int,
               digest: bytes) -> dict[str, int]:
        """Bit strings of `shots` shots; `readout` are (qubit, clbit) pairs."""
        qubits = tuple(sorted({qubit for qubit, _ in readout}))
        weights = self._readout.probabilities(self._state_of(angles), qubits, (_Z,) * len(qubits))
        outcomes, times = draw(weights, shots, generator(stream(digest, "noise")))
        place = {qubit: k for k, qubit in enumerate(qubits)}
        return counts_of(outcomes, times, tuple((place[qubit], clbit) for qubit, clbit in readout), n_clbits)


def waits_of(placed: Placed) -> tuple[tuple[int, float], ...]:
    """Every wait of a circuit once: (used qubit, ns)."""
    found = {(qubit, ns) for step in placed.steps for qubit, ns in zip(step.qubits, step.waited_ns, strict=True)}
    found |= set(enumerate(placed.last_wait_ns))
    return tuple(sorted((qubit, ns) for qubit, ns in found if ns > 0.0))


def aer_state(placed: Placed, figures: Figures) -> StateOf:
    """The state under Aer's errors."""
    recipe, plan = recipe_of(placed, AerModel(figures, waits_of(placed))), plan_of(placed)
    return lambda angles: evolve(recipe, angles, plan)


def density_state(placed: Placed, figures: Figures) -> StateOf:
    """The state by the reference."""
    return DensityState(placed, figures).state
