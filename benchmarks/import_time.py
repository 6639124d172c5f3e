"""How long `import qloop` takes in a fresh interpreter, and which modules weigh in its first use.

    python benchmarks/import_time.py [--runs N] [--out FILE.json]

Beside it the import of all that a user touches first (`Session`, `Runtime`), which `import qloop` puts off.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, target, write

BOUND_MS = 300.0
STATEMENTS = {"nothing": "pass", "import qloop": "import qloop",
              "qloop.Session, qloop.Runtime": "import qloop; qloop.Session, qloop.Runtime",
              "numpy": "import numpy", "qiskit.QuantumCircuit": "from qiskit import QuantumCircuit"}
CLOCKED = "import time; begun = time.perf_counter_ns(); {}; print(time.perf_counter_ns() - begun)"


def once(statement: str) -> float:
    """Milliseconds of the statement in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", CLOCKED.format(statement)], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def heaviest(statement: str, count: int) -> list[dict[str, Any]]:
    """The packages that weigh most: milliseconds of the modules themselves, without what they import."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", statement], capture_output=True, text=True,
                          check=True)
    weights: dict[str, list[float]] = {}
    for line in done.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            weights.setdefault(package(parts[2].strip()), []).append(int(parts[0]) / 1e3)
    ranked = sorted(weights.items(), key=lambda item: -sum(item[1]))[:count]
    return [{"package": name, "ms": round(sum(each), 2), "modules": len(each)} for name, each in ranked]


def package(module: str) -> str:
    """How modules are summed up: qloop's by room, others' by their top name."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "qloop" else parts[0]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    taken: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for turn in range(wish.runs + 1):      # the first fills the caches of compiled modules
        for name, statement in STATEMENTS.items():
            milliseconds = once(statement)
            if turn:
                taken[name].append(milliseconds)
    medians = {name: round(float(np.median(each)), 2) for name, each in taken.items()}
    weights = heaviest(STATEMENTS["qloop.Session, qloop.Runtime"], 12)
    for name, value in medians.items():
        print(f"{name:32}{value:10.1f} ms")
    print("\nOf the first use:")
    for row in weights:
        print(f"  {row['package']:30}{row['ms']:10.1f} ms in {row['modules']} modules")
    write(wish.out, {"machine": machine(), "median_ms": medians, "weights": weights, "targets": [
        target("import qloop", BOUND_MS, medians["import qloop"], "ms", f"see the weights; numpy {medians['numpy']}")]})


if __name__ == "__main__":
    main()
