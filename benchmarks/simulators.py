"""One expectation value by each simulator: qloop's programs beside the bare libraries, in one run, on one thread.

EfficientSU2 (reps 3, linear) and MaxCut on a random 3-regular graph; milliseconds, the best of several repetitions,
parameters bound anew each time. Run: python benchmarks/simulators.py --out results.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "QULACS_NUM_THREADS", "RAYON_NUM_THREADS")
RAW = ("raw qulacs", "raw Aer statevector", "raw Aer MPS")
Call = Callable[[], float]


def problem(n: int) -> tuple[Any, Any, np.ndarray]:
    import networkx
    from qiskit.circuit.library import efficient_su2
    from qiskit.quantum_info import SparsePauliOp

    graph = networkx.random_regular_graph(3, n, seed=1)
    circuit = efficient_su2(n, reps=3, entanglement="linear")
    cut = SparsePauliOp.from_sparse_list([("ZZ", list(edge), 0.5) for edge in graph.edges], n)
    return circuit, cut, np.random.default_rng(0).normal(size=circuit.num_parameters)


def raw_qulacs(circuit: Any, op: Any, theta: np.ndarray) -> Call:
    import qulacs

    n, names = circuit.num_qubits, {p: k for k, p in enumerate(circuit.parameters)}
    made, order = qulacs.ParametricQuantumCircuit(n), []
    for item in circuit.data:
        qubits = [circuit.find_bit(bit).index for bit in item.qubits]
        if item.operation.name == "cx":
            made.add_CNOT_gate(*qubits)
        else:
            getattr(made, f"add_parametric_{item.operation.name.upper()}_gate")(qubits[0], 0.0)
            order.append(names[item.operation.params[0]])
    observable, state = qulacs.Observable(n), qulacs.QuantumState(n)
    for label, coefficient in zip(op.paulis.to_labels(), op.coeffs.real, strict=True):
        string = " ".join(f"{p} {n - 1 - k}" for k, p in enumerate(label) if p != "I")
        observable.add_operator(coefficient, string)

    def call() -> float:
        for k, angle in enumerate((-theta[order]).tolist()):
            made.set_parameter(k, angle)
        state.set_zero_state()
        made.update_quantum_state(state)
        return float(observable.get_expectation_value(state))

    return call


def raw_aer(method: str) -> Callable[[Any, Any, np.ndarray], Call]:
    def build(circuit: Any, op: Any, theta: np.ndarray) -> Call:
        from qiskit_aer import AerSimulator

        simulator, asked = AerSimulator(method=method, max_parallel_threads=1), circuit.copy()
        asked.save_expectation_value(op, range(circuit.num_qubits))
        return lambda: float(simulator.run(asked.assign_parameters(theta), shots=1).result().data(0)[
            "expectation_value"])

    return build


def estimator(kind: str) -> Callable[[Any, Any, np.ndarray], Call]:
    def build(circuit: Any, op: Any, theta: np.ndarray) -> Call:
        if kind == "aer":
            from qiskit_aer.primitives import EstimatorV2

            chosen: Any = EstimatorV2(options={"backend_options": {"max_parallel_threads": 1}})
        else:
            from qiskit.primitives import StatevectorEstimator

            chosen = StatevectorEstimator()
        return lambda: float(chosen.run([(circuit, op, theta)]).result()[0].data.evs)

    return build


def qloop(*simulators: str) -> Callable[[Any, Any, np.ndarray], Call]:
    def build(circuit: Any, op: Any, theta: np.ndarray) -> Call:
        from qloop.qpus.exact import ExactQpu
        from qloop.qpus.protocol import Request

        qpu = ExactQpu(simulators=simulators or None)
        program = qpu.compile(circuit, op)

        def call() -> float:
            return qpu.evaluate(program, Request(theta[None], 0, ())).values[0]

        call.__name__ = program.simulator.name
        return call

    return build


def contestants(n: int) -> dict[str, Callable[[Any, Any, np.ndarray], Call]]:
    slow = {"Qiskit StatevectorEstimator": estimator("qiskit")} if n <= 16 else {}
    return {
        "raw qulacs": raw_qulacs, "raw Aer statevector": raw_aer("statevector"),
        "raw Aer MPS": raw_aer("matrix_product_state"), "Aer EstimatorV2": estimator("aer"), **slow,
        "qloop qulacs": qloop("qulacs"), "qloop aer_statevector": qloop("aer_statevector"),
        "qloop aer_mps": qloop("aer_mps"), "qloop chosen": qloop()}


def best_of(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Milliseconds of each, the best of rounds in which all take turns, so that a busy machine is fair to all."""
    best = {name: float("inf") for name in calls}
    begun, rounds = time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - begun < seconds:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
        rounds += 1
    return best


def measured(n: int, seconds: float) -> dict[str, Any]:
    circuit, op, theta = problem(n)
    calls = {name: build(circuit, op, theta) for name, build in contestants(n).items()}
    values = [call() for call in calls.values()]
    milliseconds = best_of(calls, seconds)
    raw, ours = min(milliseconds[name] for name in RAW), milliseconds["qloop chosen"]
    return {
        "n": n, "chosen": calls["qloop chosen"].__name__, "ms": milliseconds, "spread": float(np.ptp(values)),
        "qloop_over_best_raw": ours / raw, "extra_us": (ours - raw) * 1e3,
        "estimator_over_qloop": milliseconds["Aer EstimatorV2"] / ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 12, 16, 20])
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each size (at least three rounds)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    chosen = parser.parse_args()
    os.environ.update(dict.fromkeys(THREADS, "1"))
    results = [measured(n, chosen.seconds) for n in chosen.sizes]
    names = list(dict.fromkeys(name for result in results for name in result["ms"]))
    print(f"{'ms':28}" + "".join(f"{result['n']:>11}" for result in results))
    for name in names:
        print(f"{name:28}" + "".join(f"{result['ms'].get(name, float('nan')):11.4f}" for result in results))
    for key in ("chosen", "qloop_over_best_raw", "extra_us", "estimator_over_qloop", "spread"):
        shown = (result[key] for result in results)
        print(f"{key:28}" + "".join(f"{x if isinstance(x, str) else format(x, '.3g'):>11.11}" for x in shown))
    if chosen.out:
        versions = {name: metadata.version(name) for name in ("qiskit", "qiskit-aer", "qulacs", "numpy", "qloop")}
        machine = {"machine": platform.machine(), "cpus": os.cpu_count(), "python": platform.python_version()}
        chosen.out.write_text(json.dumps({"versions": versions, **machine, "threads": 1, "results": results}, indent=1))


if __name__ == "__main__":
    main()
