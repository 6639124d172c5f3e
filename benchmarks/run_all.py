"""Every benchmark of this folder, one after the other, each in a process of its own; results as JSON and as a page.

    python benchmarks/run_all.py [--quick] [--peers PYTHON] [--only NAME ...] [--folder FOLDER]

Writes FOLDER/<date>-<machine>.json and FOLDER/results.md. A target that is missed is a line in the table and no
failure; a benchmark that does not run is (exit code 1).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import THREADS, machine, short_name, write
from report import markdown, target_table, targets

HERE = Path(__file__).resolve().parent
LIMIT_S = 600.0
# Arguments of a quick run and of a full one; a benchmark that is not listed runs as it is.
QUICK = {
    "overhead": ("--calls", "4000", "--trips", "200"), "iteration": ("--seconds", "3"), "import_time": (),
    "engine": ("--policies", "efaas", "fifo", "--events", "100000", "--rounds", "3"), "journal": ("--rows", "20000"),
    "simulators": ("--seconds", "0.5"), "pilot": ("--tasks", "300"), "drift": ("--rounds", "20"),
    "pilots": ("--tasks", "600", "--rounds", "3"),
    "noise": ("--sizes", "4", "8", "--points", "1"), "ecosystem": ("--rounds", "2", "--evaluations", "100"),
    "primitives": ("--seconds", "1.5", "--rounds", "30"), "speculation": ("--iterations", "40"),
    "motifs": ("--runs", "1", "--motifs", "circuit-optimization"),
    "regret": ("--instances", "20"), "platform_speed": ("--quick", "--largest", "10000"),
}
FULL = {"overhead": ("--calls", "40000"), "iteration": ("--seconds", "15"), "engine": ("--events", "100000"),
        "regret": ("--instances", "60"), "platform_speed": ("--largest", "100000")}
PARTS = {"run_all", "peers", "__main__"}    # no benchmarks by themselves
PARTS |= {"planner"}                        # eight minutes of its own: python -m benchmarks.planner


def benchmarks() -> list[str]:
    """The names of the files that are benchmarks: programs that take `--out`."""
    found = []
    for path in sorted(HERE.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem not in PARTS and "__main__" in text and "--out" in text:
            found.append(path.stem)
    return sorted(found, key=lambda name: (list(QUICK).index(name) if name in QUICK else len(QUICK), name))


def run(name: str, arguments: list[str]) -> dict[str, Any]:
    """One benchmark's figures, or how it failed; what it prints is passed on."""
    with tempfile.TemporaryDirectory(prefix="qloop-bench-") as folder:
        out = Path(folder) / f"{name}.json"
        command = [sys.executable, str(HERE / f"{name}.py"), *arguments, "--out", str(out)]
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "QLOOP_HOME": folder}
        begun = time.perf_counter()
        try:
            done = subprocess.run(command, timeout=LIMIT_S, stderr=subprocess.PIPE, text=True, env=environment,
                                  cwd=folder)
        except subprocess.TimeoutExpired:
            return {"failed": f"it took more than {LIMIT_S:.0f} s"}
        if done.returncode or not out.is_file():
            sys.stderr.write(done.stderr)
            return {"failed": (done.stderr.strip().splitlines() or ["it wrote no results"])[-1]}
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return {**found, "arguments": arguments, "took_s": round(time.perf_counter() - begun, 1)}


def main(arguments: list[str] | None = None) -> int:
    names = benchmarks()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under five minutes instead of fifteen")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has ray and distributed installed")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--folder", type=Path, default=HERE / "results")
    wish = parser.parse_args(arguments)
    about, date = machine(), time.strftime("%Y-%m-%d", time.gmtime())
    results = {}
    for name in wish.only:
        extra = [*(QUICK if wish.quick else FULL).get(name, ()),
                 *(("--peers", str(Path(wish.peers).absolute())) if name == "overhead" else ())]
        print(f"\n== {name}", flush=True)
        results[name] = run(name, extra)
        results[name].pop("machine", None)
        if "arguments" in results[name]:
            results[name]["arguments"] = [word for word in extra if not Path(word).is_absolute()]
    stored = f"{date}-{short_name(about)}{'-quick' if wish.quick else ''}.json"
    wish.folder.mkdir(parents=True, exist_ok=True)
    lines = targets(results)
    write(wish.folder / stored, {"date": date, "quick": wish.quick, "machine": about,
                                 "load_average_after": machine()["load_average"], "targets": lines,
                                 "benchmarks": results})
    (wish.folder / "results.md").write_text(markdown(about, results, stored, wish.quick), encoding="utf-8")
    print("\n" + "\n".join(target_table(lines)))
    return int(any("failed" in found for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
