"""The reference: a density matrix, gate by gate, by `qiskit.quantum_info`, with channels from closed formulas.

The same model as Aer's (see `aer_model`), derived here anew and computed in another way; for few qubits. With t the
gate's length, e its error, d = 2^k and F_r the average fidelity of the relaxation alone,

    p = d (F_r - (1 - e)) / (d F_r - 1),   F_r = (d prod_q (1 + 2 exp(-t/T2) + exp(-t/T1)) / 4 + 1) / (d + 1)

is the depolarisation that makes both together err with e (Qiskit Aer, `noise.device.models`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.noise.evolution import Strings
from qloop.qpus.noise.figures import Figures, GateFigures
from qloop.qpus.noise.placed import ROTATION, Placed

MOST_QUBITS = 6


class DensityState:
    """A placed circuit under one set of figures, as a function from angles to its state."""

    def __init__(self, placed: Placed, figures: Figures) -> None:
        self._placed, self._figures = placed, figures
        self._noise = {(gate.name, gate.qubits): _gate_noise(gate, figures) for gate in figures.gates}

    def state(self, angles: NDArray[np.float64]) -> Strings:
        """The state at angles (slots,)."""
        from qiskit.quantum_info import DensityMatrix

        rho: Any = DensityMatrix.from_int(0, (2,) * self._placed.n_qubits)
        for step in self._placed.steps:
            for qubit, waited in zip(step.qubits, step.waited_ns, strict=True):
                rho = self._waited(rho, qubit, waited)
            rho = rho.evolve(_operator(step.name, None if step.slot < 0 else float(angles[step.slot])),
                             list(step.qubits))
            noise = self._noise[step.name, step.qubits]
            rho = rho if noise is None else rho.evolve(noise, list(step.qubits))
        for qubit, waited in enumerate(self._placed.last_wait_ns):
            rho = self._waited(rho, qubit, waited)
        return strings_of(np.asarray(rho.data))

    def _waited(self, rho: Any, qubit: int, ns: float) -> Any:
        return rho.evolve(_relaxation(self._figures, qubit, ns), [qubit]) if ns > 0.0 else rho


def strings_of(rho: NDArray[np.complex128]) -> Strings:
    """The expectation values of all strings in a density matrix (2^n, 2^n)."""
    from qiskit.quantum_info import Pauli

    n = rho.shape[0].bit_length() - 1
    letters = np.array([Pauli(name).to_matrix().T for name in "IXYZ"])
    tensor: Any = rho.reshape((2,) * (2 * n))
    for left in range(n, 0, -1):    # the highest qubit left: its row and its column become one axis at the end
        tensor = np.tensordot(tensor, letters, axes=((0, left), (1, 2)))
    return Strings(list(reversed(range(n))), np.ascontiguousarray(tensor.real).reshape(-1))


def _operator(name: str, angle: float | None) -> Any:
    from qiskit.circuit.library import RZGate, get_standard_gate_name_mapping
    from qiskit.quantum_info import Operator

    return Operator(RZGate(angle) if name == ROTATION else get_standard_gate_name_mapping()[name])


def _gate_noise(gate: GateFigures, figures: Figures) -> Any:
    """Depolarisation, then relaxation of each qubit; None if nothing happens."""
    kept = 1.0
    for qubit in gate.qubits:
        relaxed, dephased = _survival(figures, qubit, gate.length_ns)
        kept *= (1.0 + 2.0 * dephased + relaxed) / 4.0
    dim = 2 ** len(gate.qubits)
    fidelity = (dim * kept + 1.0) / (dim + 1.0)
    wrong = 0.0
    if gate.error > 1.0 - fidelity:
        wanted = min(gate.error, dim / (dim + 1.0))
        wrong = min(dim * (fidelity - (1.0 - wanted)) / (dim * fidelity - 1.0), dim**2 / (dim**2 - 1.0))
    if wrong == 0.0 and gate.length_ns == 0.0:
        return None
    noise = _depolarisation(wrong, dim)
    for k, qubit in enumerate(gate.qubits):
        if gate.length_ns > 0.0:
            noise = noise.compose(_relaxation(figures, qubit, gate.length_ns), [k])
    return noise


def _survival(figures: Figures, qubit: int, ns: float) -> tuple[float, float]:
    """What is left of an excitation and of a superposition after a time."""
    t1 = figures.t1_ns[qubit]
    return math.exp(-ns / t1), math.exp(-ns / min(figures.t2_ns[qubit], 2.0 * t1))


def _relaxation(figures: Figures, qubit: int, ns: float) -> Any:
    """Relaxation to the ground state and dephasing, on the column-stacked density matrix (00, 10, 01, 11)."""
    from qiskit.quantum_info import SuperOp

    relaxed, dephased = _survival(figures, qubit, ns)
    matrix = np.diag([1.0, dephased, dephased, relaxed]).astype(np.complex128)
    matrix[0, 3] = 1.0 - relaxed
    return SuperOp(matrix)


def _depolarisation(wrong: float, dim: int) -> Any:
    """(1 - p) rho + p 1/d."""
    from qiskit.quantum_info import SuperOp

    mixed = np.eye(dim).reshape(-1)
    return SuperOp((1.0 - wrong) * np.eye(dim * dim) + wrong / dim * np.outer(mixed, mixed))
