"""A real sum of Pauli strings as bit masks, and what a basis state sees of it.

With masks `x` and `z`, a string acts as `P|j> = i^ny (-1)^popcount(z & j) |j ^ x>`, where `ny` counts its Y factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

_IMAGINARY_LIMIT = 1e-10


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient * P`, P given by its masks (Python integers: any width), bit k for qubit k."""

    x: int
    z: int
    coefficient: float

    @property
    def support(self) -> int:
        """The qubits that the string touches."""
        return self.x | self.z


def terms_of(observable: SparsePauliOp, n_qubits: int) -> tuple[Term, ...]:
    """The observable's terms, equal strings added up, in order of first appearance; zero terms dropped.

    Raises `InvalidInput` if it is no SparsePauliOp, has another width, or coefficients that are not real and finite.
    """
    _check(observable, n_qubits)
    order: dict[tuple[int, int], float] = {}
    weights = 1 << np.arange(n_qubits, dtype=object)
    xs, zs = observable.paulis.x.astype(object) @ weights, observable.paulis.z.astype(object) @ weights
    for x, z, coefficient in zip(xs, zs, np.real(observable.coeffs), strict=True):
        order[int(x), int(z)] = order.get((int(x), int(z)), 0.0) + float(coefficient)
    return tuple(Term(x, z, value) for (x, z), value in order.items() if value != 0.0)


def phases(terms: list[Term], basis: NDArray[np.int64]) -> NDArray[Any]:
    """`<j ^ x| sum of terms |j>` for basis states `j`; the terms share their x mask. Real where it can be."""
    real, imaginary = np.zeros(basis.shape), np.zeros(basis.shape)
    for term in terms:
        n_y = (term.x & term.z).bit_count() % 4
        signed = term.coefficient if n_y in (0, 1) else -term.coefficient
        values = parity_signs(basis, term.z)
        values *= signed
        target = real if n_y % 2 == 0 else imaginary
        target += values
    return real + 1j * imaginary if imaginary.any() else real


def parity_signs(basis: NDArray[np.int64], mask: int) -> NDArray[np.float64]:
    """+1 or -1 for an even or odd number of bits that a basis state shares with the mask."""
    signs: NDArray[np.float64] = 1.0 - 2.0 * (np.bitwise_count(basis & mask) & 1)
    return signs


def _check(observable: object, n_qubits: int) -> None:
    from qiskit.quantum_info import SparsePauliOp

    if not isinstance(observable, SparsePauliOp):
        raise InvalidInput(f"An observable must be a qiskit SparsePauliOp, not {type(observable).__name__}", "",
                           "Wrap it: SparsePauliOp(...)")
    if observable.num_qubits != n_qubits:
        raise InvalidInput(f"The observable acts on {observable.num_qubits} qubits, the circuit has {n_qubits}", "",
                           "Pad the observable with identities, or apply the circuit's layout to it")
    try:
        coefficients = np.asarray(observable.coeffs, dtype=np.complex128)
    except TypeError as error:
        raise InvalidInput("The observable has symbolic coefficients", str(error),
                           "Bind them before it is compiled") from error
    if not np.isfinite(coefficients).all():
        raise InvalidInput("The observable has coefficients that are not finite", "", "Correct them")
    worst = float(np.abs(coefficients.imag).max(initial=0.0))
    if worst > _IMAGINARY_LIMIT * max(1.0, float(np.abs(coefficients).max(initial=0.0))):
        raise InvalidInput(f"The observable is not Hermitian: a coefficient has the imaginary part {worst:.3g}",
                           "Expectation values would be complex", "Use real coefficients")
