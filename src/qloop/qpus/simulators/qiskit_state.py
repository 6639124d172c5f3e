"""Qiskit's own state vector: slow, always there, and the reference of the others."""

from __future__ import annotations

import numpy as np

from qloop.qpus.simulators.circuits import template
from qloop.qpus.simulators.contract import Theta
from qloop.qpus.simulators.lowering import Lowered
from qloop.qpus.simulators.observable import Amplitudes
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.simulators.statevector import StateSimulation, memory_refusal
from qloop.qpus.simulators.versions import installed


class QiskitState:
    """`qiskit.quantum_info.Statevector`."""

    name = "qiskit"

    def version(self) -> str | None:
        """The installed version of Qiskit."""
        return installed("qiskit")

    def refusal(self, lowered: Lowered, terms: tuple[Term, ...] | None) -> str:
        """Only memory can stop it."""
        return memory_refusal(lowered.n_qubits)

    def forecast(self, lowered: Lowered, terms: tuple[Term, ...] | None, sampled: bool) -> float:
        """Tens of microseconds a gate and several passes over the state."""
        return 2e-4 + len(lowered.gates) * (2e-5 + 8e-9 * 2.0**lowered.n_qubits)

    def compile(self, lowered: Lowered, terms: tuple[Term, ...] | None, threads: int) -> StateSimulation:
        """The circuit with one parameter for each angle; `threads` has no meaning here."""
        from qiskit.quantum_info import Statevector

        circuit = template(lowered)

        def amplitudes(angles: Theta) -> Amplitudes:
            return np.array(Statevector(circuit.assign_parameters(angles.tolist())).data)

        return StateSimulation(lowered, terms, amplitudes)
