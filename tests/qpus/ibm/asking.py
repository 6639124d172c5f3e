"""A small task and ways to see it through."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qloop.qpus.ibm.program import IbmProgram
from qloop.qpus.ibm.qpu import IbmQpu
from qloop.qpus.protocol import Request
from qloop.qpus.remote import Phase, Reading

ENDED = (Phase.DONE, Phase.FAILED, Phase.CANCELLED)


def turned() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    return circuit


def program_of(qpu: IbmQpu) -> IbmProgram:
    return qpu.compile(turned(), SparsePauliOp("Z"), seed=1)


def asked(shots: int = 500, counts: bool = False) -> Request:
    return Request(np.array([[0.4]]), shots, (bytes([7]) * 32,), counts)


def ended(qpu: IbmQpu, task: str, looks: int = 20) -> Reading:
    for _ in range(looks):
        reading = qpu.status(task)
        if reading.phase in ENDED:
            return reading
    raise AssertionError(reading)
