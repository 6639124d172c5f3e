"""Reading circuits that somebody else wrote: bounded as text, parsed in a sandboxed child, checked again here.

No byte of a source is given to a parser of Qiskit in this process. What is loaded here is QPY that the child wrote anew
from circuits that it had measured.
"""

from __future__ import annotations

import io
import signal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from qloop.errors import InvalidInput
from qloop.intake import qasm, qpy, wire
from qloop.intake.bounds import Bounds
from qloop.intake.facts import Facts
from qloop.intake.refusal import Unfit, invalid
from qloop.intake.sandbox import Outcome, Sandbox, SandboxError
from qloop.intake.source import Format, take

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Source = str | bytes | Path
_SMALLER: Final = "Send a smaller circuit, or raise Bounds({}=...) where you trust its author"


class Reader:
    """Reads circuits from untrusted sources; keeps a warm process for it from the first reading until it is closed.

    May be used from several threads. `allow_root` lets children run as root where root cannot become another user.
    """

    def __init__(self, bounds: Bounds | None = None, *, allow_root: bool = False) -> None:
        self.bounds = Bounds() if bounds is None else bounds
        if not isinstance(self.bounds, Bounds):
            raise InvalidInput(f"bounds is a {type(bounds).__name__}", "", "Give qloop.intake.bounds.Bounds(...)")
        self._sandbox = Sandbox(allow_root)

    def read(self, source: Source, *, format: Format | None = None) -> QuantumCircuit:
        """The one circuit of a source: OpenQASM 2 or QPY, told apart by content unless `format` says it.

        A `str` is text, `bytes` are a file's content, a `Path` names a file. Raises `InvalidInput` for whatever is
        wrong with the source, and `SandboxError` if no child can be had.
        """
        circuits = self.read_all(source, format=format)
        if len(circuits) != 1:
            raise InvalidInput(f"The QPY file holds {len(circuits)} circuits", "One is asked for", "Use read_circuits")
        return circuits[0]

    def read_all(self, source: Source, *, format: Format | None = None) -> list[QuantumCircuit]:
        """All circuits of a source, in order; a text has one. Raises as `read` does."""
        known, facts, packed = self._parsed(source, format, facts_only=False)
        try:
            return _loaded(packed, facts, self.bounds)
        except Unfit as unfit:
            raise invalid(known, unfit) from None

    def examine(self, source: Source, *, format: Format | None = None) -> tuple[Facts, ...]:
        """The measures of each circuit, without building any here. Raises as `read` does."""
        return self._parsed(source, format, facts_only=True)[1]

    def close(self) -> None:
        """End the warm process; a later reading starts another."""
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
                 ) -> None:
        self.close()

    def _parsed(self, source: Source, format: str | None, facts_only: bool,
                ) -> tuple[Format, tuple[Facts, ...], memoryview]:
        """Format, facts and QPY of what the child made of a source."""
        known, data = take(source, format, self.bounds)
        try:
            own = _bounded(known, data, self.bounds)
            request = wire.framed(wire.Request(known, self.bounds, own, facts_only), data)
            answer, packed = _understood(self._sandbox.run(request, self.bounds), self.bounds)
            if answer.why or not answer.circuits:
                raise Unfit(answer.why or "It holds no circuit", answer.do, answer.line)
        except Unfit as unfit:
            raise invalid(known, unfit) from None
        return known, answer.circuits, packed


def read_circuit(source: Source, *, format: Format | None = None, bounds: Bounds | None = None) -> QuantumCircuit:
    """The one circuit of an untrusted source, read as `Reader.read` does, by a process that ends with the call."""
    with Reader(bounds) as reader:
        return reader.read(source, format=format)


def read_circuits(source: Source, *, format: Format | None = None, bounds: Bounds | None = None,
                  ) -> list[QuantumCircuit]:
    """All circuits of an untrusted source, read as `Reader.read_all` does, by a process that ends with the call."""
    with Reader(bounds) as reader:
        return reader.read_all(source, format=format)


def _bounded(format: Format, data: bytes, bounds: Bounds) -> tuple[str, ...]:
    """Refuse what its text or header shows to be too large; the names of gates that the text defines."""
    if format == "qasm2":
        return tuple(qasm.count(data, bounds).own)
    qpy.headers(data, bounds, newest=_newest())
    return ()


def _newest() -> int:
    from qiskit.qpy import QPY_VERSION

    return int(QPY_VERSION)


def _understood(outcome: Outcome, bounds: Bounds) -> tuple[wire.Answer, memoryview]:
    """The child's answer, or why there is none. Raises `Unfit` for what the source did to it."""
    kind, status, answer = outcome
    if answer is None:
        raise Unfit(f"What it is read to has more than {bounds.result_bytes:,} bytes", _SMALLER.format("result_bytes"))
    if kind == wire.NOT_STARTED:
        raise SandboxError("No process can be started to read the circuit", f"The system says error {status}",
                           "See the limits on processes and memory, and try again")
    if kind == wire.TIMED_OUT:
        raise Unfit(f"Reading it takes more than {bounds.seconds:g} s", _SMALLER.format("seconds"))
    if status >= 1 << 8 or status & 0xFF:
        raise _crashed(status, bounds)
    try:
        return wire.answer(answer)
    except wire.Nonsense:
        raise Unfit("The parser did not answer sensibly", "Send a simpler circuit") from None


def _crashed(status: int, bounds: Bounds) -> Exception:
    """What is to be said of a child that ended badly; `status` as of waitpid."""
    number, code = status & 0x7F, status >> 8
    if code == wire.NO_LIMITS:
        return SandboxError("The sandbox for circuits does not work here", "Its limits could not be set",
                            "As root it must be able to become another user: run as another user, or use "
                            "Reader(allow_root=True)")
    if number == signal.SIGXCPU:
        return Unfit(f"Reading it takes more than {bounds.cpu_seconds} s of processor time",
                     _SMALLER.format("cpu_seconds"))
    name = signal.Signals(number).name if number in list(signal.Signals) else f"code {code}"
    return Unfit(f"It made the parser crash ({name}), mostly a matter of memory: it may take "
                 f"{bounds.memory_bytes >> 20:,} MiB", _SMALLER.format("memory_bytes"))


def _loaded(packed: memoryview, facts: tuple[Facts, ...], bounds: Bounds) -> list[QuantumCircuit]:
    """The circuits, if the child's QPY is what it said it was."""
    heads = qpy.headers(bytes(packed), bounds, newest=_newest())
    for head, fact in zip(heads, facts, strict=False):
        if (head.qubits, head.clbits) != (fact.qubits, fact.clbits) or head.instructions > fact.instructions:
            raise Unfit("The parser contradicted itself")
    try:
        circuits = _unpack(packed)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:       # Rust's panics are no Exception
        raise Unfit("Qiskit cannot load what it had parsed itself", "Send a simpler circuit") from None
    sizes = [(circuit.num_qubits, circuit.num_clbits) for circuit in circuits]
    if sizes != [(fact.qubits, fact.clbits) for fact in facts]:
        raise Unfit("The parser contradicted itself")
    return circuits


def _unpack(packed: memoryview) -> list[QuantumCircuit]:
    from qiskit import qpy as qiskit_qpy

    return list(qiskit_qpy.load(io.BytesIO(packed)))
