"""What a cut costs in samples: closed formulas by kind of gate.

A cut replaces an operation by a sum of local ones with coefficients `c`. Its *kappa* is `sum |c|`; estimating a value
to the same error takes `kappa**2` times the shots, and the overheads of several cuts multiply.

Sources: Mitarai and Fujii, New J. Phys. 23, 023021 (2021) for rotations; Mitarai and Fujii, Quantum 5, 388 (2021),
Eq. 19, for any two-qubit gate by its KAK angles; Peng et al., Phys. Rev. Lett. 125, 150504 (2020) for wires.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

WIRE = 16.0
"""Sampling overhead of one wire cut without classical communication: kappa is 4."""
_CLIFFORD = {"cx": 9.0, "cy": 9.0, "cz": 9.0, "ch": 9.0, "ecr": 9.0, "iswap": 49.0, "dcx": 49.0, "swap": 49.0}
_ROTATIONS = ("rxx", "ryy", "rzz", "rzx")
_CONTROLLED = ("crx", "cry", "crz", "cp", "cu1")


def rotation(theta: float) -> float:
    """Sampling overhead of `exp(-i theta/2 P(x)P)`, theta in radians: `(1 + 2 |sin theta|)**2`."""
    return (1.0 + 2.0 * abs(math.sin(theta))) ** 2


def gate(operation: Any) -> float:
    """Sampling overhead of cutting a two-qubit gate of Qiskit; 1 for one that entangles nothing.

    A rotation whose angle is not known yet counts with its worst, 9. `InvalidInput` for what is no two-qubit gate, or
    has free parameters and is no rotation.
    """
    name = str(operation.name)
    if operation.num_qubits != 2:
        raise InvalidInput(f"The gate {name!r} on {operation.num_qubits} qubits cannot be cut",
                           "A cut goes through gates on two qubits and through wires",
                           "Decompose it into gates on one and two qubits first")
    if name in _CLIFFORD:
        return _CLIFFORD[name]
    if name in _ROTATIONS or name in _CONTROLLED:
        angle = _angle(operation.params[0])
        return 9.0 if angle is None else rotation(angle if name in _ROTATIONS else angle / 2)
    return any_gate(_matrix(operation))


def any_gate(matrix: NDArray[np.complex128]) -> float:
    """Sampling overhead of any two-qubit gate (4, 4), by its KAK angles."""
    from qiskit.synthesis import TwoQubitWeylDecomposition

    parts = TwoQubitWeylDecomposition(matrix)
    return kappa_of(float(parts.a), float(parts.b), float(parts.c)) ** 2


def kappa_of(a: float, b: float, c: float) -> float:
    """Kappa of `exp(i (a XX + b YY + c ZZ))`: 1, and `4 |Re u_i u_j*| + 4 |Im u_i u_j*|` for each pair i < j.

    The u are the coefficients of II, XX, YY and ZZ.
    """
    u = _weights(a, b, c)
    pairs = [u[i] * np.conj(u[j]) for i in range(4) for j in range(i + 1, 4)]
    return float(1.0 + sum(4.0 * abs(pair.real) + 4.0 * abs(pair.imag) for pair in pairs))


def total(circuit: QuantumCircuit, cut: list[int], wires: int) -> float:
    """Sampling overhead of cutting the instructions `cut` of a circuit and `wires` wires: the product of all."""
    return math.prod(gate(circuit.data[index].operation) for index in cut) * WIRE**wires


def shots_for(overhead: float, error: float, spread: float = 1.0) -> int:
    """Shots for a standard error `error` of a value whose single shots spread by `spread`: `overhead (spread/error)^2`.

    `InvalidInput` unless both are finite and positive.
    """
    if not (math.isfinite(error) and error > 0 and math.isfinite(spread) and spread > 0):
        raise InvalidInput(f"An error of {error!r} with a spread of {spread!r} cannot be reached", "",
                           "Give finite numbers above 0")
    return math.ceil(overhead * (spread / error) ** 2)


def _weights(a: float, b: float, c: float) -> list[complex]:
    """The coefficients of II, XX, YY, ZZ in `exp(i (a XX + b YY + c ZZ))`."""
    cosines, sines = [math.cos(x) for x in (a, b, c)], [math.sin(x) for x in (a, b, c)]
    (ca, cb, cc), (sa, sb, sc) = cosines, sines
    # XX YY = -ZZ, so two sines feed the third string and three feed the identity.
    return [ca * cb * cc + 1j * sa * sb * sc,
            1j * sa * cb * cc + ca * sb * sc, 1j * ca * sb * cc + sa * cb * sc, 1j * ca * cb * sc + sa * sb * cc]


def _angle(value: Any) -> float | None:
    try:
        return float(value)
    except TypeError:
        return None


def _matrix(operation: Any) -> NDArray[np.complex128]:
    from qiskit.quantum_info import Operator

    try:
        return np.asarray(Operator(operation).data, dtype=np.complex128)
    except Exception as error:
        # Qiskit raises several unrelated kinds for unbound parameters and for what is no gate.
        raise InvalidInput(f"The overhead of cutting {operation.name!r} is not known", str(error),
                           "Bind its parameters, or decompose it into known gates") from error
