"""The execution motifs: how they scale, here and in the simulator, and what several QPUs at once are worth.

    python benchmarks/motifs.py [--workers N ...] [--cores N ...] [--runs N] [--motifs NAME ...] [--out FILE.json]

Each motif runs on so many workers of this machine, warm, in turns. What the smallest number of them shows is its
workload (`qloop miniapp characterize`); the simulator then has it on any number of cores: strong scaling keeps the
tasks, weak scaling has as many more of them. Stages follow each other, so their makespans add up. Beside the measured
makespans stand the simulated ones of as many workers. QPUs: makespans in virtual time on each twin alone and on all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from measuring import machine, one_thread

one_thread()

from qloop.miniapps.motifs import registry  # noqa: E402
from qloop.miniapps.motifs.characterize import Profile, profile, run_checked, scenario_tables  # noqa: E402
from qloop.miniapps.motifs.site import InProcess, OnWorkers, Site  # noqa: E402
from qloop.runtime.embedded import Runtime  # noqa: E402
from qloop.simulator.campaign.document import loads  # noqa: E402
from qloop.simulator.campaign.dump import toml  # noqa: E402
from qloop.simulator.platform.run import replicate  # noqa: E402

TWINS = ("twin-torino", "twin-sherbrooke", "twin-hanoi")
WORK: dict[str, dict[str, Any]] = {
    "circuit-execution": {"where": "workers", "circuits": 64, "qubits": 12, "depth": 12, "shots": 0},
    "circuit-cutting": {"qubits": 20, "widest": 10, "depth": 4, "terms": 16, "batch": 4},
    "circuit-optimization": {"qubits": 8, "depth": 8, "tries": 16},
    "error-mitigation": {"qubits": 6, "steps": 10, "repeats": 3}}
"""What has classical tasks beside each other; sizes that are more than their overhead."""
QUANTUM: dict[str, dict[str, Any]] = {
    "circuit-execution": {"circuits": 24, "qubits": 5}, "variational-loop": {"loops": 6, "iterations": 3},
    "error-mitigation": {"where": "qpu", "qubits": 3, "repeats": 6},
    "circuit-cutting": {"where": "qpu", "shots": 1000, "qubits": 4, "widest": 2, "depth": 2}}
REPLICATIONS = 10


@contextmanager
def workers(count: int) -> Iterator[Site]:
    """A site of so many workers of this machine."""
    with Runtime(journal=":memory:", workers=count) as runtime, OnWorkers(runtime, count) as site:
        yield site


def measured(name: str, counts: list[int], runs: int) -> tuple[dict[int, float], Profile]:
    """The median makespan of warm runs on so many workers each, and the workload that the fewest show."""
    motif = registry.motif(name)
    parameters, found, results = motif.parameters(**WORK[name]), {}, []
    for count in counts:
        with workers(count) as site:
            run_checked(motif, parameters, site)
            made = [run_checked(motif, parameters, site) for _ in range(runs)]
        found[count] = median(one.makespan_s for one in made)
        results = results or made
    return found, profile(motif, results, 1)


def simulated(found: Profile, cores: int, chains: int = 1) -> float:
    """The makespan on so many cores, of `chains` times the tasks where there are several."""
    total = 0.0
    for stage in found.stages:
        tables = scenario_tables(found, stage, chains=stage.chains * chains if stage.chains > 1 else 0)
        tables["classical"]["workers"] = max(1, cores // stage.ranks)
        scenario = loads(toml(tables)).scenario()
        total += sum(float(replicate(scenario, n).left_ns.max()) for n in range(REPLICATIONS)) * 1e-9 / REPLICATIONS
    return total


def scaling(name: str, counts: list[int], cores: list[int], runs: int) -> dict[str, Any]:
    """Measured and simulated makespans of one motif."""
    here, found = measured(name, counts, runs)
    strong = {count: simulated(found, count) for count in sorted({*counts, *cores})}
    weak = {count: simulated(found, count, count) for count in cores}
    return {"motif": name, "parameters": WORK[name], "tasks": sum(stage.chains for stage in found.stages),
            "measured_s": here, "strong_s": strong, "weak_s": weak,
            "speed_up": {count: strong[min(strong)] / one for count, one in strong.items()},
            "efficiency": {count: weak[min(weak)] / one for count, one in weak.items()}}


def together(name: str) -> dict[str, Any]:
    """Makespans in virtual time on each twin alone, and on all of them."""
    motif = registry.motif(name)
    found = {}
    for qpus in (*((one,) for one in TWINS), TWINS):
        with Runtime(qpus=qpus, clock="virtual", journal=":memory:") as runtime:
            result = motif.run(motif.parameters(**QUANTUM[name]), InProcess(runtime))
        found["all" if len(qpus) > 1 else qpus[0]] = {"makespan_s": result.makespan_s, "holds": result.holds}
    best = min(found[one]["makespan_s"] for one in TWINS)
    return {"motif": name, "parameters": QUANTUM[name], "qpus": found, "gain": best / found["all"]["makespan_s"]}


def told(row: dict[str, Any]) -> str:
    """One motif's scaling in a line."""
    here = ", ".join(f"{count}: {one:.3g} s ({row['strong_s'][count]:.3g} simulated)"
                     for count, one in row["measured_s"].items())
    far = max(row["speed_up"])
    return (f"{row['motif']:22} {row['tasks']:5} tasks; workers {here}; at {far} cores {row['speed_up'][far]:.3g} x as "
            f"fast, weak efficiency {row['efficiency'][max(row['efficiency'])]:.2f}")


def main() -> None:
    """Measure, simulate, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cores", type=int, nargs="+", default=[1 << k for k in range(11)])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--motifs", nargs="+", default=list(WORK), choices=list(WORK))
    parser.add_argument("--quantum", nargs="*", default=list(QUANTUM), choices=list(QUANTUM))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows, beside = [], []
    for name in options.motifs:
        rows.append(scaling(name, options.workers, options.cores, options.runs))
        print(told(rows[-1]), flush=True)
    for name in options.quantum:
        beside.append(together(name))
        print(f"{name:22} on three twins {beside[-1]['gain']:.3g} x as fast as on the best of them", flush=True)
    if options.out:
        whole = {"machine": machine(), "scaling": rows, "qpus": beside, "targets": []}
        options.out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
