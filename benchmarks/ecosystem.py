"""A whole VQE of qiskit-algorithms, end to end: with qloop's EstimatorV2 beside Aer's.

    python benchmarks/ecosystem.py [--sizes 4 8 12] [--evaluations N] [--rounds R] [--out FILE.json]

EfficientSU2 (reps 3, linear) with MaxCut on a random 3-regular graph. Two optimizers of the library: SPSA asks for two
values in a call, NFT for one. Their steps are given, so that both estimators make the same evaluations from the same
seed, and their answers must agree. qloop's time has all that a user pays for: opening the session, compiling, the
journal in a file, and closing. One thread.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Call, figures, in_turns, machine, one_thread, target, write

SIZES = (4, 8, 12)
OPTIMIZERS = ("SPSA", "NFT")
FASTER = 5.0
AGREE = 1e-6
SEED = 5
OURS, AER = "qloop EstimatorV2", "Aer EstimatorV2"


def optimizer(name: str, evaluations: int) -> Any:
    """One of the library's, with its steps given."""
    from qiskit_algorithms.optimizers import NFT, SPSA

    if name == "SPSA":
        return SPSA(maxiter=evaluations // 2, learning_rate=0.05, perturbation=0.1)
    return NFT(maxfev=evaluations)


def vqe(problem: Any, chosen: Any, estimator: Any) -> Any:
    """One VQE of qiskit-algorithms to its end; its result."""
    from qiskit_algorithms import VQE
    from qiskit_algorithms.utils import algorithm_globals

    algorithm_globals.random_seed = SEED
    return VQE(estimator, problem.circuit, chosen, initial_point=problem.theta.copy()
               ).compute_minimum_eigenvalue(problem.observable)


def contestants(problem: Any, chosen: Any, runtime: Any, kept: dict[str, Any],
                cpu: dict[str, list[int]]) -> dict[str, Call]:
    """The two programs, which differ in one line; each keeps its result and its CPU times in nanoseconds."""
    from qiskit_aer.primitives import EstimatorV2 as AerEstimator

    from qloop.qiskit import EstimatorV2

    def ours() -> None:
        begun = time.process_time_ns()
        with EstimatorV2(runtime=runtime) as estimator:
            kept[OURS] = vqe(problem, chosen, estimator)
        cpu[OURS].append(time.process_time_ns() - begun)

    def aer() -> None:
        begun = time.process_time_ns()
        estimator = AerEstimator(options={"backend_options": {"max_parallel_threads": 1}})
        kept[AER] = vqe(problem, chosen, estimator)
        cpu[AER].append(time.process_time_ns() - begun)

    return {OURS: ours, AER: aer}


def check(kept: dict[str, Any]) -> None:
    """SystemExit unless both made the same evaluations and came to the same energy."""
    ours, aer = kept[OURS], kept[AER]
    if ours.cost_function_evals != aer.cost_function_evals:
        raise SystemExit(f"qloop made {ours.cost_function_evals} evaluations, Aer {aer.cost_function_evals}")
    if abs(ours.optimal_value - aer.optimal_value) > AGREE:
        raise SystemExit(f"qloop came to {ours.optimal_value}, Aer to {aer.optimal_value}")


def measured(n: int, name: str, wanted: int, rounds: int) -> dict[str, Any]:
    """All figures of one size with one optimizer."""
    from contestants import Problem, platform

    problem, kept = Problem(n), dict[str, Any]()
    cpu: dict[str, list[int]] = {OURS: [], AER: []}
    with platform() as runtime:
        programs = contestants(problem, optimizer(name, wanted), runtime, kept, cpu)
        times = in_turns(programs, rounds=rounds, warm_up=1, before=problem.renew)
        check(kept)
    ours, aer = (float(np.median(times[who])) for who in (OURS, AER))
    evaluations = int(kept[OURS].cost_function_evals)
    return {"n": n, "optimizer": name, "parameters": problem.theta.size, "evaluations": evaluations,
            "energy": float(kept[OURS].optimal_value), "field": {who: figures(found) for who, found in times.items()},
            "us_an_evaluation": {OURS: round(ours / evaluations / 1e3, 1), AER: round(aer / evaluations / 1e3, 1)},
            "aer_over_qloop": round(aer / ours, 2),
            "cpu_aer_over_qloop": round(float(np.median(cpu[AER]) / np.median(cpu[OURS])), 2)}


def targets(result: dict[str, Any]) -> dict[str, Any]:
    """The line of one size in the table of results."""
    each = result["us_an_evaluation"]
    why = (f"an evaluation takes {each[OURS]:.0f} us, with Aer {each[AER]:.0f} us, the optimizer included in both; "
           f"by CPU time it is {result['cpu_aer_over_qloop']} x as fast")
    return target(f"VQE of qiskit-algorithms, {result['n']} qubits, {result['optimizer']}: faster than with {AER}",
                  FASTER, result["aer_over_qloop"], "x", why, least=True)


def show(results: list[dict[str, Any]]) -> None:
    """Seconds of a whole VQE, and what they mean."""
    print(f"{'median s':28}" + "".join(f"{result['n']:>10}" for result in results))
    for name in (OURS, AER):
        print(f"{name:28}" + "".join(f"{result['field'][name]['p50_us'] / 1e6:10.3f}" for result in results))
    print(f"{'optimizer':28}" + "".join(f"{result['optimizer']:>10}" for result in results))
    for name in ("evaluations", "energy", "aer_over_qloop", "cpu_aer_over_qloop"):
        print(f"{name:28}" + "".join(f"{result[name]:10.4g}" for result in results))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--evaluations", type=int, default=200, help="of each VQE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    results = [measured(n, name, wish.evaluations, wish.rounds) for n in wish.sizes for name in OPTIMIZERS]
    show(results)
    write(wish.out, {"machine": machine(), "results": results, "targets": [targets(result) for result in results]})


if __name__ == "__main__":
    main()
