"""ESP and schedule against calculations by hand, and what the compiler may and may not do."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput
from qloop.qpus.caches.twins import CachePlan
from qloop.qpus.device import Device
from qloop.qpus.esp import Operation, schedule, success
from qloop.qpus.isa import compile_isa
from qloop.qpus.snapshot_files import load_snapshot, snapshot_names
from qloop.qpus.twin import TwinQpu

from .snapshots_for_tests import line, line_data, line_device, parsed

HAND = (Operation("sx", (0,)), Operation("cx", (0, 1)), Operation("x", (2,)), Operation("cx", (1, 2)),
        Operation("barrier", (0, 1, 2)), *(Operation("measure", (k,)) for k in range(3)))


def test_a_schedule_by_hand() -> None:
    """sx 0..50, cx(0,1) 50..350, x 0..50, cx(1,2) 350..650, readout 650..1650 ns."""
    timing = schedule(HAND, line_device())
    assert timing.length_ns == 1650.0
    assert timing.idle_ns == {0: 300.0, 1: 0.0, 2: 300.0}


def test_the_esp_by_hand() -> None:
    device = line_device()
    found = success(HAND, schedule(HAND, device), device)
    gates = (1 - 0.001) * (1 - 0.003) * (1 - 0.02) ** 2
    readout = 0.99 * 0.98 * 0.99
    idle = math.exp(-300 / 1e5) * math.exp(-300 / 5e4) * math.exp(-300 / 3e5) * math.exp(-300 / 1.5e5)
    assert found.esp == pytest.approx(gates * readout * idle, rel=1e-12)
    parts = (found.ln_gates, found.ln_readout, found.ln_idle)
    assert parts == pytest.approx(tuple(map(math.log, (gates, readout, idle))))


def test_a_compiled_circuit_by_hand() -> None:
    """sx, cx, and a readout of both qubits; the best place for two qubits is found by the compiler."""
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cx(0, 1)
    isa = compile_isa(circuit, (0, 1), line_device(), seed=1)
    assert (isa.one_qubit_gates, isa.two_qubit_gates, isa.length_ns) == (1, 1, 1350.0)
    assert isa.success.esp == pytest.approx(0.999 * 0.98 * 0.99 * 0.98, rel=1e-12)


def test_all_qubits_are_read_out_together_after_the_last_gate() -> None:
    """x on one qubit, 5 sx on the other (kept apart by barriers): 50 and 250 ns, so the first waits 200 ns."""
    circuit = QuantumCircuit(2)
    circuit.x(0)
    for _ in range(5):
        circuit.sx(1)
        circuit.barrier(1)
    isa = compile_isa(circuit, (0, 1), line_device(2), seed=0)
    t1_us = {0: 100.0, 1: 200.0}[isa.layout[0]]
    assert isa.length_ns == 1250.0
    assert isa.success.ln_idle == pytest.approx(-0.2 / t1_us - 0.2 / (t1_us / 2))


def test_waiting_before_the_first_gate_and_after_the_last_costs_nothing() -> None:
    late = (Operation("barrier", (0, 1)), Operation("x", (0,)), Operation("barrier", (0, 1)), Operation("x", (1,)),
            Operation("barrier", (0, 1)))
    assert schedule(late, line_device()).idle_ns == {0: 0.0, 1: 0.0}


def test_an_empty_circuit_takes_no_time_and_always_succeeds() -> None:
    timing = schedule((), line_device())
    assert (timing.length_ns, timing.idle_ns, success((), timing, line_device()).esp) == (0.0, {}, 1.0)


def test_only_what_is_read_out_counts_as_readout() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    twin = TwinQpu(line())
    one = twin.compile(circuit, SparsePauliOp("IIZ"))
    assert len(one.isa.measured) == 1
    assert len(twin.compile(circuit, SparsePauliOp("XZZ")).isa.measured) == 3
    circuit.measure_all()
    assert len(twin.compile(circuit, None).isa.measured) == 3
    assert one.isa.success.ln_readout == pytest.approx(math.log(0.99)), "the compiler takes a qubit with 1 %"


def test_global_phase_resets_and_initial_states_cost_what_their_gates_cost() -> None:
    circuit = QuantumCircuit(1, global_phase=0.3)
    circuit.reset(0)
    circuit.x(0)
    isa = compile_isa(circuit, (0,), line_device(), seed=0)
    assert (isa.one_qubit_gates, isa.length_ns) == (1, 1050.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("sx", "cx", "barrier")), st.integers(0, 3)), max_size=25))
def test_a_schedule_never_overlaps_and_every_operation_lowers_the_esp(drawn: list[tuple[str, int]]) -> None:
    device = line_device(5)
    operations = [Operation(name, (k,) if name == "sx" else (k, k + 1)) for name, k in drawn]
    timing = schedule(operations, device)
    for qubit, idle in timing.idle_ns.items():
        busy = sum(device.cost(op.name, op.qubits).length_ns for op in operations
                   if qubit in op.qubits and op.name != "barrier")
        assert 0.0 <= idle <= timing.length_ns - busy + 1e-6
    shorter = operations[:-1]
    before = success(shorter, schedule(shorter, device), device).ln_esp
    assert success(operations, timing, device).ln_esp <= before + 1e-12


@pytest.mark.parametrize("name", snapshot_names())
def test_compiled_circuits_use_existing_qubits_once_and_wider_ones_succeed_less(name: str) -> None:
    device = Device(load_snapshot(name))
    esps = []
    for n_qubits in (2, 6, 12):
        circuit = efficient_su2(n_qubits, reps=2)
        isa = compile_isa(circuit, tuple(range(n_qubits)), device, seed=5)
        assert len(set(isa.layout)) == n_qubits
        assert set(isa.layout) | set(isa.measured) <= set(device.working)
        assert isa.two_qubit_gates >= 2 * (n_qubits - 1)
        esps.append(isa.success.esp)
    assert 1 > esps[0] > esps[1] > esps[2] > 0


def test_a_bad_qubit_is_avoided() -> None:
    data = line_data(4)
    data["qubits"]["readout_error"]["value"] = [0.4, 0.01, 0.01, 0.01]
    circuit = efficient_su2(3, reps=1)
    assert set(compile_isa(circuit, (0, 1, 2), Device(parsed(data)), seed=0).layout) == {1, 2, 3}


def test_too_wide_circuits_are_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match=r"has 4 qubits and does not fit a_line, which has 3"):
        TwinQpu(line()).compile(QuantumCircuit(4), None)
    with pytest.raises(InvalidInput, match=r"which has 122\. 5 of its 127 qubits are broken or cut off"):
        TwinQpu("sherbrooke").compile(QuantumCircuit(123), None)


def test_delays_are_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.delay(100, 0)
    with pytest.raises(InvalidInput, match="cannot run a circuit with delays"):
        TwinQpu(line()).compile(circuit, None)


def test_a_circuit_is_compiled_once() -> None:
    circuit, observable = efficient_su2(5, reps=1), SparsePauliOp("ZZZZZ")
    twin = TwinQpu("hanoi")
    first = twin.compile(circuit, observable, seed=3)
    assert twin.compile(circuit.copy(), observable, seed=3).isa is first.isa
    assert twin.compile(circuit, SparsePauliOp("IIIIZ"), seed=3).isa is not first.isa
    small = TwinQpu("hanoi", caches=CachePlan(isas=1))
    for width in (2, 3, 2):
        small.compile(QuantumCircuit(width), None)
    counts = small.cache_counts()["isa"]
    assert (counts.hits, counts.misses, counts.evicted) == (0, 3, 2)


SCRIPT = """
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qloop.qpus.protocol import Request
from qloop.qpus.twin import TwinQpu
import numpy as np
twin = TwinQpu("torino", seed=4)
observable = SparsePauliOp(["ZZIIII", "IXXIII", "IIIIYY"], [1.0, 0.5, 0.25])
program = twin.compile(efficient_su2(6, reps=1), observable, seed=9)
result = twin.evaluate(program, Request(np.full((1, 24), 0.3), 500, (b"k" * 32,)))
counted = twin.evaluate(program, Request(np.full((1, 24), 0.3), 500, (b"k" * 32,), counts=True))
print(program.isa.layout, program.fingerprint, result.values, counted.counts, twin.next_window(0))
"""


def test_two_processes_with_other_hash_seeds_agree() -> None:
    said = {subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120,
                           env={**os.environ, "PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")}
    assert len(said) == 1
    assert "Window(" in said.pop()


def test_another_place_or_noise_has_another_fingerprint() -> None:
    circuit = efficient_su2(4, reps=1)
    prints = {TwinQpu(name).compile(circuit, SparsePauliOp("ZZZZ")).fingerprint for name in snapshot_names()}
    assert len(prints) == 3
    assert np.all([len(text) == 64 for text in prints])
