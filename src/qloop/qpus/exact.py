"""The exact QPU: noise-free evaluation in this process, by the fastest simulator for the circuit.

It takes no emulated time and has no calibration. An evaluation is a pure function of (program, request): threads
never change its bits, and shots are drawn from the generator of the row's evaluation key.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, UnknownName
from qloop.model.evaluation import SimulatorId, generator
from qloop.qpus.protocol import Program, QpuDescription, QpuResult, Recovery, Request, Window
from qloop.qpus.simulators.choice import choose, forced, simulators
from qloop.qpus.simulators.contract import Simulation
from qloop.qpus.simulators.lowering import lower
from qloop.qpus.simulators.pauli import terms_of
from qloop.qpus.structure import structure_hash

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class ExactProgram:
    """A circuit and its observable, compiled for the simulator that was chosen; pickles as QPY and that choice."""

    def __init__(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, simulator: SimulatorId,
                 simulation: Simulation) -> None:
        self._source = (circuit, observable)
        self.simulator, self.simulation = simulator, simulation
        self.structure = structure_hash(circuit, observable)
        self.n_parameters: int = circuit.num_parameters
        self.has_observable = observable is not None

    def __reduce__(self) -> tuple[Any, ...]:
        from qiskit import qpy

        circuit, observable = self._source
        buffer = io.BytesIO()
        qpy.dump(circuit, buffer)
        return _rebuilt, (buffer.getvalue(), observable, self.simulator)


class ExactQpu:
    """A QPU without noise and without waiting (see `LocalQpu`).

    `simulators` limits the choice to those named; `threads` is what each may use. `InvalidInput` for sizes below 1,
    `UnknownName` for an unknown simulator.
    """

    def __init__(self, name: str = "exact", n_qubits: int = 64, simulators: Sequence[str] | None = None,
                 threads: int = 1) -> None:
        if n_qubits < 1 or threads < 1:
            raise InvalidInput(f"An exact QPU cannot have {n_qubits} qubits and {threads} threads", "",
                               "Give at least 1 of each")
        self._name, self._n_qubits, self._threads = name, n_qubits, threads
        self._allowed = _known(simulators)

    def describe(self) -> QpuDescription:
        """What this QPU is."""
        return QpuDescription(self._name, "exact", self._n_qubits, Recovery.PURE,
                              "noise-free simulation in this process", emulated=False)

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0, sampled: bool = False) -> ExactProgram:
        """Check, lower and compile a circuit once, and choose its simulator.

        `sampled` tells that most evaluations will ask for shots. Raises `InvalidInput` for what cannot be computed
        here, `QpuError` if a journaled simulator is not installed in its version. `seed` changes nothing here.
        """
        lowered = lower(circuit)
        if lowered.n_qubits > self._n_qubits:
            raise InvalidInput(f"The circuit has {lowered.n_qubits} qubits, QPU {self._name!r} has {self._n_qubits}",
                               "Noise-free values, a twin's too, are computed up to so many qubits",
                               "Use a smaller circuit")
        terms = None if observable is None else terms_of(observable, lowered.n_qubits)
        if simulator is not None:
            return ExactProgram(circuit, observable, simulator, forced(simulator, lowered, terms))
        chosen, simulation = choose(lowered, terms, self._allowed, self._threads, sampled)
        return ExactProgram(circuit, observable, chosen, simulation)

    def duration(self, program: Program, request: Request) -> int:
        """0: nothing is emulated."""
        return 0

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        """Expectation values (exact, or from shots) or counts, one for each row of `request.thetas`.

        Raises `InvalidInput` before anything runs if the request does not fit the program.
        """
        if not isinstance(program, ExactProgram):
            raise InvalidInput(f"The exact QPU cannot run a {type(program).__name__}", "It was compiled elsewhere",
                               "Compile it with this QPU")
        thetas, shots, simulation = _checked(program, request), request.shots, program.simulation
        values: tuple[float, ...] = ()
        counts: tuple[dict[str, int], ...] = ()
        if request.counts:
            counts = tuple(simulation.counts(row, shots, generator(digest))
                           for row, digest in zip(thetas, request.digests, strict=True))
        elif shots:
            values = tuple(simulation.estimate(row, shots, generator(digest))
                           for row, digest in zip(thetas, request.digests, strict=True))
        else:
            values = tuple(simulation.expectation(row) for row in thetas)
        return QpuResult(self._name, request.epoch, shots, str(program.simulator), values, counts)

    def next_window(self, after_ns: int) -> Window | None:
        """None: an exact QPU is never calibrated."""
        return None


def _known(names: Sequence[str] | None) -> tuple[str, ...]:
    known = simulators()
    for name in names or ():
        if name not in known:
            raise UnknownName("simulator", name, known)
    return tuple(known) if names is None else tuple(names)


def _checked(program: ExactProgram, request: Request) -> NDArray[np.float64]:
    """The parameters, if the request fits the program."""
    thetas = np.ascontiguousarray(request.thetas, dtype=np.float64)
    if thetas.ndim != 2 or thetas.shape[1] != program.n_parameters:
        raise InvalidInput(f"The circuit takes {program.n_parameters} parameters, and the request has shape "
                           f"{thetas.shape}", "", f"Give an array of shape (batch, {program.n_parameters})")
    if not np.isfinite(thetas).all():
        row, column = (int(k) for k in np.argwhere(~np.isfinite(thetas))[0])
        raise InvalidInput(f"Parameter {column} of row {row} is {thetas[row, column]}", "Parameters must be finite",
                           "Check the optimizer's last step")
    _check_shots(program, request, len(thetas))
    return thetas


def _check_shots(program: ExactProgram, request: Request, rows: int) -> None:
    if request.shots < 0:
        raise InvalidInput(f"The request asks for {request.shots} shots", "", "Ask for 0 (exact) or more")
    if request.counts and request.shots == 0:
        raise InvalidInput("Counts need shots", "The request asks for bit strings and 0 shots", "Ask for at least 1")
    if not request.counts and not program.has_observable:
        raise InvalidInput("The program has no observable", "An expectation value was asked for",
                           "Compile it with one, or ask for counts")
    if request.shots and len(request.digests) != rows:
        raise InvalidInput(f"The request has {rows} rows and {len(request.digests)} digests",
                           "Each row's shots come from its own key", "Give one digest for each row")


def _rebuilt(qpy_bytes: bytes, observable: SparsePauliOp | None, simulator: SimulatorId) -> ExactProgram:
    """A program from what `__reduce__` saved."""
    from qiskit import qpy

    circuit = qpy.load(io.BytesIO(qpy_bytes))[0]
    return ExactQpu(n_qubits=circuit.num_qubits).compile(circuit, observable, simulator=simulator)
