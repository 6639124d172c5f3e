"""Who takes part: qloop's objective, the bare libraries, and the ways that users of Qiskit know.

All of one problem read the same array of parameters, which changes in place before every round.
"""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simulators import estimator as plain_estimator
from simulators import problem, raw_aer, raw_qulacs

Value = Callable[[], float]
RAW: dict[str, Callable[[Any, Any, Any], Value]] = {
    "raw qulacs": raw_qulacs, "raw Aer statevector": raw_aer("statevector"),
    "raw Aer MPS": raw_aer("matrix_product_state")}
LAPACK = "raw Aer MPS, LAPACK"
LOCAL_SHOTS = 4096
"""What Qiskit Runtime's local mode takes if nobody asks for another precision."""


class Problem:
    """EfficientSU2 (reps 3, linear) with MaxCut on a random 3-regular graph of n nodes, and the present parameters."""

    def __init__(self, n: int, seed: int = 0) -> None:
        self.circuit, self.observable, start = problem(n)
        self.theta: NDArray[np.float64] = np.array(start)
        self._rng = np.random.Generator(np.random.Philox(key=seed))

    def renew(self) -> None:
        """Other parameters, in place."""
        self.theta[:] = self._rng.normal(size=self.theta.size)

    def raw(self) -> dict[str, Value]:
        """The bare simulators: compiled once, parameters bound at each call."""
        return {name: build(self.circuit, self.observable, self.theta) for name, build in RAW.items()}

    def raw_lapack(self) -> Value:
        """Aer's MPS with LAPACK's decompositions, as qloop runs it: to tell their price from that of qloop."""
        from qiskit_aer import AerSimulator

        simulator = AerSimulator(method="matrix_product_state", max_parallel_threads=1, mps_lapack=True)
        asked = self.circuit.copy()
        asked.save_expectation_value(self.observable, range(self.circuit.num_qubits))
        return lambda: float(simulator.run(asked.assign_parameters(self.theta), shots=1).result().data(0)[
            "expectation_value"])

    def aer_estimator(self) -> Value:
        """Aer's EstimatorV2, exact."""
        return plain_estimator("aer")(self.circuit, self.observable, self.theta)

    def runtime_local(self) -> Callable[[], tuple[float, float]] | None:
        """Qiskit Runtime's EstimatorV2 in its local mode on Aer: (value, standard error); it samples 4096 shots.

        None, with a line that says so, if qiskit-ibm-runtime is not installed.
        """
        if importlib.util.find_spec("qiskit_ibm_runtime") is None:
            print("Qiskit Runtime local: skipped, qiskit-ibm-runtime is not installed")
            return None
        from qiskit_aer import AerSimulator

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from qiskit_ibm_runtime import EstimatorV2
        chosen = EstimatorV2(mode=AerSimulator(max_parallel_threads=1))

        def call() -> tuple[float, float]:
            data = chosen.run([(self.circuit, self.observable, self.theta)]).result()[0].data
            return float(data.evs), float(data.stds)

        return call

    def program(self) -> Value:
        """qloop's compiled program without the runtime around it."""
        from qloop.qpus.exact import ExactQpu
        from qloop.qpus.protocol import Request

        qpu = ExactQpu()
        made = qpu.compile(self.circuit, self.observable)
        return lambda: qpu.evaluate(made, Request(self.theta[None], 0, (b"",))).values[0]

    def objective(self, session: Any, shots: int | None = None) -> Value:
        """qloop as its users call it: in a session, journaled before it is delivered."""
        made = session.objective(self.circuit, self.observable, shots=shots)
        return lambda: float(made(self.theta))


@contextmanager
def platform() -> Iterator[Any]:
    """A runtime with the exact QPU and a journal in a file, durability `process`."""
    from qloop import Runtime

    with tempfile.TemporaryDirectory(prefix="qloop-bench-") as folder, Runtime(
            qpus=("exact",), journal=Path(folder) / "journal.qloop", durability="process") as runtime:
        yield runtime
