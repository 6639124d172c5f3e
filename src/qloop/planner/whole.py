"""The circuit as it is, in the form of a cut one: one fragment, no cut, so that both are run and counted alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qloop.planner.cutting import Cut, Fragment
from qloop.planner.prepared import checked_terms, prepared
from qloop.qpus.simulators.branching import Tree
from qloop.qpus.simulators.lowering import lower

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


def whole_circuit(circuit: QuantumCircuit, observable: SparsePauliOp) -> Cut:
    """One fragment, which is everything. Errors as `cut_circuit`."""
    circuit = prepared(circuit)
    terms = checked_terms(observable, circuit)
    alive = [term for term in terms if term.support]
    tree = Tree(circuit.num_qubits, (lower(circuit),), (), tuple((term.x, term.z) for term in alive))
    fragments = (Fragment(tree, (), (), (), len(alive)),) if alive else ()
    rows = (np.arange(len(alive)),) if alive else ()
    return Cut(fragments, (), rows, np.array([term.coefficient for term in alive]),
               sum(term.coefficient for term in terms if not term.support), 1.0, ())
