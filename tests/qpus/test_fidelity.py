"""The ESP from a Target: against the twin's own, against a circuit done by hand, and what it refuses."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import CZGate, Measure, SXGate
from qiskit.circuit.random import random_circuit
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from qloop.errors import InvalidInput
from qloop.qpus.device import Device
from qloop.qpus.esp import Operation, schedule, success
from qloop.qpus.fidelity import success_of
from qloop.qpus.snapshot_files import load_snapshot, snapshot_names

DEVICES = {name: Device(load_snapshot(name)) for name in snapshot_names()}


def small(broken: float = 0.02) -> Target:
    """Two qubits: sx of 30 ns and error .001, cz of 70 ns, readout of 1 us and error .01; T1 100 us, T2 50 us."""
    target = Target(num_qubits=2, dt=1e-9, qubit_properties=[QubitProperties(t1=100e-6, t2=50e-6)] * 2)
    target.add_instruction(SXGate(), {(q,): InstructionProperties(30e-9, 0.001) for q in range(2)})
    target.add_instruction(CZGate(), {(0, 1): InstructionProperties(70e-9, broken)})
    target.add_instruction(Measure(), {(q,): InstructionProperties(1e-6, 0.01) for q in range(2)})
    return target


def test_a_circuit_done_by_hand() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.sx(0)
    circuit.cz(0, 1)
    circuit.sx(0)
    circuit.delay(300, 1, "ns")
    circuit.cz(0, 1)
    circuit.barrier()
    circuit.measure(0, 0)
    found = success_of(circuit, small())
    assert found.ln_gates == pytest.approx(2 * math.log(0.999) + 2 * math.log(0.98))
    assert found.ln_readout == pytest.approx(math.log(0.99))
    # Qubit 1 begins with the first cz at 30 ns, waits its delay; qubit 0 waits for it after its second sx.
    waits = [270e-9, 300e-9]
    assert found.ln_idle == pytest.approx(-sum(wait / 100e-6 + wait / 50e-6 for wait in waits))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(DEVICES)), width=st.integers(1, 4))
def test_it_agrees_with_the_twins_own(seed: int, name: str, width: int) -> None:
    device = DEVICES[name]
    circuit = random_circuit(width, 4, max_operands=2, seed=seed, measure=False)
    circuit.measure_all()
    compiled = transpile(circuit, target=device.target(), optimization_level=1, seed_transpiler=seed)
    index = {qubit: k for k, qubit in enumerate(compiled.qubits)}
    operations = [Operation(item.operation.name, tuple(index[qubit] for qubit in item.qubits))
                  for item in compiled.data if item.operation.name not in ("reset", "global_phase")]
    twins = success(operations, schedule(operations, device), device)
    found = success_of(compiled, device.target())
    assert found.ln_gates == pytest.approx(twins.ln_gates)
    assert found.ln_readout == pytest.approx(twins.ln_readout)
    # the device's target carries no T1 and T2, so that idling costs nothing by it
    assert found.ln_idle == 0.0


def test_wide_circuits_do_not_underflow() -> None:
    circuit = QuantumCircuit(2)
    for _ in range(50_000):
        circuit.cz(0, 1)
    assert success_of(circuit, small()).ln_gates == pytest.approx(50_000 * math.log(0.98))


@pytest.mark.parametrize(("error", "words"), [(0.5, "counts as broken"), (1.0, "has the error 1")])
def test_broken_couplers_are_refused(error: float, words: str) -> None:
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    with pytest.raises(InvalidInput, match=words):
        success_of(circuit, small(error))


def test_what_the_target_cannot_do_is_refused() -> None:
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    with pytest.raises(InvalidInput, match=r"no cx on qubits \(0, 1\)"):
        success_of(circuit, small())
    reverse = QuantumCircuit(2)
    reverse.cz(1, 0)
    with pytest.raises(InvalidInput, match=r"no cz on qubits \(1, 0\)"):
        success_of(reverse, small())


def test_facts_that_a_target_does_not_tell_cost_nothing() -> None:
    target = Target(num_qubits=1)
    target.add_instruction(SXGate(), {(0,): None})
    circuit = QuantumCircuit(1)
    circuit.sx(0)
    assert success_of(circuit, target).esp == 1.0
    circuit.delay(10, 0, "dt")
    with pytest.raises(InvalidInput, match="in dt"):
        success_of(circuit, target)
