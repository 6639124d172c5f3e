"""The noun of this package: a problem a variational loop can solve, with the exact answer to compare with."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

START_STREAM = 1  # second word of the Philox key of starting points
GRAPH_STREAM = 2  # second word of the Philox key of random graphs


@dataclasses.dataclass(frozen=True)
class Problem:
    """An energy to minimise: `circuit` prepares, `observable` is measured, `ground_energy` is the answer.

    The energy unit is the problem's own (`unit`: cut edges, coupling, hartree). Circuit, observable and
    exact energy are made when first asked for and then kept. A problem can be pickled.
    """

    name: str
    parameters: Mapping[str, int | float | str | bool]
    description: str
    unit: str
    n_qubits: int
    make_circuit: Callable[[], QuantumCircuit]
    make_observable: Callable[[], SparsePauliOp]
    make_ground_energy: Callable[[], float]
    make_start: Callable[[np.random.Generator, int], NDArray[np.float64]]

    @cached_property
    def circuit(self) -> QuantumCircuit:
        """The ansatz: gates of one and two qubits, free parameters, no measurement."""
        return self.make_circuit()

    @cached_property
    def observable(self) -> SparsePauliOp:
        """The Hamiltonian as a sum of Pauli strings, constants included."""
        return self.make_observable()

    @cached_property
    def ground_energy(self) -> float:
        """The lowest eigenvalue of `observable`, exact to rounding."""
        return self.make_ground_energy()

    @property
    def n_parameters(self) -> int:
        """How many parameters the circuit takes, in the order of `circuit.parameters`."""
        return int(self.circuit.num_parameters)

    @cached_property
    def mean_energy(self) -> float:
        """The mean of all eigenvalues: what a completely mixed state, and so pure noise, gives."""
        identity = ~(self.observable.paulis.x.any(axis=1) | self.observable.paulis.z.any(axis=1))
        return float(self.observable.coeffs[identity].real.sum())

    def quality(self, energy: float) -> float:
        """How far `energy` is on the way from the completely mixed state (0) to the ground state (1)."""
        return (self.mean_energy - energy) / (self.mean_energy - self.ground_energy)

    def initial_point(self, seed: int) -> NDArray[np.float64]:
        """The starting parameters that belong to `seed`: (n_parameters,) radians, by the ansatz's rule."""
        generator = np.random.Generator(philox(seed, START_STREAM))
        return self.make_start(generator, self.n_parameters)


def philox(seed: int, stream: int) -> np.random.Philox:
    """The counter-based bit generator of (seed, stream). `InvalidInput` unless 0 <= seed < 2**63."""
    key = np.array([whole("seed", seed, 0, 2**63 - 1), stream], dtype=np.uint64)
    return np.random.Philox(key=key)


def whole(name: str, value: object, low: int, high: int) -> int:
    """The value as an int in [low, high]; `InvalidInput` for anything else, True and 4.0 included."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInput(f"{name} is {value!r}", "it must be a whole number",
                           f"Give {name} from {low} to {high}") from None
    if not low <= number <= high:
        raise InvalidInput(f"{name} is {number}", "it is out of range", f"Give {name} from {low} to {high}")
    return number


def real(name: str, value: object, low: float) -> float:
    """The value as a finite float >= low; `InvalidInput` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InvalidInput(f"{name} is {value!r}", "it must be a number", f"Give {name} of at least {low:g}")
    if not math.isfinite(value) or value < low:
        raise InvalidInput(f"{name} is {value!r}", "it is not finite or too small",
                           f"Give {name} of at least {low:g}")
    return float(value)
