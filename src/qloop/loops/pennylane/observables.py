"""PennyLane's observables as sums of Pauli strings, in Qiskit's notation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import product
from operator import add, matmul
from typing import Any

from qloop.errors import InvalidInput

PauliSum = tuple[tuple[str, float], ...]
"""Pauli strings (Qiskit's order: qubit 0 rightmost) with their coefficients."""

MATRIX_WIRES = 6
"""The widest observable that is expanded from its matrix: 4 to this power are its strings."""

WORD_WIRES = 20
"""The widest Pauli word whose 2^wires eigenvalues are written down, to read it from counts."""

_IMAGINARY = 1e-10
_SHOWN = 80


def pauli_sum(observable: Any, qubit: Mapping[Any, int], width: int, *, squared: bool = False) -> PauliSum:
    """The observable (or its square) as Pauli strings over `width` qubits; `qubit` tells each wire's qubit.

    Raises InvalidInput for one that has neither Pauli form nor a small matrix, or is not Hermitian.
    """
    sentence = sentence_of(observable)
    if squared:
        sentence = sentence @ sentence
    terms = []
    for word, coefficient in sentence.items():
        value = complex(coefficient)
        if abs(value.imag) > _IMAGINARY * max(1.0, abs(value)):
            raise InvalidInput(f"The observable {shown(observable)} is not Hermitian",
                               f"{word} has the coefficient {value:.3g}", "Use real coefficients")
        terms.append((_label(word, qubit, width), value.real))
    return tuple(terms) or (("I" * width, 0.0),)


def _label(word: Mapping[Any, str], qubit: Mapping[Any, int], width: int) -> str:
    letters = ["I"] * width
    for wire, letter in word.items():
        letters[width - 1 - qubit[wire]] = letter
    return "".join(letters)


def sentence_of(observable: Any) -> Any:
    """PennyLane's own Pauli form of the observable; where it declares none, that of its parts or of its matrix."""
    from pennylane.ops import Prod, SProd, Sum

    if observable.pauli_rep is not None:
        return observable.pauli_rep
    if isinstance(observable, SProd):
        return observable.scalar * sentence_of(observable.base)
    if isinstance(observable, Sum):
        return reduce(add, map(sentence_of, observable.operands))
    if isinstance(observable, Prod):
        return reduce(matmul, map(sentence_of, observable.operands))
    return _of_matrix(observable)


def _of_matrix(observable: Any) -> Any:
    import pennylane as qml

    wires = observable.wires
    if len(wires) > MATRIX_WIRES:
        raise InvalidInput(f"The observable {observable.name} of {len(wires)} wires is no Pauli sum",
                           f"Matrices are expanded for up to {MATRIX_WIRES} wires", "Write it as a sum of Pauli words")
    if observable.has_matrix:
        matrix = observable.matrix(wire_order=wires)
    elif observable.has_sparse_matrix:
        matrix = observable.sparse_matrix(wire_order=wires).toarray()
    else:
        raise InvalidInput(f"The observable {observable.name} has no matrix", "It cannot become a sum of Pauli words",
                           "Use sums and products of Pauli operators, qml.Hermitian or qml.Projector")
    return qml.pauli_decompose(matrix, wire_order=wires, pauli=True, check_hermitian=False)


def word_of(observable: Any) -> Mapping[Any, str] | None:
    """The letters by wire of an observable that is one Pauli word on all its wires; None for any other."""
    sentence = observable.pauli_rep
    if sentence is None or len(sentence) != 1:
        return None
    word = next(iter(sentence))
    return word if len(word) > 0 and set(word) == set(observable.wires) else None


def eigenbasis(observable: Any) -> bool:
    """Whether an observable is no Pauli sum, and small enough to be measured in its own eigenvectors' basis."""
    return observable.pauli_rep is None and measurable(observable)


def measurable(observable: Any) -> bool:
    """Whether the gates that turn to the observable's eigenvectors can be had."""
    return bool(len(observable.wires) <= MATRIX_WIRES and observable.has_diagonalizing_gates)


def shown(observable: Any) -> str:
    """The observable on one line, cut where it is long."""
    text = " ".join(repr(observable).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def all_zero(qubits: tuple[int, ...], width: int) -> PauliSum:
    """The projector on 0 of each of these qubits: its expectation value is the probability of that bit string."""
    labels = []
    for letters in product("IZ", repeat=len(qubits)):
        label = ["I"] * width
        for qubit, letter in zip(qubits, letters, strict=True):
            label[width - 1 - qubit] = letter
        labels.append("".join(label))
    return tuple((label, 0.5 ** len(qubits)) for label in labels)
