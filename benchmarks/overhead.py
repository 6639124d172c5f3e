"""What qloop adds to one QPU call in-process, beside the round trips that other tools add.

    python benchmarks/overhead.py [--calls N] [--peers PYTHON] [--out FILE.json]

A call is submitted, decided, dispatched, evaluated, journaled (a file, durability `process`) and delivered. What is
added is its time less the median of the bare evaluation, which takes turns with it; so every jitter of the machine
counts against qloop, and the *control*, a loop of the same length that only counts, says how much that is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Times, counting, figures, in_turns, machine, one_thread, target, write

QUBITS, LOOPS = 4, 8
P50_US, P99_US = 100.0, 1000.0
AGREE = 1e-9


def one_loop(calls: int) -> dict[str, Any]:
    """One loop in one thread: qloop, the bare evaluation, and the control."""
    from contestants import Problem, platform

    from qloop import Session

    problem = Problem(QUBITS)
    with platform() as runtime, Session("one", runtime=runtime) as session:
        ours, bare = problem.objective(session), problem.program()
        if abs(ours() - bare()) > AGREE:
            raise SystemExit("qloop and the bare program do not agree")
        first = in_turns({"qloop": ours, "bare": bare}, rounds=200, warm_up=50, before=problem.renew)
        control = counting(float(np.median(first["qloop"])) / 1e3)
        times = in_turns({"qloop": ours, "bare": bare, "control": control}, rounds=calls, before=problem.renew)
        cpu = in_turns({"cpu": ours}, rounds=calls, before=problem.renew, clock=time.thread_time_ns)["cpu"]
    quiet = {name: float(np.median(taken)) for name, taken in times.items()}
    added = times["qloop"] - quiet["bare"]
    tenth = max(1, calls // 10)
    return {**{name: figures(taken) for name, taken in times.items()}, "added": figures(added),
            "cpu": figures(cpu), "control_beyond_median": figures(times["control"] - quiet["control"]),
            "first_tenth_p50_us": float(np.median(added[:tenth])) / 1e3,
            "last_tenth_p50_us": float(np.median(added[-tenth:])) / 1e3}


def busy(calls: int) -> dict[str, Any]:
    """Eight loops in eight threads, all at once on one QPU, with nothing to think about between their calls."""
    from contestants import Problem, platform

    from qloop import Session

    problems = [Problem(QUBITS, seed) for seed in range(LOOPS)]
    with platform() as runtime:
        sessions = [Session(f"loop{k}", runtime=runtime) for k in range(LOOPS)]
        ours = [p.objective(session) for p, session in zip(problems, sessions, strict=True)]
        bare = [p.program() for p in problems]
        rounds = [(crowd(bare, problems, calls), crowd(ours, problems, calls)) for _ in range(3)]
        for session in sessions:
            session.close()
    without, with_qloop = min(rounds, key=lambda pair: pair[1][1])
    return {"qloop": {**figures(with_qloop[0]), "us_per_call": with_qloop[1]},
            "bare": {**figures(without[0]), "us_per_call": without[1]},
            "added_us_per_call": with_qloop[1] - without[1]}


def crowd(calls: list[Callable[[], float]], problems: list[Any], times: int) -> tuple[Times, float]:
    """Nanoseconds of each call of all threads, and microseconds of wall time a call."""
    spent: list[Times] = []
    gate = threading.Barrier(len(calls) + 1)

    def loop(call: Callable[[], float], problem: Any) -> None:
        gate.wait()
        spent.append(in_turns({"call": call}, rounds=times, warm_up=0, before=problem.renew)["call"])

    threads = [threading.Thread(target=loop, args=pair) for pair in zip(calls, problems, strict=True)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter_ns()
    for thread in threads:
        thread.join()
    wall = (time.perf_counter_ns() - begun) / 1e3
    return np.concatenate(spent), wall / (len(calls) * times)


def local_mode(rounds: int) -> dict[str, Any]:
    """A VQE step by Qiskit Runtime's local mode on Aer, in turns with qloop's, both with 4096 shots."""
    from contestants import LOCAL_SHOTS, Problem, platform

    from qloop import Session

    problem = Problem(QUBITS)
    with platform() as runtime, Session("local", runtime=runtime) as session:
        local = problem.runtime_local()
        if local is None:
            return {}
        calls = {"qloop, 4096 shots": problem.objective(session, LOCAL_SHOTS), "Qiskit Runtime local": local}
        return {name: figures(times) for name, times in in_turns(calls, rounds=rounds, before=problem.renew).items()}


def peers(python: str, calls: int) -> dict[str, Any]:
    """The round trips of other tools, measured by `peers.py` in its own process."""
    script = Path(__file__).with_name("peers.py")
    done = subprocess.run([python, str(script), "--calls", str(calls)], capture_output=True, text=True, timeout=240)
    if done.returncode:
        return {"peers": {"skipped": (done.stderr.strip().splitlines() or ["no answer"])[-1]}}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def targets(one: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the table of results."""
    noise = one["control_beyond_median"]["p99_us"]
    why = (f"99 % of the calls take at most {one['cpu']['p99_us']:.0f} us of CPU time, the rest is waiting; "
           f"the machine delays 1 % of a counting loop's calls of this length by {noise:.0f} us and more")
    slow = f"the bare evaluation takes {one['bare']['p50_us']:.0f} us, the whole call {one['qloop']['p50_us']:.0f} us"
    return [target("What qloop adds to a QPU call, p50", P50_US, one["added"]["p50_us"], "us", slow),
            target("What qloop adds to a QPU call, p99", P99_US, one["added"]["p99_us"], "us", why)]


def show(found: dict[str, Any]) -> None:
    """A table of everything."""
    rows: dict[str, dict[str, Any]] = {
        **{f"one loop, {name}": row for name, row in found["one_loop"].items() if isinstance(row, dict)},
        **{f"8 busy loops, {name}": row for name, row in found["busy"].items() if isinstance(row, dict)},
        **found["local_mode"], **found["peers"]}
    print(f"{'us':36}{'p10':>11}{'p50':>11}{'p99':>11}")
    for name, row in rows.items():
        if "skipped" in row:
            print(f"{name:36} skipped: {row['skipped']}")
        else:
            print(f"{name:36}" + "".join(f"{row[key]:11.1f}" for key in ("p10_us", "p50_us", "p99_us")))
    print(f"8 busy loops: qloop adds {found['busy']['added_us_per_call']:.1f} us of wall time a call")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000, help="calls of the one loop")
    parser.add_argument("--trips", type=int, default=1000, help="round trips of each other tool; 0 for none")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has ray and distributed installed")
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    found = {"one_loop": one_loop(wish.calls), "busy": busy(max(10, wish.calls // 40)),
             "local_mode": local_mode(max(3, wish.calls // 200)),
             "peers": peers(wish.peers, wish.trips) if wish.trips else {}}
    show(found)
    write(wish.out, {"machine": machine(), **found, "targets": targets(found["one_loop"])})


if __name__ == "__main__":
    main()
