"""What a task in a worker asks of the runtime that sent it there, as frames: no pickles, so nothing is run by them.

Circuits travel as QPY, observables as their tables of bits, arrays as bytes; errors by their class and their words.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop import errors
from qloop.errors import InvalidInput, QloopError
from qloop.runtime.wishes import SessionWish

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class OpenSession(msgspec.Struct, frozen=True, tag=True):
    """Open a session, or take it up where an earlier attempt of this task left it; `life` is new in each attempt."""

    wish: SessionWish
    life: str


class Observable(msgspec.Struct, frozen=True):
    """A sum of Pauli strings: its bits, (terms, qubits) each, and its complex coefficients."""

    n_qubits: int
    x: bytes
    z: bytes
    coefficients: bytes


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """Check and compile a circuit (QPY) with its observable."""

    session: str
    circuit: bytes
    observable: Observable | None


class Evaluate(msgspec.Struct, frozen=True, tag=True):
    """Evaluate `rows` parameter sets, and wait (`evaluate`), or only submit them (`submit`)."""

    session: str
    structure: str
    thetas: bytes
    rows: int
    shots: int
    counts: bool = False
    iteration: int = 0
    cpu_s: float = 0.0
    timeout: float | None = None
    wait: bool = True
    after: tuple[str, ...] = ()


class Gather(msgspec.Struct, frozen=True, tag=True):
    """Wait for a submitted task; `timeout` 0: say at once if it is not done."""

    task: str
    timeout: float | None = None


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """End a submitted task."""

    task: str


class CloseSession(msgspec.Struct, frozen=True, tag=True):
    """Close a session; see `Client.close_session`."""

    session: str
    cancel: bool = False
    converged: bool | None = None
    keep: bool = False


class View(msgspec.Struct, frozen=True, tag=True):
    """The session now."""

    session: str


class Estimate(msgspec.Struct, frozen=True, tag=True):
    """What calls would cost; see `Client.estimate`."""

    session: str
    structure: str
    calls: dict[int, int]
    shots: int
    counts: bool = False


class Note(msgspec.Struct, frozen=True, tag=True):
    """Tell the trace of an iteration; `theta`: where its noise-free value is wanted, for the trace."""

    session: str
    what: str
    values: dict[str, Any]


class Ideal(msgspec.Struct, frozen=True, tag=True):
    """The noise-free value; see `Client.ideal`."""

    session: str
    structure: str
    theta: bytes


class Hello(msgspec.Struct, frozen=True, tag=True):
    """What the runtime is."""


class Fetch(msgspec.Struct, frozen=True, tag=True):
    """A piece of a file."""

    name: str
    offset: int
    size: int


Question: TypeAlias = (OpenSession | Prepare | Evaluate | Gather | Cancel | CloseSession | View | Estimate | Note
                       | Ideal | Hello | Fetch)


class Greeting(msgspec.Struct, frozen=True):
    """What the runtime is: its clock's time now (s) and how many times as fast as real time it goes, the QPU of
    sessions that name none, and whether it records a trace.
    """

    now_s: float
    scale: float
    default_qpu: str
    traced: bool


class Problem(msgspec.Struct, frozen=True):
    """An error as it travels."""

    kind: str
    what: str
    why: str = ""
    do: str = ""


class Reply(msgspec.Struct, frozen=True):
    """An answer: a value, or a problem."""

    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    problem: Problem | None = None


def circuit_bytes(circuit: QuantumCircuit) -> bytes:
    """The circuit as QPY; InvalidInput for what has none."""
    from qiskit import QuantumCircuit, qpy

    if not isinstance(circuit, QuantumCircuit):
        raise InvalidInput(f"A circuit is a {type(circuit).__name__}", "qloop takes Qiskit circuits",
                           "Give a qiskit.QuantumCircuit")
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    return buffer.getvalue()


def circuit_of(data: bytes) -> QuantumCircuit:
    """The circuit again."""
    from qiskit import qpy

    return qpy.load(io.BytesIO(data))[0]


def observable_parts(observable: SparsePauliOp | None) -> Observable | None:
    """The observable as it travels; InvalidInput for what is none."""
    from qiskit.quantum_info import SparsePauliOp

    if observable is None:
        return None
    if not isinstance(observable, SparsePauliOp) or not np.issubdtype(observable.coeffs.dtype, np.number):
        raise InvalidInput(f"The observable is a {type(observable).__name__}",
                           "qloop takes sums of Pauli strings with numbers for coefficients",
                           "Give a qiskit.quantum_info.SparsePauliOp")
    table = observable.paulis
    return Observable(observable.num_qubits, np.ascontiguousarray(table.x, dtype=np.bool_).tobytes(),
                      np.ascontiguousarray(table.z, dtype=np.bool_).tobytes(),
                      np.ascontiguousarray(observable.coeffs, dtype=np.complex128).tobytes())


def observable_of(parts: Observable | None) -> SparsePauliOp | None:
    """The observable again; ValueError if its parts do not fit."""
    from qiskit.quantum_info import PauliList, SparsePauliOp

    if parts is None:
        return None
    x, z = (np.frombuffer(bits, dtype=np.bool_).reshape(-1, parts.n_qubits) for bits in (parts.x, parts.z))
    return SparsePauliOp(PauliList.from_symplectic(z, x), np.frombuffer(parts.coefficients, dtype=np.complex128),
                         ignore_pauli_phase=True, copy=True)


def thetas_of(data: bytes, rows: int) -> NDArray[np.float64]:
    """Parameter sets (rows, parameters); ValueError if the bytes do not fit."""
    return np.frombuffer(data, dtype=np.float64).reshape(rows, -1).copy()


def problem_of(error: BaseException) -> Problem:
    """The error as it travels."""
    if isinstance(error, QloopError):
        return Problem(type(error).__name__, error.what, error.why, error.do)
    if isinstance(error, TimeoutError):
        return Problem("TimeoutError", str(error))
    return Problem("QloopError", f"The runtime could not answer: {type(error).__name__}: {error}")


def error_of(problem: Problem) -> Exception:
    """The error again, of the same class where that is one of qloop's."""
    if problem.kind == "TimeoutError":
        return TimeoutError(problem.what)
    kind = next((one for one in _kinds(QloopError) if one.__name__ == problem.kind), QloopError)
    error = kind.__new__(kind)
    QloopError.__init__(error, problem.what, problem.why, problem.do)
    for name, value in _FIELDS.items():     # what some classes have besides, and nobody here can know
        if not hasattr(error, name):
            setattr(error, name, value)
    return error


_FIELDS: Mapping[str, object] = MappingProxyType({"retry_after": 1.0, "token": "", "name": "", "valid": (),
                                                  "traceback_text": "", "stderr_text": ""})


def _kinds(kind: type[QloopError]) -> Iterator[type[QloopError]]:
    """This class and all that descend from it in `qloop.errors`."""
    assert errors.__name__
    yield kind
    for one in kind.__subclasses__():
        yield from _kinds(one)
