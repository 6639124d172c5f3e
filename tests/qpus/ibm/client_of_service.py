"""A program that runs a short loop at the scripted service: `account file, journal, "first" or "again"`."""

from __future__ import annotations

import sys

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.qpus.ibm.opening import open_ibm

ANGLES = (0.3, 1.2, 2.5)


def main(account_file: str, journal: str, life: str) -> None:
    qpu = open_ibm("ibm:ibm_manila", mode="session", account="lab", account_file=account_file, settle_s=0.2,
                   poll_s=0.02)
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    with (qloop.Runtime(qpus=[qpu], seed=3, journal=journal, run="r", resume=life == "again") as runtime,
          qloop.Session("loop", runtime=runtime, shots=800) as session):
        objective = session.objective(circuit, SparsePauliOp("Z"))
        print(*(objective(np.array([angle])) for angle in ANGLES))


if __name__ == "__main__":
    main(*sys.argv[1:])
