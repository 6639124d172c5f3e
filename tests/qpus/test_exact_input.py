"""Bad input to the exact QPU: refused before anything runs, with messages that say what to do."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Parameter
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput, QpuError, UnknownName
from qloop.model.evaluation import SimulatorId
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Request
from qloop.qpus.simulators import choice, statevector

KEY = (bytes(32),)


@pytest.fixture
def program():
    return ExactQpu().compile(efficient_su2(2, reps=0), SparsePauliOp("ZZ"))


@pytest.mark.parametrize(("request_", "message"), [
    (Request(np.array([[0, np.nan, 0, 0.0]]), 0, ()), r"Parameter 1 of row 0 is nan\. Parameters must be finite"),
    (Request(np.array([[0, 0, 0, 0], [0, 0, 0, -np.inf]]), 0, ()), "Parameter 3 of row 1 is -inf"),
    (Request(np.zeros((1, 3)), 0, ()), r"takes 4 parameters, and the request has shape \(1, 3\)"),
    (Request(np.zeros(4), 0, ()), r"shape \(4,\)\. Give an array of shape \(batch, 4\)"),
    (Request(np.zeros((1, 4)), -1, KEY), "asks for -1 shots"),
    (Request(np.zeros((1, 4)), 0, KEY, counts=True), "Counts need shots"),
    (Request(np.zeros((2, 4)), 10, KEY), "2 rows and 1 digests"),
])
def test_bad_requests(program, request_, message):
    with pytest.raises(InvalidInput, match=message):
        ExactQpu().evaluate(program, request_)


def test_an_expectation_value_needs_an_observable():
    program = ExactQpu().compile(QuantumCircuit(1), None)
    with pytest.raises(InvalidInput, match="no observable"):
        ExactQpu().evaluate(program, Request(np.zeros((1, 0)), 0, ()))


def test_a_foreign_program():
    with pytest.raises(InvalidInput, match="cannot run a object"):
        ExactQpu().evaluate(object(), Request(np.zeros((1, 0)), 0, ()))


@pytest.mark.parametrize(("op", "message"), [
    (SparsePauliOp("ZZZ"), "acts on 3 qubits, the circuit has 2"),
    (SparsePauliOp("ZZ", [1j]), "not Hermitian: a coefficient has the imaginary part 1"),
    (SparsePauliOp("ZZ", [np.nan]), "not finite"),
    (SparsePauliOp("ZZ", np.array([Parameter("c")], dtype=object)), "symbolic coefficients"),
    ("ZZ", "SparsePauliOp, not str"),
])
def test_bad_observables(op, message):
    with pytest.raises(InvalidInput, match=message):
        ExactQpu().compile(QuantumCircuit(2), op)


def _conditional() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    return circuit


def _midway() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    return circuit


def _reset() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.reset(0)
    return circuit


def _wild() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.rx(float("nan"), 0)
    return circuit


@pytest.mark.parametrize(("circuit", "message"), [
    (_conditional(), "'if_else' cannot be simulated. Control flow"),
    (_midway(), "'cx' cannot be simulated. It follows a measurement of qubit 0"),
    (_reset(), "'reset' cannot be simulated"),
    (_wild(), "angle nan. Angles must be finite"),
    (QuantumCircuit(), "no qubits"),
    ("OPENQASM 3;", "QuantumCircuit, not str"),
    (QuantumCircuit(65), "65 qubits, QPU 'exact' has 64"),
])
def test_bad_circuits(circuit, message):
    with pytest.raises(InvalidInput, match=message):
        ExactQpu().compile(circuit, None)


def test_an_angle_outside_its_domain_names_the_parameter():
    circuit, x = QuantumCircuit(1), Parameter("x")
    circuit.rx(1 / x, 0)
    program = ExactQpu().compile(circuit, SparsePauliOp("Z"))
    with pytest.raises(InvalidInput, match=r"no real value at x = 0\.0|is inf at x = 0\.0"):
        ExactQpu().evaluate(program, Request(np.zeros((1, 1)), 0, ()))


def test_a_state_that_does_not_fit_the_memory(monkeypatch):
    monkeypatch.setattr(statevector, "free_memory", lambda: 2**30)
    circuit = efficient_su2(30, reps=3, entanglement="full")
    with pytest.raises(InvalidInput, match=r"No simulator can compute this circuit of 30 qubits\. qulacs: a state "
                                           r"vector of 30 qubits needs 48\.0 GiB, and 1\.0 GiB are free; aer_mps: it "
                                           r"needs gates between neighbouring qubits only"):
        ExactQpu().compile(circuit, None)


def test_unknown_and_missing_simulators(monkeypatch):
    with pytest.raises(UnknownName, match=r"no simulator named 'qulax'\. Did you mean 'qulacs'"):
        ExactQpu(simulators=["qulax"])
    with pytest.raises(UnknownName, match="no simulator named 'abacus'"):
        ExactQpu().compile(QuantumCircuit(1), None, simulator=SimulatorId("abacus", "1"))
    with pytest.raises(QpuError, match=r"computed by qulacs 0\.1\+1, and .* is installed.*begin a new session"):
        ExactQpu().compile(QuantumCircuit(1), None, simulator=SimulatorId("qulacs", "0.1+1"))
    monkeypatch.setattr(choice.QulacsState, "version", lambda self: None)
    with pytest.raises(QpuError, match="it is not installed"):
        ExactQpu().compile(QuantumCircuit(1), None, simulator=SimulatorId("qulacs", "0.6+1"))
    assert ExactQpu().compile(QuantumCircuit(1), None).simulator.name != "qulacs"


def test_too_many_classical_bits_to_count():
    circuit = QuantumCircuit(1)
    circuit.add_register(ClassicalRegister(63))
    circuit.measure(0, 0)
    program = ExactQpu().compile(circuit, None)
    with pytest.raises(InvalidInput, match="63 classical bits"):
        ExactQpu().evaluate(program, Request(np.zeros((1, 0)), 1, KEY, counts=True))


def test_sizes_below_one():
    with pytest.raises(InvalidInput, match="cannot have 0 qubits"):
        ExactQpu(n_qubits=0)
