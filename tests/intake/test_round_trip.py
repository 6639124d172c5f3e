"""What is fine comes out equal, whatever way it went in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from qiskit import QuantumCircuit, qasm2, qpy, transpile
from qiskit.quantum_info import Operator

from qloop.intake import qasm
from qloop.intake.bounds import Bounds
from qloop.intake.reader import Reader, read_circuit, read_circuits
from tests.pilots.processes import all_gone, children

from .circuits import packed, rich, unitary_circuits

OFTEN = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'


@OFTEN
@given(circuit=unitary_circuits())
def test_a_circuit_as_text_is_read_to_the_same_operator(circuit: QuantumCircuit, reader: Reader) -> None:
    found = reader.read(qasm2.dumps(circuit))
    assert Operator(found).equiv(Operator(circuit))


@OFTEN
@given(circuit=unitary_circuits())
def test_a_circuit_as_qpy_is_read_equal(circuit: QuantumCircuit, reader: Reader) -> None:
    assert reader.read(packed(circuit)) == circuit


@OFTEN
@given(circuit=unitary_circuits())
def test_what_is_counted_before_parsing_is_what_is_found_by_it(circuit: QuantumCircuit, reader: Reader) -> None:
    text = qasm2.dumps(circuit)
    counted, (facts,) = qasm.count(text.encode(), Bounds()), reader.examine(text)
    assert (counted.instructions, counted.expanded) == (facts.instructions, facts.expanded)
    assert facts.instructions == circuit.size()
    assert facts.depth == circuit.depth()
    assert facts.gates == {name.replace("-", "_"): times for name, times in circuit.count_ops().items()}


@pytest.mark.parametrize("version", range(13, qpy.QPY_VERSION + 1))
def test_every_accepted_version_is_read(version: int, reader: Reader) -> None:
    circuits = rich()
    data = packed(*circuits, version=version)
    found = reader.read_all(data)
    assert found == qpy.load(io.BytesIO(data))
    assert [circuit.metadata for circuit in found] == [circuit.metadata for circuit in circuits]
    assert [circuit.name for circuit in found] == ["loop", "arrays", "gates"]


def test_parameters_can_be_bound_afterwards(reader: Reader) -> None:
    circuit = rich()[0]
    found = reader.read(packed(circuit))
    values = [0.1 * number for number in range(circuit.num_parameters)]
    assert found.assign_parameters(values) == circuit.assign_parameters(values)


def test_a_transpiled_circuit_keeps_its_layout(reader: Reader) -> None:
    circuit = transpile(read_circuit(BELL), coupling_map=[[0, 1], [1, 2]], initial_layout=[2, 1], seed_transpiler=1)
    found = reader.read(packed(circuit))
    assert found == circuit
    assert found.layout == circuit.layout


def test_conditions_measurements_and_barriers_are_read_as_qiskit_reads_them(reader: Reader) -> None:
    text = f"{BELL} if (c == 3) x q[0]; barrier q; reset q[1]; if (c == 1) measure q[0] -> c[0];"
    assert reader.read(text) == QuantumCircuit.from_qasm_str(text)


def test_a_gate_that_the_text_defines_means_what_the_text_says(reader: Reader) -> None:
    found = reader.read("OPENQASM 2.0; gate swap a, b { CX a, b; } qreg q[2]; swap q[0], q[1];")
    wanted = QuantumCircuit(2)
    wanted.cx(0, 1)
    assert Operator(found) == Operator(wanted)


def test_gates_without_a_definition_stay_without_one(reader: Reader) -> None:
    found = reader.read("OPENQASM 2.0; opaque mystery(a) x, y; qreg q[2]; mystery(0.5) q[0], q[1];")
    assert found.data[0].name == "mystery"
    assert found.data[0].operation.definition is None


def test_files_text_and_bytes_are_one(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text("\ufeff" + BELL)
    (tmp_path / "bell.qpy").write_bytes(packed(reader.read(BELL)))
    (tmp_path / "windows.qasm").write_bytes(BELL.replace("; ", ";\r\n").encode())
    sources = [tmp_path / "bell.qasm", tmp_path / "bell.qpy", tmp_path / "windows.qasm", BELL, BELL.encode()]
    found = [reader.read(source) for source in sources]
    assert all(circuit == found[0] for circuit in found)


def test_one_call_leaves_no_process() -> None:
    before = children()
    assert read_circuit(BELL).num_qubits == 2
    assert [circuit.name for circuit in read_circuits(packed(*rich()))] == ["loop", "arrays", "gates"]
    assert all_gone(list(children() - before))
    assert children() <= before
