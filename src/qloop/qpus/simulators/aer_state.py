"""Aer's state vector: its own multithreading and fusion, at about a millisecond of overhead a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qloop.errors import QpuError
from qloop.qpus.simulators.circuits import template
from qloop.qpus.simulators.contract import Theta
from qloop.qpus.simulators.lowering import Lowered
from qloop.qpus.simulators.observable import Amplitudes
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.simulators.statevector import StateSimulation, memory_refusal
from qloop.qpus.simulators.versions import installed


class AerState:
    """`AerSimulator(method="statevector")`."""

    name = "aer_statevector"

    def version(self) -> str | None:
        """The installed version of Qiskit Aer."""
        return installed("qiskit-aer", "qiskit_aer")

    def refusal(self, lowered: Lowered, terms: tuple[Term, ...] | None) -> str:
        """Only memory can stop it."""
        return memory_refusal(lowered.n_qubits)

    def forecast(self, lowered: Lowered, terms: tuple[Term, ...] | None, sampled: bool) -> float:
        """About a millisecond, then gates at 1.6 ns an amplitude."""
        return 1.2e-3 + len(lowered.gates) * (5e-6 + 1.6e-9 * 2.0**lowered.n_qubits)

    def compile(self, lowered: Lowered, terms: tuple[Term, ...] | None, threads: int) -> StateSimulation:
        """The circuit with one parameter for each angle; sums are made in numpy, so threads change no bits."""
        from qiskit_aer import AerSimulator

        simulator = AerSimulator(method="statevector", max_parallel_threads=threads)
        return StateSimulation(lowered, terms, amplitudes_by(simulator, lowered))


def amplitudes_by(simulator: Any, lowered: Lowered) -> Callable[[Theta], Amplitudes]:
    """The circuit's amplitudes as a function of its angles, by an Aer simulator of any method."""
    circuit: Any = template(lowered)
    circuit.save_statevector()

    def amplitudes(angles: Theta) -> Amplitudes:
        data = run(simulator, circuit.assign_parameters(angles.tolist()), shots=1).data(0)
        return np.array(data["statevector"].data, dtype=np.complex128)

    return amplitudes


def run(simulator: Any, circuit: Any, **options: Any) -> Any:
    """Aer's result; `QpuError` with Aer's own words if it failed."""
    result = simulator.run(circuit, **options).result()
    if not result.success:
        raise QpuError("Aer could not run the circuit", str(result.status), "Choose another simulator")
    return result
