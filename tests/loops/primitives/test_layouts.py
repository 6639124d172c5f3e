"""Circuits compiled for another device: their idle qubits are left out, so that they run wherever the rest fits."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import generate_preset_pass_manager

from qloop.errors import Refused
from qloop.qiskit import EstimatorV2, SamplerV2
from tests.loops.primitives.world import joint, memory, scripted, start
from tests.qpus.circuits_for_tests import observable, truth


def compiled(circuit: QuantumCircuit, width: int, seed: int = 5) -> QuantumCircuit:
    line = [[k, k + 1] for k in range(width - 1)]
    backend = GenericBackendV2(width, coupling_map=line + [pair[::-1] for pair in line], seed=seed)
    return generate_preset_pass_manager(optimization_level=2, backend=backend, seed_transpiler=seed).run(circuit)


@pytest.mark.parametrize("width", [12, 100])
def test_a_compiled_circuit_with_its_layout(width):
    ansatz, wish = efficient_su2(4, reps=1, entanglement="full"), observable(4, 3)
    isa = compiled(ansatz, width)
    assert isa.num_qubits == width
    theta = start(0, 2, ansatz.num_parameters)
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        found = ours.run([(isa, wish.apply_layout(isa.layout), theta)]).result()[0].data.evs
    np.testing.assert_allclose(found, [truth(ansatz, wish, row) for row in theta], atol=1e-9)


def test_the_sampler_reads_the_same_bits():
    bell = QuantumCircuit(3, 2)
    bell.ry(0.7, 2)
    bell.cx(2, 0)
    bell.measure([2, 0], [1, 0])
    isa = compiled(bell, 90)
    with memory() as runtime, SamplerV2(runtime=runtime) as ours:
        found = joint(ours.run([isa], shots=4000).result()[0].data)
    reference = joint(StatevectorSampler(seed=1).run([bell], shots=4000).result()[0].data)
    assert set(found) == set(reference) == {"00", "11"}
    assert abs(found["11"] - reference["11"]) < 200


def test_observables_may_ask_about_idle_qubits():
    circuit = QuantumCircuit(80)
    circuit.ry(0.7, 40)
    letters = {"idle Z": {3: "Z"}, "idle X": {3: "X"}, "both": {3: "Z", 40: "X"}, "identity": {}}
    wish = [SparsePauliOp("".join(at.get(k, "I") for k in reversed(range(80)))) for at in letters.values()]
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        assert ours.run([(circuit, wish)]).result()[0].data.evs == pytest.approx([1.0, 0.0, np.sin(0.7), 1.0])
        assert ours.run([(QuantumCircuit(80), "I" * 80)]).result()[0].data.evs == 1.0


def test_barriers_over_idle_qubits_and_global_phases():
    circuit = QuantumCircuit(6, global_phase=0.4)
    circuit.h(1)
    circuit.barrier()
    circuit.cx(1, 4)
    circuit.delay(100, 5)
    qpu = scripted()
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        wish = SparsePauliOp(["IZIIZI", "IXIIXI", "IIIIII"], [1.0, 2.0, 3.0])
        assert ours.run([(circuit, wish)]).result()[0].data.evs == pytest.approx(6.0)
        assert Statevector(circuit.decompose("delay")).num_qubits == 6


def test_idle_qubits_can_be_kept():
    circuit = QuantumCircuit(70)
    circuit.x(3)
    with (memory() as runtime, EstimatorV2(runtime=runtime, drop_idle=False) as ours,
          pytest.raises(Refused, match="The circuit needs 70 qubits")):
        ours.run([(circuit, "Z" * 70)])
