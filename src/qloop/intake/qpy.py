"""The fixed fields at the begin of a QPY file, read without Qiskit: enough to bound it before anything parses it.

Versions before 13 are refused. They store parameter expressions as SymPy source, which is evaluated, or as a native
SymEngine archive, whose reader trusts its input. From 13 on (Qiskit 1.3) expressions are lists of operations, and
nothing in the file is code or a pickle: NumPy arrays are read with pickles off, metadata is JSON.
Format: https://quantum.cloud.ibm.com/docs/api/qiskit/qpy
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from qloop.intake.bounds import Bounds
from qloop.intake.refusal import Unfit, over
from qloop.intake.source import QPY_MAGIC

OLDEST: Final = 13
TABLE_SINCE: Final = 16         # since then a table says where each circuit begins
_FILE: Final = struct.Struct("!6sBBBBQcc")      # magic, format, Qiskit's version, circuits, expressions, kind
_OFFSET: Final = struct.Struct("!Q")
_CIRCUIT: Final = struct.Struct("!H1cHIIQIQI")
_INSTRUCTION: Final = struct.Struct("!HHHIIBHqII")
_REGISTER_BYTES: Final = 9      # a register takes at least as many
_VARIABLE_BYTES: Final = 16
_CIRCUIT_KIND: Final = b"q"
_EXPRESSIONS: Final = (b"p", b"e")


class Header(NamedTuple):
    """What a circuit of the file says of itself."""

    qubits: int
    clbits: int
    instructions: int


def headers(data: bytes, bounds: Bounds, newest: int) -> list[Header]:
    """The headers of the file's circuits: all since version 16, the first before. Raises `Unfit`.

    Sizes are compared with the bounds and with the bytes that are there, so that no length field can make a reader
    allocate more than the file's own size justifies.
    """
    if len(data) < _FILE.size or not data.startswith(QPY_MAGIC):
        raise Unfit("It does not begin as a QPY file does", "Write it with qiskit.qpy.dump")
    _, version, *_, circuits, expressions, kind = _FILE.unpack_from(data)
    if not OLDEST <= version <= newest:
        raise Unfit(f"It has QPY version {version}, and {OLDEST} to {newest} are accepted",
                    "Write it anew with Qiskit 1.3 or newer" if version < OLDEST
                    else f"Write it with qpy.dump(..., version={newest})")
    if kind != _CIRCUIT_KIND or expressions not in _EXPRESSIONS:
        raise Unfit("It holds something else than circuits", "Write circuits with qiskit.qpy.dump")
    if not 1 <= circuits <= bounds.circuits:
        raise over("circuits", circuits, bounds.circuits, "circuits") if circuits else Unfit("It holds no circuit")
    return [_header(data, at, bounds) for at in _begins(data, version, circuits)]


def _begins(data: bytes, version: int, circuits: int) -> Iterator[int]:
    """Where the circuits begin, as far as it is known; one after the other, so that none is read twice."""
    if version < TABLE_SINCE:
        yield _FILE.size
        return
    last = end = _FILE.size + circuits * _OFFSET.size
    if end > len(data):
        raise _cut()
    for nth in range(circuits):
        at = _OFFSET.unpack_from(data, _FILE.size + nth * _OFFSET.size)[0]
        if at < last or (nth and at == last):
            raise Unfit("Its table of circuits is not in order")
        last = at
        yield at


def _header(data: bytes, at: int, bounds: Bounds) -> Header:
    if at + _CIRCUIT.size > len(data):
        raise _cut()
    name, _, phase, qubits, clbits, metadata, registers, instructions, variables = _CIRCUIT.unpack_from(data, at)
    for count, what, bound in ((qubits, "qubits", "qubits"), (clbits, "classical bits", "clbits"),
                               (instructions, "instructions", "instructions"), (name, "characters in a name",
                               "name_length"), (metadata, "bytes of metadata", "metadata_bytes")):
        if count > getattr(bounds, bound):
            raise over(what, count, getattr(bounds, bound), bound)
    needed = (name + phase + metadata + registers * _REGISTER_BYTES + variables * _VARIABLE_BYTES
              + instructions * _INSTRUCTION.size)
    if at + _CIRCUIT.size + needed > len(data):
        raise _cut()
    return Header(qubits, clbits, instructions)


def _cut() -> Unfit:
    return Unfit("It is shorter than its own fields say, so it is cut or damaged", "Send it again")
