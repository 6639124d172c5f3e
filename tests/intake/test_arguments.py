"""Wrong arguments are told apart from wrong circuits, before anything is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit

from qloop.errors import InvalidInput, UnknownName
from qloop.intake.bounds import CEILINGS, Bounds
from qloop.intake.reader import Reader, read_circuit

from .circuits import packed
from .leftovers import refusal, zygote

BELL = 'include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0], q[1];'


@pytest.mark.parametrize("name", CEILINGS)
@pytest.mark.parametrize("value", [0, -1, "many", None, True, float("nan"), float("inf"), 1 << 50, 1.5])
def test_a_bound_is_a_number_in_range(name: str, value: Any) -> None:
    if name == "seconds" and value == 1.5:
        assert Bounds(seconds=value).seconds == value
        return
    with pytest.raises(InvalidInput, match=f"The bound {name} is"):
        Bounds(**{name: value})


def test_memory_has_a_least_bound() -> None:
    with pytest.raises(InvalidInput, match="Give at least 16,777,216"):
        Bounds(memory_bytes=1000)


@pytest.mark.parametrize("source", [None, 7, ["qreg q[1];"], QuantumCircuit(1), object])
def test_a_source_is_text_bytes_or_a_path(source: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Give the text, its bytes, or a pathlib\.Path"):
        read_circuit(source)


def test_formats_are_two() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'qasm2'"):
        read_circuit(BELL, format="qasm")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="QPY is binary"):
        read_circuit(BELL, format="qpy")


def test_bounds_are_bounds() -> None:
    with pytest.raises(InvalidInput, match="bounds is a dict"):
        read_circuit(BELL, bounds={"qubits": 3})  # type: ignore[arg-type]


def test_what_is_refused_as_text_starts_no_process() -> None:
    with Reader(Bounds(qubits=1)) as reader:
        assert "has 2 qubits, and at most 1 are accepted" in refusal(reader, BELL)
        assert "Bounds(qubits=...)" in refusal(reader, BELL)
        assert zygote(reader) == 0


def test_raised_bounds_hold() -> None:
    assert read_circuit("qreg q[1500];", bounds=Bounds(qubits=1500)).num_qubits == 1500


def test_several_circuits_are_not_one(reader: Reader) -> None:
    with pytest.raises(InvalidInput, match=r"holds 2 circuits.*Use read_circuits"):
        reader.read(packed(QuantumCircuit(1), QuantumCircuit(2)))


def test_a_format_that_does_not_fit_is_told(reader: Reader) -> None:
    assert "does not begin as a QPY file" in refusal(reader, BELL.encode(), format="qpy")
    assert "OpenQASM 2 text is refused" in refusal(reader, packed(QuantumCircuit(1)), format="qasm2")


def test_files_that_are_none(tmp_path: Path, reader: Reader) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * ((1 << 20) + 1))
    for path, words in ((tmp_path / "absent", "No such file"), (tmp_path, "regular"), (Path("/dev/zero"), "regular"),
                        (tmp_path / "pipe", "no regular file"), (tmp_path / "large", "bytes"), (Path("a\0b"), "path")):
        with pytest.raises(InvalidInput, match=words):
            reader.read(path)


def test_a_path_as_text_is_no_file(tmp_path: Path, reader: Reader) -> None:
    path = tmp_path / "secret.qasm"
    path.write_text("qreg secret[1];")
    assert "secret[1]" not in refusal(reader, str(path))


def test_bytes_come_in_any_buffer(reader: Reader) -> None:
    assert reader.read(bytearray(BELL.encode())) == reader.read(BELL)  # type: ignore[arg-type]
    assert reader.read(memoryview(BELL.encode())) == reader.read(BELL)  # type: ignore[arg-type]


def test_a_closed_reader_can_read_again() -> None:
    reader = Reader()
    try:
        reader.close()
        assert reader.read(BELL).num_qubits == 2
        first = zygote(reader)
        reader.close()
        assert zygote(reader) == 0
        assert reader.read(BELL).num_qubits == 2
        assert zygote(reader) != first
    finally:
        reader.close()
