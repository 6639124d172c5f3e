"""The exact QPU against Qiskit's state vector, and its promises: batches, purity, processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import PauliEvolutionGate, efficient_su2, qaoa_ansatz, real_amplitudes
from qiskit.quantum_info import SparsePauliOp, Statevector

from qloop.model.evaluation import SimulatorId
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import LocalQpu, Recovery, Request
from qloop.qpus.simulators.choice import simulators
from tests.qpus.circuits_for_tests import circuits, observable, truth

QPU = ExactQpu()
STATE_SIMULATORS = ["qulacs", "aer_statevector", "qiskit"]


def key(k: int) -> bytes:
    return k.to_bytes(32, "little")


def value(program, theta, shots=0, k=0):
    return QPU.evaluate(program, Request(np.array([theta]), shots, (key(k),))).values[0]


@settings(max_examples=60, deadline=None)
@given(circuit=circuits(), seed=st.integers(0, 1000))
def test_random_circuits_have_the_state_vectors_values(circuit, seed):
    op = observable(circuit.num_qubits, seed)
    theta = np.random.default_rng(seed).uniform(-4, 4, circuit.num_parameters)
    program = QPU.compile(circuit, op)
    assert value(program, theta) == pytest.approx(truth(circuit, op, theta), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(circuit=circuits(max_qubits=4, max_gates=15), seed=st.integers(0, 1000))
def test_every_simulator_agrees(circuit, seed):
    op = observable(circuit.num_qubits, seed)
    theta = np.random.default_rng(seed).uniform(-4, 4, circuit.num_parameters)
    values = [value(ExactQpu(simulators=[name]).compile(circuit, op), theta) for name in STATE_SIMULATORS]
    assert values == pytest.approx([values[0]] * len(values), abs=1e-9)


@pytest.mark.parametrize("name", ["qulacs", "aer_mps", "aer_statevector"])
@pytest.mark.parametrize("n", [9, 13, 14])
def test_wide_circuits_take_the_paths_for_wide_circuits(name, n):
    circuit = efficient_su2(n, reps=2, entanglement="linear")
    circuit.rzz(Parameter("zz"), 0, 1)
    circuit.rxx(2 * Parameter("xx"), 1, 2)
    circuit.h(3)
    circuit.s(3)
    theta = np.random.default_rng(n).normal(size=circuit.num_parameters)
    maxcut = SparsePauliOp.from_sparse_list([("ZZ", [k, k + 1], 0.5) for k in range(n - 1)], n)
    program = ExactQpu(simulators=[name]).compile(circuit, maxcut)
    assert value(program, theta) == pytest.approx(truth(circuit, maxcut, theta), abs=1e-9)
    mixed = observable(n, n, 8)
    program = ExactQpu(simulators=[name]).compile(circuit, mixed)
    assert value(program, theta) == pytest.approx(truth(circuit, mixed, theta), abs=1e-9)


@pytest.mark.parametrize("circuit", [
    efficient_su2(4, reps=2), real_amplitudes(5, reps=2, entanglement="circular"),
    qaoa_ansatz(SparsePauliOp(["ZZII", "IZZI", "IIZZ", "ZIIZ"]), reps=2)])
def test_library_ansaetze(circuit):
    op = observable(circuit.num_qubits, 3)
    theta = np.random.default_rng(1).normal(size=circuit.num_parameters)
    assert value(QPU.compile(circuit, op), theta) == pytest.approx(truth(circuit, op, theta), abs=1e-9)


def test_pauli_evolution_controls_and_preparation():
    circuit = QuantumCircuit(4, 4)
    circuit.initialize("0101")
    circuit.barrier()
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XYZI", "IZZX"]), time=Parameter("t")), range(4))
    circuit.cx(0, 1, ctrl_state=0)
    circuit.mcp(Parameter("m"), [0, 1, 2], 3)
    circuit.ccx(0, 1, 2)
    circuit.append(QuantumCircuit(2, name="rx").to_gate(), [0, 1])
    circuit.delay(10, 0)
    circuit.measure(range(4), range(4))
    theta, op = np.array([0.3, -1.1]), observable(4, 5)
    plain = circuit.remove_final_measurements(inplace=False)
    plain.data = [item for item in plain.data if item.operation.name not in ("delay", "initialize")]
    prepared = QuantumCircuit(plain.num_qubits)
    prepared.x([0, 2])
    # What runs is the product formula, so the reference must be decomposed: Qiskit would exponentiate the sum.
    reference = prepared.compose(plain).decompose("PauliEvolution")
    assert value(QPU.compile(circuit, op), theta) == pytest.approx(truth(reference, op, theta), abs=1e-9)
    assert value(QPU.compile(circuit.assign_parameters(theta), op), []) == pytest.approx(
        truth(reference, op, theta), abs=1e-9)


def test_parameters_come_in_qiskits_order():
    first, second = Parameter("zz"), Parameter("aa")
    circuit = QuantumCircuit(1)
    circuit.rx(first, 0)
    circuit.ry(second, 0)
    assert [p.name for p in circuit.parameters] == ["aa", "zz"]
    value_x = value(QPU.compile(circuit, SparsePauliOp("Y")), [0.0, 0.4])
    assert value_x == pytest.approx(-np.sin(0.4), abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), batch=st.integers(1, 5), shots=st.sampled_from([0, 1, 100]))
def test_a_batch_is_a_loop(seed, batch, shots):
    circuit, op = efficient_su2(3, reps=1), observable(3, seed)
    program = QPU.compile(circuit, op)
    thetas = np.random.default_rng(seed).normal(size=(batch, circuit.num_parameters))
    digests = tuple(key(seed + k) for k in range(batch))
    together = QPU.evaluate(program, Request(thetas, shots, digests)).values
    alone = tuple(QPU.evaluate(program, Request(thetas[k:k + 1], shots, digests[k:k + 1])).values[0]
                  for k in range(batch))
    assert together == alone


def test_counts_alone_need_no_observable_and_follow_the_clbits():
    circuit = QuantumCircuit(3, 2)
    circuit.x(2)
    circuit.h(0)
    circuit.measure([2, 0], [0, 1])
    result = QPU.evaluate(QPU.compile(circuit, None), Request(np.zeros((1, 0)), 500, (key(1),), counts=True))
    assert set(result.counts[0]) == {"01", "11"}
    assert sum(result.counts[0].values()) == 500
    assert result.values == ()


def test_counts_without_measurements_read_all_qubits():
    circuit = QuantumCircuit(3)
    circuit.x(1)
    result = QPU.evaluate(QPU.compile(circuit, None), Request(np.zeros((2, 0)), 7, (key(1), key(2)), counts=True))
    assert result.counts == ({"010": 7}, {"010": 7})


SCRIPT = """
import sys, pickle, numpy as np
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Request
for blob in pickle.load(open(sys.argv[1], "rb")):
    program, thetas = pickle.loads(blob)
    for shots, counts in ((0, False), (300, False), (300, True)):
        result = ExactQpu().evaluate(program, Request(thetas, shots, (bytes(32),) * len(thetas), counts))
        print([v.hex() for v in result.values], result.counts, result.simulator)
"""


def _programs():
    for name, n in (("qulacs", 4), ("qulacs", 14), ("aer_mps", 8), ("aer_statevector", 14)):
        circuit = efficient_su2(n, reps=2, entanglement="linear")
        program = ExactQpu(simulators=[name]).compile(circuit, observable(n, 7, 6))
        yield pickle.dumps((program, np.random.default_rng(n).normal(size=(2, circuit.num_parameters))))


def test_results_are_the_same_bits_in_other_processes_whatever_their_threads(tmp_path):
    file = tmp_path / "programs"
    file.write_bytes(pickle.dumps(list(_programs())))
    outputs = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
                       "QULACS_NUM_THREADS": threads}
        outputs.add(subprocess.run([sys.executable, "-c", SCRIPT, str(file)], env=environment, text=True, check=True,
                                   stdout=subprocess.PIPE).stdout)
    assert len(outputs) == 1
    assert next(iter(outputs)).count("\n") == 12


def test_a_pickled_program_keeps_structure_and_simulator():
    circuit, a, b = efficient_su2(3, reps=1), Parameter("a"), Parameter("b")
    for angle in (2 * a + 1, a * b / 3, a - (b - 0.1234567890123456), a.sin() ** 2):
        circuit.rx(angle, 0)
    program = QPU.compile(circuit, observable(3, 1))
    again = pickle.loads(pickle.dumps(program))
    assert (again.structure, again.simulator, again.n_parameters) == (
        program.structure, program.simulator, program.n_parameters)


def test_small_circuits_go_to_qulacs_at_once_and_the_choice_can_be_forced():
    circuit, op = efficient_su2(4), observable(4, 1)
    chosen = QPU.compile(circuit, op).simulator
    assert chosen == SimulatorId("qulacs", f"{simulators()['qulacs'].version()}+1", 1)
    other = SimulatorId("aer_statevector", f"{simulators()['aer_statevector'].version()}+1", 1)
    assert QPU.compile(circuit, op, simulator=other).simulator == other


def test_low_entanglement_on_many_qubits_goes_to_matrix_product_states():
    circuit = efficient_su2(40, reps=1, entanglement="linear")
    op = SparsePauliOp.from_sparse_list([("Z", [k], 1.0) for k in range(40)], 40)
    program = QPU.compile(circuit, op)
    assert program.simulator.name == "aer_mps"
    assert value(program, np.zeros(circuit.num_parameters)) == pytest.approx(40.0)


def test_it_is_a_local_qpu_that_takes_no_time():
    program = QPU.compile(efficient_su2(2), SparsePauliOp("ZZ"))
    assert isinstance(QPU, LocalQpu)
    assert QPU.duration(program, Request(np.zeros((1, 16)), 0, ())) == 0
    assert QPU.next_window(0) is None
    assert QPU.describe().recovery is Recovery.PURE


def test_statevector_reference_uses_the_same_qubit_order():
    circuit = QuantumCircuit(2)
    circuit.x(0)
    assert Statevector(circuit).expectation_value(SparsePauliOp("IZ")).real == -1
    assert value(QPU.compile(circuit, SparsePauliOp("IZ")), []) == -1
