"""A circuit with its observable for an IBM QPU: checked, brought to one form, compiled per calibration.

Its form: a body without measurements for expectation values, and the body with one register of classical bits for
counts, in which bit k of a counted string is classical bit k of the circuit given (all qubits if it measures none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, QpuError
from qloop.model.evaluation import SimulatorId
from qloop.qpus.protocol import Program, Request
from qloop.qpus.structure import structure_hash

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

REGISTER = "c"
_STATIC = "Use a static circuit of gates, with measurements at its end only"


class IbmProgram:
    """A checked circuit and observable; `body` and `counted` are its two forms, `seed` is the transpiler's."""

    def __init__(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, simulator: SimulatorId,
                 seed: int) -> None:
        self.body, self.counted = _forms(circuit)
        self.observable = _checked(observable, circuit.num_qubits)
        self.structure = structure_hash(circuit, observable)
        self.simulator, self.seed = simulator, seed
        self.n_parameters: int = circuit.num_parameters
        self.n_qubits: int = circuit.num_qubits
        self.n_bits: int = self.counted.num_clbits


class Ask(msgspec.Struct, frozen=True):
    """One submission: `thetas` (rows, parameters) for `program`, `shots` >= 1 each, and a seed for local testing."""

    program: IbmProgram
    thetas: NDArray[np.float64]
    shots: int
    counts: bool
    seed: int


def ask_of(program: Program, request: Request, default_shots: int) -> Ask:
    """The request as it is sent; `InvalidInput` if it does not fit the program."""
    own = own_program(program)
    thetas = np.ascontiguousarray(request.thetas, dtype=np.float64)
    if thetas.ndim != 2 or thetas.shape[1] != own.n_parameters or not len(thetas):
        raise InvalidInput(f"The circuit takes {own.n_parameters} parameters, and the request has shape {thetas.shape}",
                           "", f"Give an array of shape (batch, {own.n_parameters})")
    if not np.isfinite(thetas).all():
        raise InvalidInput("A parameter is not finite", "", "Check the optimizer's last step")
    if request.shots < 0:
        raise InvalidInput(f"The request asks for {request.shots} shots", "", "Ask for 0 (the QPU's default) or more")
    if not request.counts and own.observable is None:
        raise InvalidInput("The program has no observable", "An expectation value was asked for",
                           "Compile it with one, or ask for counts")
    seed = int.from_bytes(request.digests[0][:4], "little") if request.digests else own.seed
    return Ask(own, thetas, request.shots or default_shots, request.counts, seed & 0x7FFFFFFF)


def own_program(program: Program) -> IbmProgram:
    """The program, if it was compiled for an IBM QPU."""
    if not isinstance(program, IbmProgram):
        raise InvalidInput(f"An IBM QPU cannot run a {type(program).__name__}", "It was compiled elsewhere",
                           "Compile it with this QPU")
    return program


def check_software(forced: SimulatorId | None, own: SimulatorId) -> None:
    """Raise `QpuError` if a session's journal names other software than what is installed here."""
    if forced is not None and forced != own:
        raise QpuError(f"This session ran with {forced.name} {forced.version}, and {own.name} {own.version} is here",
                       "Another version may compile and mitigate differently, so its values do not continue the same "
                       "series", f"Install {forced.name}=={forced.version}, or begin a new session")


def _forms(circuit: QuantumCircuit) -> tuple[QuantumCircuit, QuantumCircuit]:
    """The body without measurements, and with them in one register."""
    from qiskit import ClassicalRegister, QuantumCircuit

    _check_kind(circuit)
    qubit = {bit: k for k, bit in enumerate(circuit.qubits)}
    clbit = {bit: k for k, bit in enumerate(circuit.clbits)}
    body = QuantumCircuit(circuit.num_qubits)
    readout: dict[int, int] = {}
    for item in circuit.data:
        places = [qubit[bit] for bit in item.qubits]
        _check_static(item.operation, item.clbits, places, set(readout.values()))
        if item.operation.name == "measure":
            readout[clbit[item.clbits[0]]] = places[0]
        else:
            body.append(item.operation, places)
    n_bits = circuit.num_clbits if readout else circuit.num_qubits
    readout = readout or {k: k for k in range(n_bits)}
    counted = body.copy()
    counted.add_register(ClassicalRegister(n_bits, REGISTER))
    counted.barrier()
    for bit, place in sorted(readout.items()):
        counted.measure(place, bit)
    return body, counted


def _check_kind(circuit: Any) -> None:
    from qiskit import QuantumCircuit

    if not isinstance(circuit, QuantumCircuit):
        raise InvalidInput(f"A circuit must be a qiskit.QuantumCircuit, not {type(circuit).__name__}", "",
                           "Build or load it with Qiskit first")
    if circuit.num_qubits == 0:
        raise InvalidInput("The circuit has no qubits", "", "Give it at least one")
    if circuit.num_vars:
        raise InvalidInput("The circuit has classical variables", "Dynamic circuits are not supported", _STATIC)


def _check_static(operation: Any, clbits: Any, places: list[int], measured: set[int]) -> None:
    if getattr(operation, "blocks", None) is not None or (clbits and operation.name != "measure"):
        raise InvalidInput(f"The circuit's instruction {operation.name!r} is not supported on IBM QPUs here",
                           "Control flow and classical feed-forward make a dynamic circuit", _STATIC)
    after = measured.intersection(places)
    if after and operation.name not in ("barrier", "measure"):
        raise InvalidInput(f"The circuit's instruction {operation.name!r} follows a measurement of qubit {min(after)}",
                           "Measurements inside a circuit are not supported", _STATIC)


def _checked(observable: SparsePauliOp | None, width: int) -> SparsePauliOp | None:
    from qiskit.quantum_info import SparsePauliOp

    if observable is None:
        return None
    if not isinstance(observable, SparsePauliOp):
        raise InvalidInput(f"An observable must be a SparsePauliOp, not {type(observable).__name__}", "",
                           "Write it as SparsePauliOp(['ZZ', 'XI'], [1.0, 0.5])")
    if observable.num_qubits != width:
        raise InvalidInput(f"The observable has {observable.num_qubits} qubits, the circuit {width}", "",
                           "Make them equally wide")
    coefficients = np.asarray(observable.coeffs, dtype=np.complex128)
    if not np.isfinite(coefficients).all() or np.abs(coefficients.imag).max(initial=0.0) > 0.0:
        raise InvalidInput("The observable has coefficients that are not real and finite", "",
                           "Only Hermitian observables have an expectation value that can be measured")
    return observable.simplify()
