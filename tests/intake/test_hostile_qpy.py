"""Hostile QPY meets a clear refusal: cut, flipped, forged and overgrown files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from qloop.errors import InvalidInput
from qloop.intake.bounds import Bounds
from qloop.intake.reader import Reader

from .circuits import packed, rich
from .leftovers import check_message, refusal

SMALL = Bounds(qubits=20, clbits=20, instructions=50, expanded=200, depth=10, nesting=5, name_length=30, parameters=5,
               circuits=3, metadata_bytes=200)


@pytest.fixture(scope="module")
def strict() -> Iterator[Reader]:
    with Reader(SMALL) as made:
        yield made


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


def read_or_refused(reader: Reader, data: bytes) -> bool:
    """Whether circuits came of it; if not, the refusal was a proper one."""
    try:
        found = reader.read_all(data, format="qpy")
    except InvalidInput as error:
        check_message(error)
        return False
    assert found
    assert all(isinstance(circuit, QuantumCircuit) for circuit in found)
    return True


def test_a_file_cut_anywhere_is_refused(reader: Reader) -> None:
    data = packed(*rich())
    assert not any(read_or_refused(reader, data[:size]) for size in range(0, len(data), 97))
    assert read_or_refused(reader, data)


def test_flipped_bits_are_read_or_refused(reader: Reader) -> None:
    data = packed(*rich())
    rng = np.random.Generator(np.random.Philox(key=97))
    outcomes = []
    for at in rng.integers(0, 8 * len(data), 60):
        damaged = bytearray(data)
        damaged[at // 8] ^= 1 << int(at % 8)
        outcomes.append(read_or_refused(reader, bytes(damaged)))
    assert {True, False} == set(outcomes)


@pytest.mark.parametrize("version", [*range(13), qpy.QPY_VERSION + 1, 255])
def test_versions_that_are_not_safe_or_not_known_are_refused(version: int, reader: Reader) -> None:
    data = bytearray(packed(bell()))
    data[6] = version
    assert f"QPY version {version}," in refusal(reader, bytes(data))


tabled = pytest.mark.skipif(qpy.QPY_VERSION < 16, reason="files of this Qiskit have no table of circuits")
FIELDS = {
    # offset of the field in a file of one circuit, its structure, a value, words of the refusal
    "number of circuits": (10, "!Q", 2**64 - 1, "circuits"),
    "no circuits": (10, "!Q", 0, "no circuit"),
    "kind": (19, "!c", b"s", "something else"),
    "encoding of expressions": (18, "!c", b"x", "something else"),
    "place of the circuit": (20, "!Q", 2**63, "cut or damaged"),
    "circuit in the table itself": (20, "!Q", 3, "not in order"),
    "length of the name": (28, "!H", 65535, "characters in a name"),
    "length of the phase": (31, "!H", 65535, "cut or damaged"),
    "qubits": (33, "!I", 2**32 - 1, "4,294,967,295 qubits"),
    "classical bits": (37, "!I", 2**32 - 1, "4,294,967,295 classical bits"),
    "length of the metadata": (41, "!Q", 2**64 - 1, "bytes of metadata"),
    "registers": (49, "!I", 2**32 - 1, "cut or damaged"),
    "instructions": (53, "!Q", 2**64 - 1, "instructions"),
    "more instructions than bytes": (53, "!Q", 90_000, "cut or damaged"),
    "variables": (61, "!I", 2**32 - 1, "cut or damaged"),
}


@tabled
@pytest.mark.parametrize("name", FIELDS)
def test_forged_fields_are_refused_before_anything_parses_them(name: str, reader: Reader) -> None:
    offset, kind, value, words = FIELDS[name]
    data = bytearray(packed(bell(), version=16))
    struct.pack_into(kind, data, offset, value)
    assert words in refusal(reader, bytes(data))


@tabled
def test_one_circuit_cannot_be_listed_twice(reader: Reader) -> None:
    data = bytearray(packed(bell(), bell(), version=16))
    data[28:36] = data[20:28]
    assert "not in order" in refusal(reader, bytes(data))


def test_giant_lengths_deep_in_the_file_are_refused(reader: Reader) -> None:
    data = packed(rich()[1])
    for at in range(100, len(data) - 8, 41):
        read_or_refused(reader, data[:at] + b"\xff" * 8 + data[at + 8:])


def test_an_array_that_claims_to_be_huge_is_refused(reader: Reader) -> None:
    circuit = QuantumCircuit(1)
    circuit.unitary(np.eye(2), [0])
    data = packed(circuit)
    claim = re.search(rb"'shape': \(2, 2,? ?\), } {20}", data)
    assert claim is not None
    lie = b"'shape': (999999999, 99999999), }"
    refusal(reader, data.replace(claim[0], lie.ljust(len(claim[0]))))
    refusal(reader, data.replace(b"\x93NUMPY", b"PK\x03\x04\0\0"))          # an archive instead of an array
    pickled = data.replace(b"'descr': '<c16',", b"'descr': '|O',  ")
    assert pickled != data
    refusal(reader, pickled)


@pytest.mark.parametrize("name", ["PhaseOracle", "subprocess_", "__builtins_", "TwoLocal\0\0\0", "../../../..",
                                  "Instruction"])
def test_a_class_that_is_no_gate_is_refused(name: str, reader: Reader) -> None:
    circuit = QuantumCircuit(1)
    circuit.unitary(np.eye(2), [0])
    data = packed(circuit)
    assert b"UnitaryGate" in data
    refusal(reader, data.replace(b"UnitaryGate", name.encode()))


def _deep_flow(levels: int) -> QuantumCircuit:
    circuit = bell()
    for _ in range(levels):
        outer = QuantumCircuit(2, 2)
        outer.if_test((outer.clbits[0], 1), circuit, outer.qubits, outer.clbits)
        circuit = outer
    return circuit


def _deep_gates(levels: int, uses: int = 1) -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="g")
    circuit.h(0)
    for level in range(levels):
        outer = QuantumCircuit(1, name=f"g{level}")
        for _ in range(uses):
            outer.append(circuit.to_gate(), [0])
        circuit = outer
    return circuit


def _expression(steps: int) -> QuantumCircuit:
    angle: Any = Parameter("a")
    for _ in range(steps):
        angle = (angle + 1).sin() * 0.5
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    return circuit


def _infinite() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a") * 1e200 * 1e200, 0)
    return circuit


def _circuit(*shape: int, **about: Any) -> QuantumCircuit:
    return QuantumCircuit(*shape, **about)


def _many(method: str, times: int) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for _ in range(times):
        getattr(circuit, method)(0)
    return circuit


def _metadata(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"": found}
    return found


def _angles(*angles: Any) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for angle in angles:
        circuit.rz(angle, 0)
    return circuit


OVERGROWN: dict[str, tuple[Any, str]] = {
    "qubits": (lambda: [_circuit(21)], "21 qubits"),
    "classical bits": (lambda: [_circuit(1, 21)], "21 classical bits"),
    "instructions": (lambda: [_many("barrier", 51)], "51 instructions"),
    "instructions of all": (lambda: [_many("barrier", 40), _many("barrier", 40)], "50 instructions"),
    "depth": (lambda: [_many("h", 11)], "11 layers"),
    "circuits": (lambda: [_circuit(1)] * 4, "4 circuits"),
    "a name": (lambda: [_circuit(1, name="n" * 31)], "31 characters"),
    "a parameter's name": (lambda: [_angles(Parameter("n" * 31))], "31 characters"),
    "parameters": (lambda: [_angles(*map(Parameter, "abcdef"))], "6 free parameters"),
    "deep control flow": (lambda: [_deep_flow(6)], "nested deeper"),
    "deep definitions": (lambda: [_deep_gates(6)], "nested deeper"),
    "definitions that double": (lambda: [_deep_gates(5, uses=3)], "written out"),
    "a long expression": (lambda: [_expression(100)], "expressions"),
    "an infinite factor": (lambda: [_infinite()], "is inf"),
    "an infinite angle": (lambda: [_angles(float("inf"))], "is inf"),
    "an angle that is no number": (lambda: [_angles(float("nan"))], "is nan"),
    "an infinite phase": (lambda: [_circuit(1, global_phase=float("inf"))], ""),
    "long metadata": (lambda: [_circuit(1, metadata={"a": "b" * 200})], "bytes of metadata"),
    "deep metadata": (lambda: [_circuit(1, metadata=_metadata(7))], "nested deeper"),
}


@pytest.mark.parametrize("name", OVERGROWN)
def test_what_only_shows_when_it_is_parsed_is_refused(name: str, strict: Reader) -> None:
    make, words = OVERGROWN[name]
    assert words in refusal(strict, packed(*make()))


def test_deep_files_do_not_overflow_the_parser(reader: Reader) -> None:
    refusal(reader, packed(_deep_flow(60)))
    refusal(reader, packed(_deep_gates(60)))
    refusal(reader, packed(_circuit(1, metadata=_metadata(500))))
