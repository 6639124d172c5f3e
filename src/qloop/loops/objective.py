"""A circuit and its observable as a function of the circuit's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qloop.errors import InvalidInput
from qloop.loops.future import QuantumFuture, check_timeout
from qloop.runtime.client import Client, Outcome

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class Objective:
    """f(theta) = <circuit(theta)| observable |circuit(theta)>, evaluated in a session; call it like a function.

    `theta`: one value for each of `circuit.parameters`, in that order. `shots` 0: exact expectation values (on a twin
    those of its noise). Each call is journaled, so a repeated program finds its earlier results again.
    """

    def __init__(self, client: Client, session: str, circuit: QuantumCircuit, observable: SparsePauliOp, shots: int,
                 timeout: float | None = None) -> None:
        check_timeout(timeout)
        self._client, self.session, self.shots, self._timeout = client, session, shots, timeout
        self.structure = client.prepare(session, circuit, observable)
        self.n_parameters: int = circuit.num_parameters
        self.evaluations = 0

    def __call__(self, theta: ArrayLike) -> float:
        """The expectation value at theta (P,)."""
        return float(self.values(single(theta))[0])

    def values(self, thetas: ArrayLike, *, iteration: int = 0, cpu_s: float = 0.0) -> NDArray[np.float64]:
        """Expectation values (batch,) at thetas (batch, P), as one quantum task."""
        rows = real(thetas)
        outcome = self._client.evaluate(self.session, self.structure, rows, self.shots, iteration=iteration,
                                        cpu_s=cpu_s, timeout=self._timeout)
        self.evaluations += len(outcome.values)
        return np.array(outcome.values)

    def submit(self, theta: ArrayLike, *, iteration: int = 0, after: Sequence[str] = ()) -> QuantumFuture[float]:
        """Ask for the value at theta (P,) and go on; `after`: ids of tasks that must be done first."""
        ticket = self._client.submit(self.session, self.structure, single(theta), self.shots, iteration=iteration,
                                     after=after)
        return QuantumFuture(self._client, ticket, first_value)

    def submit_batch(self, thetas: ArrayLike, *, iteration: int = 0, cpu_s: float = 0.0,
                     ) -> QuantumFuture[NDArray[np.float64]]:
        """Ask for the values (batch,) at thetas (batch, P) as one quantum task, and go on."""
        ticket = self._client.submit(self.session, self.structure, real(thetas), self.shots,
                                     iteration=iteration, cpu_s=cpu_s)
        return QuantumFuture(self._client, ticket, all_values)


def real(theta: ArrayLike) -> NDArray[np.float64]:
    """The parameters as float64; InvalidInput if they are not real numbers."""
    try:
        values = np.asarray(theta)
        if values.dtype.kind == "c":
            raise InvalidInput("The parameters are complex", "Rotation angles are real", "Give real numbers")
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput("The parameters are not numbers", str(error), "Give a sequence of real numbers") from None


def single(theta: ArrayLike) -> NDArray[np.float64]:
    """One parameter set as a batch of one; InvalidInput if it is not one-dimensional."""
    row = real(theta)
    if row.ndim > 1:
        raise InvalidInput(f"The parameters have shape {row.shape}", "One evaluation takes one set",
                           "Give a sequence, or use values() or submit_batch() for several sets")
    return row.reshape(1, -1)


def first_value(outcome: Outcome) -> float:
    """The value of a task of one row."""
    return float(outcome.values[0])


def all_values(outcome: Outcome) -> NDArray[np.float64]:
    """The values of all rows."""
    return np.array(outcome.values)
