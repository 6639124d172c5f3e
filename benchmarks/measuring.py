"""How the benchmarks measure: all contestants take turns in one run, so that a busy machine is fair to all.

Times are nanoseconds of `time.perf_counter_ns`, if nothing else is said. The machine is described with every result,
and a *control*, a loop that only counts, shows how long the machine itself keeps a thread waiting.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], object]
Times = NDArray[np.int64]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "QULACS_NUM_THREADS", "RAYON_NUM_THREADS")
LIBRARIES = ("qloop", "numpy", "scipy", "msgspec", "qiskit", "qiskit-aer", "qiskit-algorithms", "qiskit-ibm-runtime",
             "qulacs", "numba")


def one_thread() -> None:
    """Every library on one thread; call it before they are imported."""
    os.environ.update(dict.fromkeys(THREADS, "1"))


def in_turns(calls: Mapping[str, Call], *, rounds: int, seconds: float = float("inf"), warm_up: int = 3,
             before: Callable[[], object] | None = None, in_a_row: int = 1,
             clock: Callable[[], int] = time.perf_counter_ns) -> dict[str, Times]:
    """Nanoseconds of each call: up to `rounds` rounds, fewer (but three) once `seconds` are over.

    `before` is called at the head of each round, untimed: new parameters for everybody. Of the calls that one makes
    `in_a_row` only the last is timed: with two, nobody pays for the caches that another left cold. Who begins changes
    from round to round.
    """
    order = list(calls.items())
    spent: dict[str, list[int]] = {name: [] for name in calls}
    begun, done = time.perf_counter(), -warm_up
    while done < rounds and (done < 3 or time.perf_counter() - begun < seconds):
        if before is not None:
            before()
        for name, call in (*order[done % len(order):], *order[:done % len(order)]):
            for _ in range(in_a_row - 1):
                call()
            start = clock()
            call()
            stop = clock()
            if done >= 0:
                spent[name].append(stop - start)
        done += 1
        if done == 0:
            begun = time.perf_counter()
    return {name: np.array(times, dtype=np.int64) for name, times in spent.items()}


def figures(times: NDArray[np.int64] | NDArray[np.floating[Any]]) -> dict[str, float]:
    """Percentiles in microseconds, and how many calls they stand for; p10 is what a quiet moment shows."""
    found = {f"p{at}_us": round(float(np.percentile(times, at)) / 1e3, 2) for at in (10, 50, 90, 99)}
    return {**found, "max_us": round(float(np.max(times)) / 1e3, 2), "calls": int(times.size)}


def counting(microseconds: float) -> Call:
    """The control: a call that counts for about so long and does nothing else."""
    numbers = range(20_000)
    start = time.perf_counter_ns()
    sum(numbers)
    each = (time.perf_counter_ns() - start) / len(numbers) / 1e3
    length = range(max(1, int(microseconds / each)))
    return lambda: sum(length)


def processor() -> str:
    """The CPU's model, as the system calls it."""
    about = Path("/proc/cpuinfo")
    if about.is_file():
        for line in about.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of the libraries that take part, those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Where this is measured, and how busy it is now."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": processor(), "cores": os.cpu_count(), "usable_cores": usable,
            "system": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
            "python": sys.version.split()[0], "versions": versions(),
            "load_average": [round(load, 2) for load in os.getloadavg()]}


def short_name(about: Mapping[str, Any]) -> str:
    """The machine in a file's name: `xeon-8481c-2-cores`."""
    left_out = r"\(R\)|\(TM\)|CPU|Processor|Intel|AMD|\d+-Core|@.*"
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(left_out, " ", str(about["processor"])).lower()).strip("-")
    return f"{words or 'unknown'}-{about['cores']}-cores"


def target(what: str, bound: float, measured: float, unit: str, why: str = "", least: bool = False) -> dict[str, Any]:
    """One line of the results: a bound (at most, or at least) and what was measured; `why` explains a miss."""
    met = measured >= bound if least else measured <= bound
    return {"what": what, "bound": bound, "least": least, "measured": round(float(measured), 3), "unit": unit,
            "met": bool(met), "why": "" if met else why}


def write(path: Path | None, results: Mapping[str, Any]) -> None:
    """As JSON, if a file is wished for."""
    if path is not None:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
