"""A whole VQE iteration: qloop's objective, journal on, beside the fastest bare simulator and Qiskit's own ways.

    python benchmarks/iteration.py [--sizes 4 8 12 16 20] [--seconds S] [--out FILE.json]

EfficientSU2 (reps 3, linear) with MaxCut on a random 3-regular graph; compiled once, parameters bound at every call,
one thread. For each size first all contestants take turns; then qloop and the fastest bare simulator alone, often. A
turn is two calls of which the second counts, as in a loop that runs by itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Call, figures, in_turns, machine, one_thread, target, write

SIZES = (4, 8, 12, 16, 20)
EXTRA_US, RATIO, RATIO_FROM, FASTER = 200.0, 1.2, 12, 5.0
AGREE = 1e-9
STANDARD_ERRORS = 6.0
OURS, LOCAL, AER = "qloop objective", "Qiskit Runtime local", "Aer EstimatorV2"
OURS_SHOTS, PROGRAM = "qloop objective, 4096 shots", "qloop program alone"


def agreement(problem: Any, values: dict[str, Any], local: Any, rounds: int = 2) -> float:
    """The largest difference between exact contestants; SystemExit if they do not compute the same."""
    worst = 0.0
    for _ in range(rounds):
        problem.renew()
        found = {name: call() for name, call in values.items()}
        worst = max(worst, float(np.ptp(list(found.values()))))
        if worst > AGREE:
            raise SystemExit(f"The contestants do not agree: {found}")
        sampled, error = (found[OURS], 0.0) if local is None else local()
        if abs(sampled - found[OURS]) > STANDARD_ERRORS * error + AGREE:
            raise SystemExit(f"{LOCAL} says {sampled} +- {error}, qloop {found[OURS]}")
    return worst


def measured(n: int, seconds: float, rounds: int) -> dict[str, Any]:
    """All figures of one size."""
    from contestants import LAPACK, LOCAL_SHOTS, Problem, platform

    from qloop import Session

    problem = Problem(n)
    with platform() as runtime, Session("iteration", runtime=runtime) as session:
        raw, local = problem.raw(), problem.runtime_local()
        exact = {**raw, OURS: problem.objective(session), PROGRAM: problem.program(), AER: problem.aer_estimator(),
                 LAPACK: problem.raw_lapack()}
        spread = agreement(problem, exact, local)
        everybody: dict[str, Call] = {**exact, OURS_SHOTS: problem.objective(session, LOCAL_SHOTS)}
        if local is not None:
            everybody[LOCAL] = local
        field = in_turns(everybody, rounds=rounds, seconds=seconds, warm_up=1, before=problem.renew, in_a_row=2)
        fastest = min(raw, key=lambda name: float(np.median(field[name])))
        few = (fastest, OURS, PROGRAM, *((LAPACK,) if "MPS" in fastest else ()))
        duel = in_turns({name: exact[name] for name in few}, rounds=20 * rounds, seconds=seconds,
                        before=problem.renew, in_a_row=2)
        simulator = session.details().simulators[0]
    return {"n": n, "parameters": problem.theta.size, "simulator": simulator, "fastest_raw": fastest,
            "spread": spread, "field": {name: figures(times) for name, times in field.items()},
            "duel": {name: figures(times) for name, times in duel.items()}, **compared(fastest, field, duel)}


def compared(fastest: str, field: dict[str, Any], duel: dict[str, Any]) -> dict[str, float]:
    """Medians against each other: qloop and the fastest bare simulator, and Qiskit's ways and qloop.

    The `quiet` ones compare the tenth percentiles, which other programs on the machine disturb least.
    """
    raw, ours, program = (float(np.median(duel[name])) for name in (fastest, OURS, PROGRAM))
    found = {name: float(np.median(times)) for name, times in field.items()}
    quiet = {name: float(np.percentile(times, 10)) for name, times in duel.items()}
    ratios = {"extra_us": (ours - raw) / 1e3, "over_raw": ours / raw, "runtime_us": (ours - program) / 1e3,
              "quiet_extra_us": (quiet[OURS] - quiet[fastest]) / 1e3, "quiet_over_raw": quiet[OURS] / quiet[fastest],
              "aer_over_qloop": found[AER] / found[OURS]}
    if LOCAL in found:
        ratios["local_over_qloop"] = found[LOCAL] / found[OURS]
        ratios["local_over_qloop_shots"] = found[LOCAL] / found[OURS_SHOTS]
    return ratios


def targets(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of one size in the table of results."""
    n, raw = result["n"], result["fastest_raw"]
    why = (f"in the quietest tenth {result['quiet_extra_us']:.0f} us and {result['quiet_over_raw']:.2f} x; the runtime "
           f"takes {result['runtime_us']:.0f} us of it; {result['simulator']} itself takes "
           f"{result['extra_us'] - result['runtime_us']:.0f} us more than {raw}{lapack(result)}")
    lines = [target(f"VQE iteration, {n} qubits: beyond {raw}", EXTRA_US, result["extra_us"], "us", why)]
    if n >= RATIO_FROM:
        lines.append(target(f"VQE iteration, {n} qubits: ratio to {raw}", RATIO, result["over_raw"], "x", why))
    ours = result["field"][OURS]["p50_us"]
    why = (f"qloop takes {ours / 1e3:.2f} ms, {result['runtime_us'] / 1e3:.2f} ms of it in the runtime, the rest in "
           f"{result['simulator']}")
    return lines + [target(f"VQE iteration, {n} qubits: faster than {other}", FASTER, result[key], "x", why, least=True)
                    for other, key in ((AER, "aer_over_qloop"), (LOCAL, "local_over_qloop")) if key in result]


def lapack(result: dict[str, Any]) -> str:
    """What of that is the price of LAPACK's decompositions, which qloop's MPS takes for their accuracy."""
    duel = result["duel"]
    taken = [row["p50_us"] for name, row in duel.items() if name.endswith("LAPACK")]
    return f", of which {taken[0] - duel[result['fastest_raw']]['p50_us']:.0f} us for LAPACK" if taken else ""


def show(results: list[dict[str, Any]]) -> None:
    """The medians in milliseconds, and what they mean."""
    print(f"{'median ms':28}" + "".join(f"{result['n']:>12}" for result in results))
    for name in results[0]["field"]:
        print(f"{name:28}" + "".join(f"{result['field'][name]['p50_us'] / 1e3:12.4f}" for result in results))
    for name in ("simulator", "fastest_raw", "extra_us", "over_raw", "quiet_extra_us", "quiet_over_raw", "runtime_us",
                 "aer_over_qloop", "local_over_qloop", "local_over_qloop_shots", "spread"):
        shown = (result.get(name, "-") for result in results)
        print(f"{name:28}" + "".join(f"{x if isinstance(x, str) else format(x, '.3g'):>12.11}" for x in shown))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=15.0, help="at most, twice for each size")
    parser.add_argument("--rounds", type=int, default=200, help="at most, of all contestants; 20 times that of two")
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    results = [measured(n, wish.seconds, wish.rounds) for n in wish.sizes]
    show(results)
    write(wish.out, {"machine": machine(), "results": results,
                     "targets": [line for result in results for line in targets(result)]})


if __name__ == "__main__":
    main()
