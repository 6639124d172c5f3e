"""What was submitted is what is evaluated, whatever the program does with its array meanwhile."""

from __future__ import annotations

import threading

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Program, QpuResult, Request


class Gated(ExactQpu):
    """An exact QPU that begins when it is let."""

    def __init__(self) -> None:
        super().__init__("gated")
        self.gate = threading.Event()

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        assert self.gate.wait(20.0)
        return super().evaluate(program, request)


def test_an_array_that_changes_after_it_was_submitted_changes_nothing() -> None:
    qpu = Gated()
    circuit, observable = efficient_su2(2, reps=1), SparsePauliOp(["ZZ", "XI"], [1.0, 0.5])
    point = np.linspace(-1.0, 1.0, circuit.num_parameters)
    with qloop.Runtime(qpus=(qpu,), journal=":memory:") as runtime, qloop.Session("s", runtime=runtime) as session:
        objective = session.objective(circuit, observable)
        one, several = point.copy(), np.stack([point, 2.0 * point])
        future, batch = objective.submit(one), objective.submit_batch(several)
        one[:], several[:] = 0.3, 0.3
        qpu.gate.set()
        expected = [objective(point), objective(2.0 * point)]
        assert expected[0] != expected[1]
        assert future.result(20.0) == expected[0]
        assert batch.result(20.0).tolist() == expected
