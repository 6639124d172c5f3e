"""Everything a simulator that yields amplitudes has in common: expectation values, estimates, counts, memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from qloop.qpus.simulators.contract import Theta
from qloop.qpus.simulators.lowering import Lowered
from qloop.qpus.simulators.observable import Amplitudes, Part, expectation_of, probabilities
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.simulators.sampling import Estimator, counts_of, draw

# State, its copy for numpy, and squares: 16 + 16 + 16 bytes for each amplitude.
_BYTES_PER_AMPLITUDE = 48


class StateSimulation:
    """A simulation by amplitudes: `amplitudes(angles)` returns a fresh vector (2**n,), qubit 0 the lowest bit."""

    def __init__(self, lowered: Lowered, terms: tuple[Term, ...] | None,
                 amplitudes: Callable[[Theta], Amplitudes]) -> None:
        self._lowered, self._terms, self._amplitudes = lowered, terms or (), amplitudes
        self._angles = lowered.angles

    @cached_property
    def _expectation(self) -> Part:
        return expectation_of(self._terms, self._lowered.n_qubits) if self._terms else lambda _: 0.0

    @cached_property
    def _estimator(self) -> Estimator:
        return Estimator(self._terms, self._lowered.n_qubits)

    def expectation(self, theta: Theta) -> float:
        """The exact expectation value."""
        return self._expectation(self._amplitudes(self._angles(theta)))

    def estimate(self, theta: Theta, shots: int, random: np.random.Generator) -> float:
        """The expectation value from shots."""
        return self._estimator.estimate(self._amplitudes(self._angles(theta)), shots, random)

    def counts(self, theta: Theta, shots: int, random: np.random.Generator) -> dict[str, int]:
        """Bit strings from shots."""
        weights = probabilities(self._amplitudes(self._angles(theta)))
        outcomes, times = draw(weights, shots, random)
        return counts_of(outcomes, times, self._lowered.readout, self._lowered.n_clbits)


def memory_refusal(n_qubits: int) -> str:
    """Why a state vector of that many qubits does not fit this machine's memory; empty if it does."""
    need = _BYTES_PER_AMPLITUDE << n_qubits
    have = free_memory()
    if need <= have:
        return ""
    return f"a state vector of {n_qubits} qubits needs {need / 2**30:,.1f} GiB, and {have / 2**30:,.1f} GiB are free"


def free_memory() -> int:
    """Bytes of memory that are free or can be freed, as far as the system tells."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
