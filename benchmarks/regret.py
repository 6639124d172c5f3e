"""What not knowing the future costs: the sum of delays under each policy, less the offline optimum.

    python -m benchmarks.regret [--instances N] [--policies NAME ...] [--out FILE.json]

Small random platforms (3 to 8 sessions of 1 to 4 iterations, 1 to 3 QPUs, a worker for each session) meet the paper's
kernel under each policy and CP-SAT. Beside FILE.json (benchmarks/results/regret.json) lie a table, .md, and a figure,
.png and .pdf. The tables say how the instances are drawn; there is no chance but by their numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))       # found by `python -m benchmarks.regret` as by `python benchmarks/regret.py`

from measuring import machine, write  # noqa: E402
from regret_figure import draw  # noqa: E402

from qloop.policies.catalog import builtin  # noqa: E402
from qloop.simulator.offline.model import delays, violations  # noqa: E402
from qloop.simulator.offline.schedules import instance_of, small_platform, starts_of, under  # noqa: E402
from qloop.simulator.offline.solve import least_delay  # noqa: E402
from qloop.simulator.paper.run import serve  # noqa: E402

FIRST = 1000            # the number of the first instance
LIMIT_S = 120.0         # of search for one optimum


def instance(number: int, policies: Sequence[str]) -> dict[str, Any]:
    """One instance: the sum of delays of each policy and of the optimum, in s."""
    model, sessions = small_platform(number)
    given, schedules = instance_of(model, sessions), {}
    for name in policies:
        schedules[name] = starts_of(serve(under(model, name), sessions, number, log=10_000))
        if wrong := violations(given, schedules[name]):
            raise AssertionError(f"{name} on instance {number}: {wrong}")
    sums = {name: sum(delays(given, starts)) for name, starts in schedules.items()}
    begun = time.perf_counter()
    best = least_delay(given, limit_s=LIMIT_S, hint=schedules[min(sums, key=lambda name: sums[name])])
    if violations(given, best.starts) or min(sums.values()) < best.bound:
        raise AssertionError(f"the optimum of instance {number} is none")
    return {"number": number, "sessions": len(given.tasks), "qpus": given.qpus,
            "quantum_tasks": int(sessions.iterations.sum()), "optimum_s": best.value * 1e-9,
            "bound_s": best.bound * 1e-9, "proven": best.proven,
            "solve_s": round(time.perf_counter() - begun, 3),
            "delays_s": {name: total * 1e-9 for name, total in sums.items()}}


def summary(rows: Sequence[Mapping[str, Any]], policies: Sequence[str]) -> list[dict[str, Any]]:
    """One row a policy, by mean regret as a part of the optimum."""
    found = []
    for name in policies:
        regret = np.array([row["delays_s"][name] - row["optimum_s"] for row in rows])
        part = 100.0 * regret / np.array([row["optimum_s"] for row in rows])
        p50, p95 = np.quantile(part, [0.5, 0.95])
        found.append({"policy": name, "optimal": round(float((regret < 1e-6).mean()) * 100, 1),
                      "mean_%": round(float(part.mean()), 2), "p50_%": round(float(p50), 2),
                      "p95_%": round(float(p95), 2), "worst_%": round(float(part.max()), 2),
                      "mean_s": round(float(regret.mean()), 2)})
    return sorted(found, key=lambda row: row["mean_%"])


def page(found: Mapping[str, Any]) -> str:
    """The table with what it was measured on."""
    about, rows = found["machine"], found["instances"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = ["# Regret of the policies", "",
             f"{len(rows)} instances (numbers {rows[0]['number']} to {rows[-1]['number']}), "
             f"{sum(row['proven'] for row in rows)} with a proven optimum; {found['took_s']:.0f} s in all, of which "
             f"the solver {sum(row['solve_s'] for row in rows):.0f} s.", "",
             f"Machine: {about['processor']}, {about['cores']} cores, {about['system']}, Python {about['python']}. "
             f"Libraries: {versions}.", "",
             "Regret is the sum of delays less that of the best schedule, which knows all arrivals and lengths; the "
             "columns but the last are parts of the optimum. Where it is not proven, the best schedule "
             "found stands for it, and regret is at least what is said.", "",
             "| policy | optimal on | mean | median | p95 | worst | mean regret, s |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {row['policy']} | {row['optimal']:.0f} % | {row['mean_%']:.1f} % | {row['p50_%']:.1f} % | "
              f"{row['p95_%']:.1f} % | {row['worst_%']:.1f} % | {row['mean_s']:.1f} |" for row in found["policies"]]
    return "\n".join([*lines, ""])


def main() -> None:
    known = sorted(builtin())
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--policies", nargs="+", choices=known, default=known)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "regret.json")
    wish = parser.parse_args()
    begun, rows = time.perf_counter(), []
    for number in range(FIRST, FIRST + wish.instances):
        rows.append(instance(number, wish.policies))
        if len(rows) % 20 == 0:
            took = time.perf_counter() - begun
            left = took / len(rows) * (wish.instances - len(rows))
            print(f"{len(rows)} of {wish.instances} instances, about {left:.0f} s left", file=sys.stderr, flush=True)
    about = machine()
    about["versions"]["ortools"] = metadata.version("ortools")
    found = {"machine": about, "took_s": round(time.perf_counter() - begun, 1),
             "policies": summary(rows, wish.policies), "instances": rows}
    wish.out.parent.mkdir(parents=True, exist_ok=True)
    write(wish.out, found)
    wish.out.with_suffix(".md").write_text(page(found), encoding="utf-8")
    draw(found, wish.out.with_suffix(""))
    print(page(found))


if __name__ == "__main__":
    main()
