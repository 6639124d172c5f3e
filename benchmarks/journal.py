"""What the journal costs: the latency of one acknowledged result, alone and shared, and whether it stays flat.

    python benchmarks/journal.py [--rows N] [--out FILE.json]

Each line is measured on a fresh journal in a temporary folder (TMPDIR says where, and so on which disk).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from qloop.runtime.journal.opening import open_journal
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import ResultRow, Run, SessionRow, TaskRow, TaskState

PERCENTILES = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "p99_9_us": 99.9}


def row(nth: int, session: str = "s0") -> ResultRow:
    """A result like those of a VQE: the digest of a key, one float64 packed in nine bytes."""
    return ResultRow(hashlib.sha256(nth.to_bytes(8, "little")).digest(), session, f"task-{nth:012d}", 1, "exact", 0,
                     1000, "qulacs-0.6.13/1t", b"\xcb" + bytes(8), nth)


def opened(path: Path | None, durability: str, sessions: int = 1) -> Store:
    """A journal with a run and its sessions."""
    store = open_journal(path, durability)  # type: ignore[arg-type]
    store.begin_run(Run("r", "benchmark", 0, 1, "real", "0"))
    for nth in range(sessions):
        store.put_session(SessionRow(f"s{nth}", "r", "tenant", "vqe", nth))
    return store


def put(store: Store, rows: list[ResultRow]) -> np.ndarray:
    """Nanoseconds of each call, in order."""
    clock, spent = time.perf_counter_ns, np.empty(len(rows))
    for nth, one in enumerate(rows):
        begun = clock()
        store.put_result(one)
        spent[nth] = clock() - begun
    return spent


def figures(spent: np.ndarray) -> dict[str, float]:
    """Percentiles and mean in microseconds."""
    found = {name: float(np.percentile(spent, at)) / 1e3 for name, at in PERCENTILES.items()}
    return {**found, "max_us": float(spent.max()) / 1e3, "mean_us": float(spent.mean()) / 1e3}


def alone(folder: Path, durability: str, rows: int) -> dict[str, float]:
    """One thread that writes without a pause."""
    store = opened(folder / "journal.sqlite" if durability != "none" else None, durability if folder else "process")
    found = figures(put(store, [row(nth) for nth in range(rows)]))
    store.flush()
    found["bytes_per_row"] = store.stats().bytes / rows
    store.close()
    return found


def paced(folder: Path, rows: int, think_s: float = 0.001) -> dict[str, float]:
    """One loop that thinks between its results: checkpoints fall into the pauses."""
    store, spent = opened(folder / "journal.sqlite", "process"), np.empty(rows)
    for nth in range(rows):
        time.sleep(think_s)
        spent[nth] = put(store, [row(nth)])[0]
    store.close()
    return figures(spent)


def shared(folder: Path, durability: str, rows: int, threads: int) -> dict[str, float]:
    """Threads that write without a pause, each to its own session."""
    store = opened(folder / "journal.sqlite", durability, threads)
    parts = [[row(nth * threads + lane, f"s{lane}") for nth in range(rows // threads)] for lane in range(threads)]
    spent: list[np.ndarray] = []
    workers = [threading.Thread(target=lambda part=part: spent.append(put(store, part))) for part in parts]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    wall = time.perf_counter() - begun
    stats = store.stats()
    store.close()
    return {**figures(np.concatenate(spent)), "per_s": rows / wall, "rows_per_commit": stats.operations / stats.commits}


def flatness(folder: Path, rows: int) -> dict[str, float]:
    """The median cost around the 10th, and before the last row; the whole is one session."""
    store = opened(folder / "journal.sqlite", "process")
    spent = put(store, [row(nth) for nth in range(rows)]) / 1e3
    store.close()
    return {"median_us_rows_10_to_1000": float(np.median(spent[10:1000])),
            "median_us_last_1000": float(np.median(spent[-1000:])),
            **{f"mean_us_decile_{nth + 1}": float(part.mean()) for nth, part in enumerate(np.array_split(spent, 10))}}


def task_cycle(folder: Path, rows: int) -> dict[str, float]:
    """put_task, lease and finish of one task, three transactions, as one figure."""
    store, spent = opened(folder / "journal.sqlite", "process"), np.empty(rows)
    for nth in range(rows):
        begun = time.perf_counter_ns()
        store.put_task(TaskRow(f"t{nth}", "s0", "vqe", b"body"))
        store.finish(f"t{nth}", store.lease(f"t{nth}", "w", nth, nth + 10) or 0, TaskState.DONE, b"", nth + 1)
        spent[nth] = time.perf_counter_ns() - begun
    store.close()
    return figures(spent)


def measure(rows: int) -> dict[str, dict[str, float]]:
    """Every figure by name."""
    few = max(rows // 20, 100)
    wishes = {
        "alone, memory": lambda folder: alone(folder, "none", rows),
        "alone, process": lambda folder: alone(folder, "process", rows),
        "alone, power": lambda folder: alone(folder, "power", few),
        "1 ms between, process": lambda folder: paced(folder, few),
        "8 threads, process": lambda folder: shared(folder, "process", rows, 8),
        "8 threads, power": lambda folder: shared(folder, "power", few, 8),
        "64 threads, power": lambda folder: shared(folder, "power", 4 * few, 64),
        "task cycle, process": lambda folder: task_cycle(folder, few),
        "flatness, process": lambda folder: flatness(folder, rows),
    }
    found = {}
    for name, wish in wishes.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = wish(Path(folder))
        print(f"{name:24}" + "  ".join(f"{key} {value:.1f}" for key, value in found[name].items()), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    wish = parser.parse_args()
    found = measure(wish.rows)
    if wish.out:
        about = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "machine": platform.machine(),
                 "rows": wish.rows}
        wish.out.write_text(json.dumps({"about": about, "figures": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
