"""How checks of remote QPUs reach a provider: the bench, a small circuit with known values, requests for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from qloop.errors import QloopError
from qloop.model.evaluation import SimulatorId
from qloop.qpus.protocol import Program, QpuResult, Request
from qloop.qpus.remote import Phase, Reading, RemoteQpu

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

ENDED: Final = (Phase.DONE, Phase.FAILED, Phase.CANCELLED, Phase.GONE)
ANGLES: Final = ((0.3, 1.1), (2.0, -0.4), (-1.2, 0.0))


def _nap() -> None:
    time.sleep(0.02)


def _nothing() -> None:
    """A fault that the bench does not have."""


class Bench(msgspec.Struct):
    """How the checks reach a provider.

    `open` yields an adapter; each call a new one on the same provider, as after a crash. `pause` is called between two
    looks, of which `looks` are taken at most. `bias` is how far the QPU's noise may move a value from the truth, beside
    the statistics of `shots`. `survives`: a second adapter sees the first one's tasks.
    `exact`: a request for 0 shots is answered with exact values. For the fault checks:
    `lose_reply` lets the next submission be carried out and its reply be lost, `refuse` lets it be refused, so that it
    may be sent again; `recalibrate` ends a calibration.
    """

    open: Callable[[], RemoteQpu]
    pause: Callable[[], None] = _nap
    looks: int = 1500
    bias: float = 0.0
    shots: int = 2000
    survives: bool = True
    exact: bool = False
    lose_reply: Callable[[], None] = _nothing
    refuse: Callable[[], None] = _nothing
    recalibrate: Callable[[], None] = _nothing

    def ended(self, qpu: RemoteQpu, task: str) -> Reading:
        """Look at a task until it has ended."""
        for _ in range(self.looks):
            reading = qpu.status(task)
            if reading.phase in ENDED:
                return reading
            self.pause()
        raise AssertionError(f"the task {task} has not ended after {self.looks} looks: {reading}")

    def run(self, qpu: RemoteQpu, program: Program, request: Request, token: str = "run") -> QpuResult:
        """Submit, wait, and take the result."""
        task = qpu.submit(program, request, token)
        reading = self.ended(qpu, task)
        assert reading.phase is Phase.DONE, reading
        return qpu.result(task, program, request)

    def tolerance(self, weight: float = 1.0) -> float:
        """Six standard deviations of a value whose terms weigh so much, and the bias."""
        return weight * (6.0 / math.sqrt(self.shots) + self.bias)


Check = Callable[[Bench], None]


def ansatz() -> QuantumCircuit:
    """Two qubits turned about Y by a parameter each, and a CX: <Z0> = cos a, <Z1> = cos a cos b."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    angle, circuit = ParameterVector("angle", 2), QuantumCircuit(2)
    circuit.ry(angle[0], 0)
    circuit.ry(angle[1], 1)
    circuit.cx(0, 1)
    return circuit


def compiled(qpu: RemoteQpu, *, observed: bool = True, simulator: SimulatorId | None = None) -> Program:
    """The ansatz for 2 Z0 - Z1 + 0.5, or for counts."""
    from qiskit.quantum_info import SparsePauliOp

    observable = SparsePauliOp(["IZ", "ZI", "II"], [2.0, -1.0, 0.5]) if observed else None
    return qpu.compile(ansatz(), observable, simulator=simulator, seed=5)


def request(bench: Bench, rows: int = 3, *, counts: bool = False, shots: int = -1) -> Request:
    """A request for some rows of `ANGLES`."""
    digests = tuple(bytes([k + 1]) * 32 for k in range(rows))
    return Request(np.array(ANGLES[:rows]), bench.shots if shots < 0 else shots, digests, counts)


def raised(error: type[QloopError], call: Callable[[], object], *words: str) -> QloopError:
    """The error, of exactly this family, that the call raises; its message holds the words."""
    refusal: QloopError | None = None
    try:
        call()
    except error as it:
        refusal = it
    assert refusal is not None, f"{error.__name__} was not raised"
    missing = [word for word in words if word not in str(refusal)]
    assert not missing, f"{refusal} does not say {missing}"
    return refusal
