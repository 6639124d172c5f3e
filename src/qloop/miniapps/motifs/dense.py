"""A state of n qubits as a dense vector: applying matrices, expectation values, probabilities.

The exact answers of mini-apps come from here: it shares no code with the simulators that QPUs use. Qubit k is bit k of
the index, as in Qiskit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
SILENT = ("barrier", "id", "delay", "global_phase")


class Operation(msgspec.Struct, frozen=True):
    """A matrix (2^m, 2^m) on m qubits; the first of them is the lowest bit of its index, as in Qiskit."""

    matrix: Complex
    qubits: tuple[int, ...]


class Term(msgspec.Struct, frozen=True):
    """A Pauli string by its masks (bit k: qubit k) with its coefficient; Y has its bit in both."""

    x: int
    z: int
    coefficient: float = 1.0


def operations(circuit: QuantumCircuit) -> tuple[Operation, ...]:
    """The gates of a bound circuit without measurements; `InvalidInput` for anything else in it."""
    found = []
    for instruction in circuit.data:
        gate = instruction.operation
        if gate.name in SILENT:
            continue
        if not hasattr(gate, "to_matrix") or instruction.clbits:
            raise InvalidInput(f"The circuit has a {gate.name}", "A state vector takes gates alone", "Leave it out")
        where = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        found.append(Operation(np.asarray(gate.to_matrix(), np.complex128), where))
    return tuple(found)


def terms(observable: SparsePauliOp) -> tuple[Term, ...]:
    """The strings of an observable with real coefficients."""
    return tuple(masks(str(label), float(np.real(weight)))
                 for label, weight in zip(observable.paulis.to_labels(), observable.coeffs, strict=True))


def masks(label: str, coefficient: float = 1.0) -> Term:
    """A string such as "XIZ" (qubit 0 last) by its masks."""
    x, z = (sum(1 << k for k, letter in enumerate(reversed(label)) if letter in which) for which in ("XY", "ZY"))
    return Term(x, z, coefficient)


def zero(n_qubits: int) -> Complex:
    """|0...0>, shape (2^n,)."""
    state = np.zeros(1 << n_qubits, np.complex128)
    state[0] = 1.0
    return state


def apply(state: Complex, operation: Operation) -> Complex:
    """The state (2^n,) after an operation."""
    n = int(state.size).bit_length() - 1
    if len(operation.qubits) == 1:
        inner = 1 << operation.qubits[0]
        moved: Complex = np.matmul(operation.matrix, state.reshape(-1, 2, inner)).reshape(-1)
        return moved
    count = len(operation.qubits)
    axes = [n - 1 - qubit for qubit in reversed(operation.qubits)]
    tensor = np.tensordot(operation.matrix.reshape((2,) * (2 * count)), state.reshape((2,) * n),
                          axes=(range(count, 2 * count), axes))
    return np.ascontiguousarray(np.moveaxis(tensor, range(count), axes)).reshape(-1)


def run(n_qubits: int, program: Iterable[Operation]) -> Complex:
    """The state (2^n,) that a program makes of |0...0>."""
    state = zero(n_qubits)
    for operation in program:
        state = apply(state, operation)
    return state


def expectation(state: Complex, strings: Iterable[Term]) -> float:
    """<state| sum of strings |state>, of a state that need not be normalised.

    A string takes |i> to i^(number of Y) (-1)^(bits of i in z) |i xor x>.
    """
    index = np.arange(state.size)
    total = 0.0
    for term in strings:
        moved = state[index ^ term.x] if term.x else state
        overlap = np.sum(np.conj(moved) * parity(index, term.z) * state)
        total += term.coefficient * float((1j ** (term.x & term.z).bit_count() * overlap).real)
    return total


def parity(index: NDArray[np.int64], mask: int) -> NDArray[np.int64]:
    """+1 or -1 by the number of the index's bits in the mask."""
    return np.asarray(1 - 2 * (np.bitwise_count(index & mask) & 1).astype(np.int64), np.int64)


def probabilities(state: Complex) -> Floats:
    """|amplitude|^2, shape (2^n,)."""
    return np.asarray(state.real**2 + state.imag**2, np.float64)


def value_of(circuit: QuantumCircuit, observable: SparsePauliOp) -> float:
    """The exact expectation value of a bound circuit."""
    return expectation(run(circuit.num_qubits, operations(circuit)), terms(observable))


def bound(circuit: QuantumCircuit, theta: Sequence[float] | Floats) -> QuantumCircuit:
    """The circuit with values for its parameters."""
    return circuit.assign_parameters(dict(zip(circuit.parameters, map(float, theta), strict=True)))
