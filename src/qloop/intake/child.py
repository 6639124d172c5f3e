"""What the sandboxed child does: read a request, parse, measure, answer. Nothing in here is trusted by the reader."""

from __future__ import annotations

import io
import os
import re
from typing import TYPE_CHECKING, Final

from qloop.intake import measure, wire
from qloop.intake.bounds import Bounds
from qloop.intake.refusal import Unfit, over, printable

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_CHUNK: Final = 1 << 20
_PLACE: Final = re.compile(r"^<input>:(\d+),\d+: ")
_BEGIN: Final = re.compile(r"[ -~]*")
_SAY: Final = 160


def serve() -> int:
    """One request from stdin to stdout; the exit code."""
    request, body = wire.request(_read())
    try:
        done = _do(request, bytes(body))
    except Unfit as unfit:
        done = wire.framed(wire.Answer(why=unfit.why, do=unfit.do, line=unfit.line), b"")
    except BaseException as error:      # Rust's panics are no Exception
        done = wire.framed(_said(error, request.format), b"")
    _write(done)
    return 0


def warm() -> None:
    """Import what any source may need, and go once through the whole way, so that children find it done."""
    import qiskit.circuit.library
    import qiskit.qasm2
    import qiskit.qpy
    import qiskit.synthesis  # noqa: F401

    text = ('OPENQASM 2.0; include "qelib1.inc"; gate g(a) x, y { rx(a/2) x; cx x, y; } opaque o z; qreg q[2]; '
            "creg c[2]; g(pi/3) q[0], q[1]; o q[0]; if (c == 1) x q[0]; barrier q; reset q[0]; measure q -> c;")
    bounds = Bounds()
    packed = _do(wire.Request("qasm2", bounds, ("g", "o")), text.encode())
    _do(wire.Request("qpy", bounds), bytes(wire.answer(packed)[1]))


def _do(request: wire.Request, body: bytes) -> bytes:
    circuits = _from_text(body, request.own) if request.format == "qasm2" else _from_qpy(body)
    facts = measure.measure(circuits, request.bounds)
    if request.facts_only:
        return wire.framed(wire.Answer(circuits=facts), b"")
    packed = _packed(circuits)
    if len(packed) > request.bounds.result_bytes:
        raise over("bytes as QPY", len(packed), request.bounds.result_bytes, "result_bytes")
    return wire.framed(wire.Answer(circuits=facts), packed)


def _from_text(body: bytes, own: tuple[str, ...]) -> list[QuantumCircuit]:
    """The circuit of a text. Gates that it defines itself mean what it says, not what Qiskit calls by that name."""
    from qiskit import qasm2

    known = [gate for gate in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if gate.name not in own and gate.name != "u0"]
    return [qasm2.loads(body.decode("utf-8-sig"), include_path=(), custom_instructions=known,
                        custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL)]


def _from_qpy(body: bytes) -> list[QuantumCircuit]:
    from qiskit import qpy

    return list(qpy.load(io.BytesIO(body)))


def _packed(circuits: list[QuantumCircuit]) -> memoryview:
    from qiskit import qpy

    stream = io.BytesIO()
    qpy.dump(circuits, stream)
    return stream.getbuffer()


def _said(error: BaseException, format: str) -> wire.Answer:
    """An error of the parser in a sentence: its message is told for text, where it names a place and a word."""
    if isinstance(error, MemoryError):
        return wire.Answer(why="Reading it takes more memory than it may", do="Send a smaller circuit")
    if isinstance(error, RecursionError):
        return wire.Answer(why="It is nested too deeply", do="Send a flatter circuit")
    # The reader of QPY draws its way through the file with bars and boxes; the first words are enough.
    text = _BEGIN.findall(str(getattr(error, "message", error)))[0].rstrip(" :")
    place = _PLACE.match(text)
    if format == "qasm2" and place:
        return wire.Answer(why=f"It is not OpenQASM 2: {printable(text[place.end():], _SAY)}", line=int(place[1]))
    if isinstance(error, ImportError):      # QPY names classes
        return wire.Answer(why="It names a class that Qiskit does not have here", do="Decompose its gates first")
    if format == "qasm2" and isinstance(error, TypeError):      # Qiskit leaves counting angles to constructors
        return wire.Answer(why="It is not OpenQASM 2: a gate has another number of angles than it takes")
    text = text.replace("binary parsing error", "its fields do not fit together")
    kind = "OpenQASM 2" if format == "qasm2" else "a circuit in QPY"
    # Only Qiskit's own errors are meant to be read by people.
    told = printable(text, _SAY) if type(error).__module__.startswith("qiskit.") else type(error).__name__
    return wire.Answer(why=f"It is not {kind} that Qiskit can load, or it is damaged: {told}")


def _read() -> bytes:
    parts = []
    while part := os.read(0, _CHUNK):
        parts.append(part)
    return b"".join(parts)


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left):]
