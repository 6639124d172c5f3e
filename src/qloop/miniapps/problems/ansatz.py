"""The circuits with free parameters that the problems are solved with, and where their parameters start.

Angles are in radians. Parameters are ordered as `QuantumCircuit.parameters` orders them: by vector name,
then index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Edge = tuple[int, int]

MAX_LAYERS = 50


def alternating(n_qubits: int, edges: Sequence[Edge], layers: int, coupling: float = 0.5) -> QuantumCircuit:
    """QAOA for `coupling * sum Z_i Z_j`: from |+>, `layers` times exp(-i gamma H), then exp(-i beta sum X).

    Takes `layers` values of beta, then `layers` of gamma. Source: Farhi, Goldstone and Gutmann,
    arXiv:1411.4028, for an energy to minimise (so H is minus their objective, up to a constant). Gates: h,
    rzz, rx.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    beta, gamma = ParameterVector("β", layers), ParameterVector("γ", layers)
    circuit = QuantumCircuit(n_qubits, name="qaoa")
    circuit.h(range(n_qubits))
    for layer in range(layers):
        for i, j in edges:
            circuit.rzz(2 * coupling * gamma[layer], i, j)
        circuit.rx(2 * beta[layer], range(n_qubits))
    return circuit


def annealing_start(generator: np.random.Generator, n_parameters: int) -> NDArray[np.float64]:
    """An anneal in `n_parameters / 2` steps: |beta| falls while gamma rises; plus 0.05 rad of Gaussian noise.

    beta is negative because |+> is the ground state of -sum X. The slope .75 suits graphs of degree 3
    (after Sack and Serbyn, Quantum 5, 491, 2021).
    """
    layers = n_parameters // 2
    middle = (np.arange(layers) + 0.5) / layers
    ramp = 0.75 * np.concatenate([middle - 1, middle])
    return ramp + 0.05 * generator.standard_normal(n_parameters)


def hardware_efficient(kind: str, n_qubits: int, layers: int, reference: str = "") -> QuantumCircuit:
    """`layers` + 1 rows of rotations with lines of cx between: "efficient_su2" (ry, rz) or "real_amplitudes" (ry).

    Takes n_qubits * (layers + 1) parameters a rotation. Real amplitudes suffice for a real Hamiltonian (an even number
    of y in every term) and need half the parameters. With `reference` (a bit string, qubit 0 last) the circuit begins
    with the x gates that make all-zero parameters prepare exactly this basis state. Source: Kandala et al., Nature 549,
    242 (2017).
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import efficient_su2

    rotations = ["ry", "rz"] if kind == "efficient_su2" else ["ry"]
    circuit = QuantumCircuit(n_qubits, name=kind)
    for qubit in _before_entanglers(reference, layers):
        circuit.x(qubit)
    rows = efficient_su2(n_qubits, su2_gates=rotations, reps=layers, entanglement="linear")
    return circuit.compose(rows)


def uniform_start(generator: np.random.Generator, n_parameters: int) -> NDArray[np.float64]:
    """Every angle uniform in [-pi, pi): no knowledge of the problem."""
    return generator.uniform(-np.pi, np.pi, n_parameters)


def near_reference_start(generator: np.random.Generator, n_parameters: int) -> NDArray[np.float64]:
    """Gaussian angles of 0.1 rad around zero: near the reference state, off its stationary points."""
    return 0.1 * generator.standard_normal(n_parameters)


def hamiltonian_variational(n_qubits: int, edges: Sequence[Edge], layers: int) -> QuantumCircuit:
    """The Hamiltonian variational ansatz of the Ising chain: QAOA whose mixer is the chain's own field.

    With n_qubits / 2 layers it reaches the ground state of a periodic chain exactly (Ho and Hsieh, SciPost
    Phys. 6, 029, 2019). One term of H is `-Z Z`, so a positive gamma anneals.
    """
    return alternating(n_qubits, edges, layers, coupling=-1.0)


def _before_entanglers(reference: str, layers: int) -> list[int]:
    """The qubits that are 1 before `layers` lines of cx so that `reference` comes out."""
    bits = [int(bit) for bit in reversed(reference)]
    for _ in range(layers):
        for qubit in range(len(bits) - 1, 0, -1):
            bits[qubit] ^= bits[qubit - 1]
    return [qubit for qubit, bit in enumerate(bits) if bit]
