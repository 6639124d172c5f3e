"""The round trip of one small task through ProcessPoolExecutor, Ray and Dask, each with one worker of its own.

    python benchmarks/peers.py [--calls N]

Prints JSON. It needs no qloop, so that it also runs in an environment of its own that has Ray and Dask; what is not
installed is skipped and says so. The task sums 32 floats, about what a quantum task sends and gets.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

THETA = [0.1 * k for k in range(32)]
EXPECTED = sum(THETA)
Trip = Callable[[], float]


@contextmanager
def process_pool(folder: str) -> Iterator[Trip]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        yield lambda: pool.submit(sum, THETA).result()


@contextmanager
def ray(folder: str) -> Iterator[Trip]:
    """A cluster of its own: never one that runs on this machine already, and only this one is stopped."""
    import ray as library

    library.init(address="local", num_cpus=1, include_dashboard=False, _temp_dir=folder, log_to_driver=False,
                 logging_level="ERROR", object_store_memory=100 * 2**20)
    try:
        task = library.remote(lambda theta: sum(theta))
        yield lambda: library.get(task.remote(THETA))
    finally:
        library.shutdown()


@contextmanager
def dask(folder: str) -> Iterator[Trip]:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None,
                      local_directory=folder, silence_logs=50) as cluster, Client(cluster) as client:
        yield lambda: client.submit(sum, THETA, pure=False).result()


PEERS = {"ProcessPoolExecutor": (process_pool, None), "Ray task": (ray, "ray"), "Dask task": (dask, "distributed")}


def round_trips(trip: Trip, calls: int, warm_up: int = 20) -> dict[str, float]:
    """Percentiles in microseconds."""
    spent = []
    for _ in range(warm_up + calls):
        begun = time.perf_counter_ns()
        answer = trip()
        spent.append((time.perf_counter_ns() - begun) / 1e3)
        if answer != EXPECTED:
            raise SystemExit(f"The answer is {answer} and not {EXPECTED}")
    ranked = sorted(spent[warm_up:])
    at = {f"p{p}_us": round(ranked[min(len(ranked) - 1, len(ranked) * p // 100)], 2) for p in (10, 50, 90, 99)}
    return {**at, "max_us": round(ranked[-1], 2), "calls": calls}


def measured(name: str, calls: int) -> dict[str, Any]:
    """One peer's figures, or why there are none."""
    start, package = PEERS[name]
    try:
        version = metadata.version(package) if package else sys.version.split()[0]
    except metadata.PackageNotFoundError:
        return {"skipped": f"{package} is not installed for {Path(sys.executable).name}"}
    with tempfile.TemporaryDirectory(prefix="qb", ignore_cleanup_errors=True) as folder:
        os.environ["HOME"] = folder
        try:
            with start(folder) as trip:
                return {"version": version, **round_trips(trip, calls)}
        except (OSError, RuntimeError, ImportError, ValueError) as error:
            return {"skipped": f"{type(error).__name__}: {error}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=list(PEERS), default=list(PEERS))
    wish = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    print(json.dumps({name: measured(name, wish.calls) for name in wish.only}))


if __name__ == "__main__":
    main()
