"""Qiskit's primitives on qloop beside Qiskit's own and Aer's, and beside qloop's program called directly.

    python benchmarks/primitives.py [--sizes 4 8 12] [--seconds S] [--rounds N] [--out FILE.json]

EfficientSU2 (reps 3, linear) with MaxCut on a random 3-regular graph, one PUB a call with new parameters each time, as
a VQE asks; journal in a file, one thread. *Program alone* is the same compiled program on the same simulator without
sessions, journal or PUBs: what the drop-in takes beyond it is its overhead. For each size first all contestants take
turns, then the drop-in and the program alone, often: by wall-clock, and by the CPU time of the process, all threads.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Call, figures, in_turns, machine, one_thread, target, write

SIZES = (4, 8, 12)
OVERHEAD_US, FASTER, SHOTS = 500.0, 5.0, 1024
AGREE = 1e-9
OURS, ASYNC, PROGRAM, OBJECTIVE = "qloop EstimatorV2", "qloop EstimatorV2, QPU's thread", "program alone", "objective"
SAMPLER, COUNTS = "qloop SamplerV2", "program alone, counts"
AER, QISKIT = "Aer EstimatorV2", "StatevectorEstimator"


def value_of(estimator: Any, problem: Any) -> Call:
    """One expectation value by a primitive, at the problem's present parameters."""
    def call() -> float:
        return float(estimator.run([(problem.circuit, problem.observable, problem.theta)]).result()[0].data.evs)

    return call


def bits_of(sampler: Any, circuit: Any, problem: Any) -> Call:
    """The bits of `SHOTS` shots by a primitive."""
    return lambda: sampler.run([(circuit, problem.theta)], shots=SHOTS).result()[0].data.meas.array.shape


def counts_alone(circuit: Any, problem: Any) -> Call:
    """The counts by qloop's compiled program."""
    from qloop.qpus.exact import ExactQpu
    from qloop.qpus.protocol import Request

    qpu = ExactQpu()
    made = qpu.compile(circuit, None)
    return lambda: qpu.evaluate(made, Request(problem.theta[None], SHOTS, (bytes(32),), counts=True)).counts[0]


def never_inline(estimator: Any) -> Any:
    """An estimator that always leaves its tasks to the QPU's thread."""
    run = estimator.run

    def patient(pubs: Any) -> Any:
        for known in estimator._album._known.values():
            for prepared in known.prepared.values():
                prepared.pace = float("inf")
        return run(pubs)

    estimator.run = patient
    return estimator


def measured(n: int, seconds: float, rounds: int) -> dict[str, Any]:
    """All figures of one size."""
    from contestants import Problem, platform
    from qiskit.primitives import StatevectorEstimator, StatevectorSampler
    from qiskit_aer.primitives import EstimatorV2 as AerEstimatorV2

    from qloop import Session
    from qloop.qiskit import EstimatorV2, SamplerV2

    problem = Problem(n)
    circuit = problem.circuit.copy()
    circuit.measure_all()
    with platform() as runtime, Session("primitives", runtime=runtime) as session:
        ours, sampler = EstimatorV2(session=session), SamplerV2(session=session)
        exact: dict[str, Call] = {
            OURS: value_of(ours, problem), ASYNC: value_of(never_inline(EstimatorV2(session=session)), problem),
            OBJECTIVE: problem.objective(session), PROGRAM: problem.program(),
            QISKIT: value_of(StatevectorEstimator(), problem), AER: value_of(AerEstimatorV2(), problem)}
        spread = agreement(problem, exact)
        drawn: dict[str, Call] = {
            SAMPLER: bits_of(sampler, circuit, problem), COUNTS: counts_alone(circuit, problem),
            "StatevectorSampler": bits_of(StatevectorSampler(seed=0), circuit, problem)}
        field = in_turns({**exact, **drawn}, rounds=rounds, seconds=seconds, warm_up=2, before=problem.renew)
        few = {name: {**exact, **drawn}[name] for name in (OURS, ASYNC, OBJECTIVE, PROGRAM, SAMPLER, COUNTS)}
        duel = in_turns(few, rounds=20 * rounds, seconds=seconds, warm_up=10, before=problem.renew, in_a_row=2)
        cpu = in_turns(few, rounds=10 * rounds, seconds=seconds / 2, before=problem.renew, in_a_row=2,
                       clock=time.process_time_ns)
    return {"n": n, "gates": len(problem.circuit.data), "spread": spread,
            "field": {name: figures(times) for name, times in field.items()},
            "duel": {name: figures(times) for name, times in duel.items()},
            "cpu": {name: figures(times) for name, times in cpu.items()}, **compared(field, duel, cpu)}


def agreement(problem: Any, exact: dict[str, Call]) -> float:
    """The largest difference between the exact contestants; SystemExit if they do not compute the same."""
    worst = 0.0
    for _ in range(3):
        problem.renew()
        worst = max(worst, float(np.ptp([call() for call in exact.values()])))      # type: ignore[call-overload]
    if worst > AGREE:
        raise SystemExit(f"The contestants differ by {worst}")
    return worst


def compared(field: dict[str, Any], duel: dict[str, Any], cpu: dict[str, Any]) -> dict[str, float]:
    """Overheads in us (medians, quietest tenth, CPU time), and how many times faster than Qiskit's and Aer's."""
    middle = {name: float(np.median(times)) / 1e3 for name, times in duel.items()}
    quiet = {name: float(np.percentile(times, 10)) / 1e3 for name, times in duel.items()}
    spent = {name: float(np.median(times)) / 1e3 for name, times in cpu.items()}
    alone = {name: float(np.median(times)) for name, times in field.items()}
    return {"overhead_us": middle[OURS] - middle[PROGRAM], "quiet_overhead_us": quiet[OURS] - quiet[PROGRAM],
            "async_overhead_us": middle[ASYNC] - middle[PROGRAM], "objective_overhead_us":
            middle[OBJECTIVE] - middle[PROGRAM], "sampler_overhead_us": middle[SAMPLER] - middle[COUNTS],
            "cpu_overhead_us": spent[OURS] - spent[PROGRAM],
            "sampler_cpu_overhead_us": spent[SAMPLER] - spent[COUNTS],
            "aer_over_qloop": alone[AER] / alone[OURS], "qiskit_over_qloop": alone[QISKIT] / alone[OURS],
            "sampler_over_qloop": alone["StatevectorSampler"] / alone[SAMPLER]}


def targets(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of one size in the table of results."""
    n = result["n"]
    why = (f"in the quietest tenth {result['quiet_overhead_us']:.0f} us; CPU time {result['cpu_overhead_us']:.0f} us, "
           f"of the sampler {result['sampler_cpu_overhead_us']:.0f} us; the session's objective takes "
           f"{result['objective_overhead_us']:.0f} us beyond the program")
    return [target(f"Drop-in, {n} qubits: EstimatorV2 beyond the program", OVERHEAD_US, result["overhead_us"], "us",
                   why),
            target(f"Drop-in, {n} qubits: EstimatorV2 on the QPU's thread beyond it", OVERHEAD_US,
                   result["async_overhead_us"], "us", why),
            target(f"Drop-in, {n} qubits: SamplerV2 beyond the program's counts", OVERHEAD_US,
                   result["sampler_overhead_us"], "us", why),
            target(f"Drop-in, {n} qubits: faster than Aer's EstimatorV2", FASTER, result["aer_over_qloop"], "x", why,
                   least=True)]


def show(results: list[dict[str, Any]]) -> None:
    """The medians in milliseconds, and what they mean."""
    print(f"{'median ms':34}" + "".join(f"{result['n']:>10}" for result in results))
    for name in results[0]["field"]:
        print(f"{name:34}" + "".join(f"{result['field'][name]['p50_us'] / 1e3:10.3f}" for result in results))
    for name in ("gates", "overhead_us", "quiet_overhead_us", "async_overhead_us", "objective_overhead_us",
                 "sampler_overhead_us", "cpu_overhead_us", "sampler_cpu_overhead_us", "aer_over_qloop",
                 "qiskit_over_qloop", "sampler_over_qloop", "spread"):
        print(f"{name:34}" + "".join(f"{result[name]:10.3g}" for result in results))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=5.0, help="at most, twice for each size")
    parser.add_argument("--rounds", type=int, default=100, help="at most, of all contestants; 20 times that of few")
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    results = [measured(n, wish.seconds, wish.rounds) for n in wish.sizes]
    show(results)
    write(wish.out, {"machine": machine(), "results": results,
                     "targets": [line for result in results for line in targets(result)]})


if __name__ == "__main__":
    main()
