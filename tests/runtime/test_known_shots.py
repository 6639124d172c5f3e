"""A result from the journal tells the same shots as when it was bought: those of each evaluation."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, InverseModifier
from qiskit.circuit.library import SGate, TGate
from qiskit.quantum_info import Clifford, SparsePauliOp

import qloop
from qloop.qpus.structure import structure_hash
from tests.runtime.two_qubits import ENERGY, circuit, runtime


def test_shots_are_those_of_each_evaluation_live_and_from_the_journal(tmp_path):
    thetas = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    found = []
    for life in range(2):
        with runtime("exact", journal=tmp_path / "j.qloop", run="r", resume=life > 0) as platform, \
                qloop.Session("s", runtime=platform) as session:
            structure = platform.prepare(session.id, circuit(), ENERGY)
            outcome = platform.gather(platform.submit(session.id, structure, thetas, 100), 20.0)
            found.append((outcome.source, outcome.shots, outcome.values))
            assert session.usage()["shots"] == 300
    assert [one[:2] for one in found] == [("qpu", 100), ("journal", 100)]
    assert found[0][2] == found[1][2]


def test_gates_without_a_definition_are_told_apart_by_what_they_do():
    def one(operation) -> str:
        made = QuantumCircuit(1)
        made.append(operation, [0])
        return structure_hash(made, SparsePauliOp("Z"))

    hashes = {one(AnnotatedOperation(SGate(), InverseModifier())), one(AnnotatedOperation(TGate(), InverseModifier())),
              one(AnnotatedOperation(SGate(), [])), one(Clifford.from_label("X")), one(Clifford.from_label("H"))}
    assert len(hashes) == 5
