"""Arrays of observables: taken as Qiskit takes them, reduced to those that differ, and recognised by their content."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qiskit.quantum_info import SparseObservable, SparsePauliOp

MAX_TERMS = 1_000_000       # Pauli strings of one observable, projectors multiplied out
KEPT = 256                  # arrays of observables that are recognised again

FORMS = ("Give a SparsePauliOp, Pauli, SparseObservable, a text such as 'XZI', a mapping of texts to real numbers, "
         "or nested lists of them")


@dataclass(frozen=True, slots=True, eq=False)
class Observable:
    """One observable: its Pauli sum, `key` for its content, the identity's coefficient, and the others' sum of |c|."""

    operator: SparsePauliOp
    key: bytes
    constant: float
    weight: float

    def errors(self, values: NDArray[np.float64], shots: int) -> NDArray[np.float64]:
        """What the standard errors of values from `shots` shots in each basis cannot exceed; 0 without shots.

        `sqrt((w^2 - (v - c)^2) / shots)`: each basis gives a variable between plus and minus its own part of `w`, so
        its variance is at most that part squared less its mean squared. Of a single string it is the error itself.
        """
        if not shots:
            return np.zeros(values.shape)
        spread = self.weight**2 - (values - self.constant)**2
        return np.sqrt(np.maximum(spread, 0.0) / shots)


@dataclass(frozen=True, slots=True, eq=False)
class Observables:
    """An array of observables: `index`, of the array's shape, says which of the `distinct` ones stands where."""

    distinct: tuple[Observable, ...]
    index: NDArray[np.intp]
    n_qubits: int


class Catalogue:
    """Remembers what arrays of observables were made of, by their content, so that a loop pays for it once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Observables] = {}

    def read(self, wish: object) -> Observables:
        """The array; `InvalidInput` if it is none."""
        name = fingerprint(wish)
        if name is None:
            return coerced(wish)
        found = self._known.pop(name, None) or coerced(wish)
        self._known[name] = found
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return found


def fingerprint(wish: Any) -> Hashable | None:
    """A name of the content, equal only for what means the same; None if the kind is not known."""
    from qiskit.primitives.containers.observables_array import ObservablesArray
    from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

    if isinstance(wish, SparsePauliOp):
        coefficients = wish.coeffs
        if coefficients.dtype != np.complex128:
            return None
        return ("sum", *_paulis(wish.paulis), coefficients.tobytes())
    if isinstance(wish, str):
        return wish
    if isinstance(wish, Pauli):
        return ("pauli", wish.to_label())
    if isinstance(wish, PauliList):
        return ("list", *_paulis(wish))
    if isinstance(wish, SparseObservable):
        return content(wish)
    if isinstance(wish, ObservablesArray):
        return _several(wish.sparse_observables_array().ravel().tolist(), wish.shape)
    if isinstance(wish, np.ndarray) and wish.dtype == object:
        return _several(wish.ravel().tolist(), wish.shape)
    if isinstance(wish, list):
        return _several(wish, "nested")
    return None


def _paulis(paulis: Any) -> tuple[Hashable, ...]:
    return paulis.x.shape, paulis.x.tobytes(), paulis.z.tobytes(), paulis.phase.tobytes()


def _several(entries: Iterable[object], shape: Hashable) -> Hashable | None:
    names = tuple(map(fingerprint, entries))
    return None if None in names else (shape, names)


def content(observable: SparseObservable) -> bytes:
    """All that an observable is made of, as bytes."""
    parts = (observable.coeffs, observable.bit_terms, observable.indices, observable.boundaries)
    arrays = [np.asarray(part) for part in parts]
    return b"".join([str((observable.num_qubits, *(array.size for array in arrays))).encode(),
                     *(array.tobytes() for array in arrays)])


def coerced(wish: object) -> Observables:
    """The array as Qiskit reads it; `InvalidInput` if it cannot."""
    from qiskit.primitives.containers.observables_array import ObservablesArray

    _check_entries(wish)
    try:
        array = ObservablesArray.coerce(wish)
        array.validate()
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("The observables cannot be used", str(error), FORMS) from None
    distinct: dict[bytes, int] = {}
    found: list[Observable] = []
    index = np.zeros(array.shape, dtype=np.intp)
    for where, entry in np.ndenumerate(array.sparse_observables_array()):
        key = content(entry)
        if key not in distinct:
            distinct[key] = len(found)
            found.append(_observable(entry, key))
        index[where] = distinct[key]
    return Observables(tuple(found), index, array.num_qubits)


def _check_entries(wish: Any) -> None:
    """Refuse what Qiskit refuses in words that hide the reason: free parameters, and numbers that are not finite."""
    from qiskit.circuit import ParameterExpression
    from qiskit.quantum_info import SparsePauliOp

    if isinstance(wish, list):
        for entry in wish:
            _check_entries(entry)
    coefficients: list[Any] = []
    if isinstance(wish, SparsePauliOp):
        coefficients = list(wish.coeffs)
    elif isinstance(wish, Mapping):
        coefficients = list(wish.values())
    if any(isinstance(number, ParameterExpression) and number.parameters for number in coefficients):
        raise InvalidInput("An observable has free parameters", "Only circuits may have parameters",
                           "Bind the observable's parameters first, or give one observable for each value")
    if any(isinstance(number, int | float | complex) and not np.isfinite(number) for number in coefficients):
        raise InvalidInput("An observable has a coefficient that is not finite", "", "Give finite real numbers")


def _observable(entry: SparseObservable, key: bytes) -> Observable:
    from qiskit.quantum_info import SparsePauliOp

    terms = _terms(entry)
    if terms > MAX_TERMS:
        raise InvalidInput(f"An observable has {terms} Pauli strings once its projectors are multiplied out",
                           f"At most {MAX_TERMS} can be used", "Give fewer or shorter products of projectors")
    operator = SparsePauliOp.from_sparse_observable(entry).simplify(atol=0.0, rtol=0.0)
    coefficients = np.real(operator.coeffs)
    if not np.isfinite(coefficients).all():
        raise InvalidInput("An observable has a coefficient that is not finite", "", "Give finite real numbers")
    identity = ~(operator.paulis.x.any(axis=1) | operator.paulis.z.any(axis=1))
    return Observable(operator, key, float(coefficients[identity].sum()),
                      float(np.abs(coefficients[~identity]).sum()))


def _terms(entry: SparseObservable) -> int:
    """How many Pauli strings it is: a projector on one qubit is a sum of two."""
    letters = np.asarray(entry.bit_terms)
    projectors = np.array([bool(letter & 0b1100) for letter in letters.tolist()], dtype=bool)
    bounds = np.asarray(entry.boundaries).tolist()
    return sum(2 ** int(projectors[begin:end].sum()) for begin, end in pairwise(bounds))
