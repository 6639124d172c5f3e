"""What a simulator offers: a cheap forecast of its cost for a circuit, and a compiled circuit that evaluates."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.simulators.lowering import Lowered
from qloop.qpus.simulators.pauli import Term

Theta = NDArray[np.float64]


class Simulation(Protocol):
    """A circuit (and its observable) compiled for one simulator. Every method is a pure function of its arguments."""

    def expectation(self, theta: Theta) -> float:
        """The exact expectation value at parameters (n_parameters,)."""

    def estimate(self, theta: Theta, shots: int, random: np.random.Generator) -> float:
        """The expectation value as `shots` shots in each measured basis tell it."""

    def counts(self, theta: Theta, shots: int, random: np.random.Generator) -> dict[str, int]:
        """Bit strings and how often each came, clbit 0 rightmost."""


class Simulator(Protocol):
    """One installed simulation library in one way of using it."""

    name: str

    def version(self) -> str | None:
        """Its version, or None if the library is not installed."""

    def refusal(self, lowered: Lowered, terms: tuple[Term, ...] | None) -> str:
        """Why it cannot compute this circuit exactly enough; empty if it can."""

    def forecast(self, lowered: Lowered, terms: tuple[Term, ...] | None, sampled: bool) -> float:
        """Seconds that one evaluation (by shots if `sampled`) will take, within a factor of three or so."""

    def compile(self, lowered: Lowered, terms: tuple[Term, ...] | None, threads: int) -> Simulation:
        """The circuit made ready for many evaluations."""
