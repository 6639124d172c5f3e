"""Which simulator computes a circuit: by forecast where that is clear, else by a short trial.

The choice is made once, when a circuit is compiled, and journaled as a `SimulatorId`; a program that is compiled again
names the journaled one and gets exactly that or an error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, QpuError, UnknownName
from qloop.model.evaluation import SimulatorId
from qloop.qpus.simulators.aer_mps import AerMps
from qloop.qpus.simulators.aer_state import AerState
from qloop.qpus.simulators.contract import Simulation, Simulator
from qloop.qpus.simulators.lowering import Lowered
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.simulators.qiskit_state import QiskitState
from qloop.qpus.simulators.qulacs_state import QulacsState

# Raised whenever qloop's own arithmetic (lowering, fusion, order of sums) changes the bits of a result.
ARITHMETIC = 1
# Below this forecast (seconds) no other simulator can win: their call alone costs more.
_CLEAR = 8e-4
# A simulator that is forecast to be this many times slower than the best is not tried.
_HOPELESS = 6.0
_TRIAL_SECONDS = 0.3

Terms = tuple[Term, ...] | None


def simulators() -> dict[str, Simulator]:
    """All simulators that qloop knows, by name, installed or not."""
    known: tuple[Simulator, ...] = (QulacsState(), AerMps(), AerState(), QiskitState())
    return {simulator.name: simulator for simulator in known}


def identity(simulator: Simulator, threads: int) -> SimulatorId:
    """The journaled name of an installed simulator as qloop uses it."""
    return SimulatorId(simulator.name, f"{simulator.version()}+{ARITHMETIC}", threads)


def choose(lowered: Lowered, terms: Terms, allowed: Sequence[str], threads: int,
           sampled: bool) -> tuple[SimulatorId, Simulation]:
    """The fastest simulator for the circuit, compiled. `InvalidInput` with all reasons if none can compute it."""
    able = _able(lowered, terms, allowed)
    forecasts = {simulator.name: simulator.forecast(lowered, terms, sampled) for simulator in able}
    able.sort(key=lambda simulator: forecasts[simulator.name])
    best = forecasts[able[0].name]
    tried = [simulator for simulator in able if forecasts[simulator.name] <= _HOPELESS * best]
    if len(tried) == 1 or best < _CLEAR or best > _TRIAL_SECONDS or sampled or terms is None:
        return identity(able[0], threads), able[0].compile(lowered, terms, threads)
    winner, simulation = _trial(tried, lowered, terms, threads)
    return identity(winner, threads), simulation


def forced(wanted: SimulatorId, lowered: Lowered, terms: Terms) -> Simulation:
    """Exactly the journaled simulator, compiled; `QpuError` if this machine has another version or none."""
    known = simulators()
    if wanted.name not in known:
        raise UnknownName("simulator", wanted.name, known)
    simulator = known[wanted.name]
    have = simulator.version()
    if have is None or f"{have}+{ARITHMETIC}" != wanted.version:
        found = "it is not installed" if have is None else f"{have}+{ARITHMETIC} is installed"
        raise QpuError(f"The session was computed by {wanted.name} {wanted.version}, and {found}",
                       "Another version may give other bits, so the run would not be the same",
                       "Install that version, or begin a new session")
    refusal = simulator.refusal(lowered, terms)
    if refusal:
        raise InvalidInput(f"The simulator {wanted.name} cannot compute this circuit", refusal,
                           "Let qloop choose the simulator")
    return simulator.compile(lowered, terms, wanted.threads)


def _able(lowered: Lowered, terms: Terms, allowed: Sequence[str]) -> list[Simulator]:
    """Installed and willing simulators."""
    able, reasons = [], []
    for name in allowed:
        simulator = simulators()[name]
        refusal = "it is not installed" if simulator.version() is None else simulator.refusal(lowered, terms)
        if refusal:
            reasons.append(f"{name}: {refusal}")
        else:
            able.append(simulator)
    if not able:
        missing = any("not installed" in reason for reason in reasons)
        raise InvalidInput(f"No simulator can compute this circuit of {lowered.n_qubits} qubits", "; ".join(reasons),
                           "Install one with: pip install 'qloop[aer]', or use fewer qubits" if missing else
                           "Use fewer qubits, less entanglement, or a machine with more memory")
    return able


def _trial(tried: list[Simulator], lowered: Lowered, terms: Terms, threads: int) -> tuple[Simulator, Simulation]:
    """Run each once to warm up and up to three times on the clock, the most promising first, in the budget."""
    theta = np.random.Generator(np.random.Philox(key=0)).uniform(-3.0, 3.0, lowered.angles.n_parameters)
    results: list[tuple[float, int, Simulator, Simulation]] = []
    begun = time.perf_counter()
    for simulator in tried:
        if results and time.perf_counter() - begun > _TRIAL_SECONDS / 2:
            break
        simulation = simulator.compile(lowered, terms, threads)
        simulation.expectation(theta)
        results.append((_quickest(simulation, theta), len(results), simulator, simulation))
    _, _, winner, simulation = min(results, key=lambda result: result[:2])
    return winner, simulation


def _quickest(simulation: Simulation, theta: NDArray[np.float64]) -> float:
    """Seconds of the fastest of up to three runs, one if it is long."""
    spent: list[float] = []
    while len(spent) < 3 and sum(spent) < _TRIAL_SECONDS / 10:
        start = time.perf_counter()
        simulation.expectation(theta)
        spent.append(time.perf_counter() - start)
    return min(spent)
