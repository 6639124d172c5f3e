"""Exact energies by Qiskit's Statevector: slow, simple and not qloop's own simulator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from qloop.miniapps.problems.problem import Problem


def state(circuit: QuantumCircuit, theta: NDArray[np.float64]) -> NDArray[np.complex128]:
    return Statevector(circuit.assign_parameters(theta)).data


def energy_of(problem: Problem) -> Callable[[NDArray[np.float64]], float]:
    return energy(problem.circuit, problem.observable)


def energy(circuit: QuantumCircuit, observable: SparsePauliOp) -> Callable[[NDArray[np.float64]], float]:
    matrix = observable.to_matrix(sparse=True)

    def value(theta: NDArray[np.float64]) -> float:
        psi = state(circuit, np.asarray(theta, dtype=float))
        return float(np.vdot(psi, matrix @ psi).real)

    return value
