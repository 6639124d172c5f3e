"""A small circuit with a closed formula, for tests of everything around it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.engine import invariants
from qloop.testing.scripted_qpu import Fault, ScriptedQpu

ENERGY = SparsePauliOp.from_list([("ZI", 1.0), ("IZ", 0.5)])


def circuit(n_qubits: int = 2) -> QuantumCircuit:
    """One rotation on each qubit."""
    angles = ParameterVector("a", n_qubits)
    made = QuantumCircuit(n_qubits)
    for qubit in range(n_qubits):
        made.ry(angles[qubit], qubit)
    return made


def value(theta: Any) -> float:
    """<ENERGY> after `circuit()`: cos of each angle, weighted."""
    return 0.5 * math.cos(theta[0]) + math.cos(theta[1])


@contextmanager
def runtime(*qpus: Any, sound: bool = True, **settings: Any) -> Iterator[qloop.Runtime]:
    """A runtime with its journal in memory; at its end the engine's invariants hold and no QPU is left busy."""
    with qloop.Runtime(qpus=qpus or ("exact",), **{"journal": ":memory:", **settings}) as made:
        yield made
        if sound:
            made.core.ask(at_rest)


def at_rest(engine: Any) -> None:
    """Nothing waits, nothing runs, and the books agree."""
    invariants.check(engine.state)
    assert engine.state.waiting == 0
    assert [qpu.id for qpu in engine.state.qpus if qpu.running is not None] == []


def scripted(plan: Mapping[int, Fault] | None = None, **settings: Any) -> ScriptedQpu:
    """A QPU with a plan of faults."""
    return ScriptedQpu(plan, **settings)
