"""What `platform_speed.py` measures in processes of their own: how a model starts, and the memory of a session."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

HERE = Path(__file__).resolve().parent
# programs that run one replication, as short as a kernel's first call may be
STARTS = MappingProxyType({
    "paper, fifo": "from qloop.simulator.paper.model import small\n"
                   "from qloop.simulator.paper.run import replicate\n"
                   "replicate(small('fifo'))\n",
    "extended, efaas": "from platform_scenarios import busy, run\nrun.replicate(busy(0.8))\n",
    "extended, everything on": "from platform_scenarios import busy, run\nrun.replicate(busy(0.8, everything=True))\n",
})
MEMORY = """
import json, sys
from platform_scenarios import backlog, ever_arrays, extended_run, open_arrays
from platform_starts import peak
sessions = int(sys.argv[1])
extended_run(backlog("efaas", 10, 3))
before = peak()
one = extended_run(backlog("efaas", sessions, 3))
after = peak()
print(json.dumps({"sessions": sessions, "widest": one.found.widest, "slots": len(one.arguments[0].slots),
                  "open": open_arrays(one.arguments), "ever": ever_arrays(one.arguments),
                  "peak_growth": after - before}))
"""


def peak() -> int:
    """Bytes that this process took at most; Linux's ru_maxrss begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def child(program: str, *arguments: str, cache: Path | None = None) -> tuple[str, dict[str, float]]:
    """Run a program in a fresh interpreter; returns what it printed, and its seconds of wall and of CPU."""
    before = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *([before] if before else [])])}
    if cache is not None:
        environment["QLOOP_CACHE_DIR"] = str(cache)
    spent, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False,
                          env=environment)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"a program of its own failed: {done.stderr.strip().splitlines()[-1:]}")
    cpu = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    return done.stdout, {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}


def start(name: str, rounds: int) -> dict[str, Any]:
    """The first start with no compiled kernel on disk, and the best of some further ones."""
    program = STARTS[name]
    with tempfile.TemporaryDirectory(prefix="qloop-kernels-") as folder:
        cache = Path(folder)
        first = child(program, cache=cache)[1]
        later = [child(program, cache=cache)[1] for _ in range(rounds)]
    again = {key: min(one[key] for one in later) for key in first}
    return {"what": name, "first": first, "second": again, "bare interpreter": bare(rounds)}


def bare(rounds: int) -> dict[str, float]:
    """What importing numpy and Numba alone costs: the part of a start that is not ours."""
    spent = [child("import numpy, numba")[1] for _ in range(rounds)]
    return {key: min(one[key] for one in spent) for key in spent[0]}


def memory(sessions: int) -> dict[str, Any]:
    """Bytes of an open session with so many of them waiting: of the kernel's arrays, and of the process at its peak."""
    found: dict[str, Any] = json.loads(child(MEMORY, str(sessions))[0])
    return {**found, "bytes_each": total(found["open"]) / found["widest"],
            "bytes_a_slot": total(found["open"]) / found["slots"],
            "ever_bytes_each": total(found["ever"]) / sessions, "peak_bytes_each": found["peak_growth"] / sessions}


def total(arrays: Mapping[str, int]) -> int:
    """The bytes of some arrays."""
    return sum(arrays.values())
