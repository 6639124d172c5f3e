"""The structure hash: equal for equal constructions, different for any difference that can change a value."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate, efficient_su2
from qiskit.quantum_info import SparsePauliOp, random_unitary

from qloop.qpus.structure import structure_hash
from tests.qpus.circuits_for_tests import circuits

ZZ = SparsePauliOp(["ZZ", "XI"], [1.0, 0.5])


def build(angle=lambda a, b: 2 * a + b, gate="rx", qubit=0, names=("a", "b"), extra=None) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    a, b = (Parameter(name) for name in names)
    getattr(circuit, gate)(angle(a, b), qubit)
    circuit.ry(b, 1)
    if extra is not None:
        circuit.append(extra, range(extra.num_qubits))
    circuit.cx(0, 1)
    return circuit


def composite(angle: float) -> QuantumCircuit:
    inner = QuantumCircuit(2)
    inner.rzz(angle, 0, 1)
    return inner.to_gate()


def test_the_same_construction_has_the_same_hash():
    assert structure_hash(build(), ZZ) == structure_hash(build(), SparsePauliOp(["ZZ", "XI"], [1.0, 0.5]))
    assert structure_hash(efficient_su2(4), None) == structure_hash(efficient_su2(4), None)
    # Automatic names of composite gates count up within a process.
    assert structure_hash(build(extra=composite(0.1)), ZZ) == structure_hash(build(extra=composite(0.1)), ZZ)


VARIANTS = {
    "plain": (build(), ZZ), "gate": (build(gate="rz"), ZZ), "qubit": (build(qubit=1), ZZ),
    "coefficient": (build(lambda a, b: 2.000001 * a + b), ZZ), "constant": (build(lambda a, b: 2 * a + b + 1e-9), ZZ),
    "order": (build(lambda a, b: 2 * b + a), ZZ), "function": (build(lambda a, b: (2 * a).sin() + b), ZZ),
    "names": (build(names=("b", "a")), ZZ), "no observable": (build(), None),
    "weight": (build(), SparsePauliOp(["ZZ", "XI"], [1.0, 0.5000001])),
    "string": (build(), SparsePauliOp(["ZZ", "YI"], [1.0, 0.5])),
    "inner 1": (build(extra=composite(0.1)), ZZ), "inner 2": (build(extra=composite(0.2)), ZZ),
    "unitary 1": (build(extra=UnitaryGate(random_unitary(4, seed=1))), ZZ),
    "unitary 2": (build(extra=UnitaryGate(random_unitary(4, seed=2))), ZZ),
    "evolution 1": (build(extra=PauliEvolutionGate(SparsePauliOp("XX"), 0.3)), ZZ),
    "evolution 2": (build(extra=PauliEvolutionGate(SparsePauliOp("XY"), 0.3)), ZZ),
}


def test_every_difference_shows():
    hashes = {name: structure_hash(*variant) for name, variant in VARIANTS.items()}
    assert len(set(hashes.values())) == len(VARIANTS)


def test_measured_bits_and_control_states_show():
    def measured(clbit: int, state: int) -> str:
        circuit = build()
        circuit.cx(0, 1, ctrl_state=state)
        circuit.measure(0, clbit)
        return structure_hash(circuit, None)

    assert len({measured(clbit, state) for clbit in (0, 1) for state in (0, 1)}) == 4


@settings(max_examples=30, deadline=None)
@given(circuit=circuits())
def test_a_copy_has_the_same_hash_and_one_more_gate_another(circuit):
    more = circuit.copy()
    assert structure_hash(more, None) == structure_hash(circuit, None)
    more.h(0)
    assert structure_hash(more, None) != structure_hash(circuit, None)


def test_vector_elements_are_told_apart():
    def circuit(first: int, second: int) -> QuantumCircuit:
        v, built = ParameterVector("v", 12), QuantumCircuit(2)
        built.rx(v[first], 0)
        built.rx(v[second], 1)
        return built

    assert structure_hash(circuit(2, 10), None) != structure_hash(circuit(10, 2), None)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_other_processes_agree(seed):
    script = ("from qiskit.circuit.library import efficient_su2; from qiskit.circuit import Parameter;"
              "from qloop.qpus.structure import structure_hash; c = efficient_su2(3);"
              "c.rz(Parameter('q') * Parameter('r') + Parameter('s') / 3, 0); print(structure_hash(c, None))")
    told = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, text=True,
                          check=True, stdout=subprocess.PIPE).stdout.strip()
    circuit = efficient_su2(3)
    circuit.rz(Parameter("q") * Parameter("r") + Parameter("s") / 3, 0)
    assert told == structure_hash(circuit, None)
