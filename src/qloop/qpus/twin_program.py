"""A circuit compiled for a twin: its noise-free programs, its place on the device, and how it is measured."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.model.evaluation import SimulatorId
from qloop.qpus.caches.keys import IsaKey
from qloop.qpus.isa import Isa
from qloop.qpus.protocol import LocalQpu, Program, Request
from qloop.qpus.simulators.lowering import lower
from qloop.qpus.twin_noise import Group, Measured, measured_as

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


@dataclasses.dataclass(frozen=True)
class Reading:
    """What is read out of a circuit.

    `qubits` are the observable's, or without one those that the circuit measures (all if it measures none);
    `clbits` the classical bits that counts fill, of `n_clbits`.
    """

    observable: Measured | None
    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    n_clbits: int


def reading_of(circuit: QuantumCircuit, observable: SparsePauliOp | None) -> Reading:
    """What is read out, from a valid circuit and observable."""
    lowered = lower(circuit)
    measured = None if observable is None else measured_as(observable, lowered.n_qubits)
    qubits = tuple(sorted({qubit for qubit, _ in lowered.readout}))
    clbits = tuple(sorted(clbit for _, clbit in lowered.readout))
    return Reading(measured, (measured.support if measured else ()) or qubits, clbits, lowered.n_clbits)


@dataclasses.dataclass(frozen=True)
class TwinProgram:
    """See `Program`. `ideal` is the noise-free program, `isa` the circuit's cost on the device, under `key`.

    `laid_out_ns` is the time by whose errors its qubits were chosen: 0 for the snapshot's own.
    """

    circuit: QuantumCircuit
    ideal: Program
    exact: LocalQpu
    reading: Reading
    isa: Isa
    key: IsaKey
    laid_out_ns: int = 0

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits of all that decides the noise here: worth journaling beside the structure.

        Another version of the transpiler may place the circuit elsewhere, and then the twin's values differ.
        """
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self.isa, placed=None))).hexdigest()

    @property
    def simulator(self) -> SimulatorId:
        """The simulator of the noise-free values, fixed for the session."""
        return self.ideal.simulator

    @property
    def structure(self) -> str:
        """The hash of circuit and observable with symbolic parameters."""
        return self.ideal.structure

    @property
    def n_parameters(self) -> int:
        """How many parameters one evaluation takes."""
        return self.ideal.n_parameters

    @property
    def constant(self) -> float:
        """tr(H)/2^n, what a fully mixed state gives; 0 without an observable."""
        observable = self.reading.observable
        return observable.constant if observable else 0.0

    @property
    def groups(self) -> tuple[Group, ...]:
        """What is measured together."""
        observable = self.reading.observable
        return observable.groups if observable else ()

    @cached_property
    def parts(self) -> tuple[Program, ...]:
        """One noise-free program for each group, compiled when shots are first asked for."""
        observable = self.reading.observable
        return tuple(self.exact.compile(self.circuit, part, simulator=self.simulator)
                     for part in (observable.observables if observable else ()))

    def checked(self, request: Request) -> NDArray[np.float64]:
        """The request's parameters (batch, n_parameters), if it fits this program; else `InvalidInput`."""
        thetas = np.ascontiguousarray(request.thetas, dtype=np.float64)
        if thetas.ndim != 2 or thetas.shape[1] != self.n_parameters:
            raise InvalidInput(f"The circuit takes {self.n_parameters} parameters, and the request has shape "
                               f"{thetas.shape}", "", f"Give an array of shape (batch, {self.n_parameters})")
        if not np.isfinite(thetas).all():
            row, column = (int(k) for k in np.argwhere(~np.isfinite(thetas))[0])
            raise InvalidInput(f"Parameter {column} of row {row} is {thetas[row, column]}",
                               "Parameters must be finite", "Check the optimizer's last step")
        if request.shots < 0 or (request.counts and request.shots < 1):
            raise InvalidInput(f"The request asks for {'counts from ' * request.counts}{request.shots} shots", "",
                               "Ask for at least 1" if request.counts else "Ask for 0 (no shot noise) or more")
        if not request.counts and self.reading.observable is None:
            raise InvalidInput("The program has no observable", "An expectation value was asked for",
                               "Compile it with one, or ask for counts")
        if request.shots and len(request.digests) != len(thetas):
            raise InvalidInput(f"The request has {len(thetas)} rows and {len(request.digests)} digests",
                               "Each row's shots come from its own key", "Give one digest for each row")
        return thetas
