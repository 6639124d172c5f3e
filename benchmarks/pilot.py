"""What a classical task costs on the local pilot, beside ProcessPoolExecutor in the same run.

    python benchmarks/pilot.py --out results/pilot.json

Two workers each, no-op tasks: first task (from nothing to its result), round trip of one task at a time, tasks a
second with both workers kept busy, replacing a killed worker, memory when idle (PSS: shared pages divided by their
sharers; Linux), CPU time per task of the whole family of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value, pack
from qloop.pilots.protocol import Ended, Joined, PilotEvent

SIZE = 2
Figures = dict[str, float | None]


def nothing() -> None:
    """The task."""


def ends(pilot: LocalPilot) -> list[Ended]:
    """Wait for at least one end."""
    while True:
        found = [event for event in pilot.poll(10.0) if isinstance(event, Ended)]
        if found:
            return found


def until_joined(pilot: LocalPilot, count: int) -> list[PilotEvent]:
    """Wait for so many joinings; all that was heard."""
    heard: list[PilotEvent] = []
    while sum(isinstance(event, Joined) for event in heard) < count:
        heard += pilot.poll(10.0)
    return heard


def pilot_first_task() -> float:
    begin = time.perf_counter()
    with LocalPilot() as pilot:
        pilot.start(SIZE)
        until_joined(pilot, 1)
        pilot.run(next(iter(pilot.pids())), "first", 1, pack(nothing))
        open_value(ends(pilot)[0])
        return time.perf_counter() - begin


def pilot_round_trips(pilot: LocalPilot, count: int) -> list[float]:
    worker = next(iter(pilot.pids()))
    times = []
    for nth in range(count):
        begin = time.perf_counter()
        pilot.run(worker, str(nth), 1, pack(nothing))
        open_value(ends(pilot)[0])
        times.append(time.perf_counter() - begin)
    return times


def pilot_rate(pilot: LocalPilot, count: int) -> float:
    free, given, done = list(pilot.pids()), 0, 0
    begin = time.perf_counter()
    while done < count:
        while free and given < count:
            pilot.run(free.pop(), str(given), 1, pack(nothing))
            given += 1
        for ended in ends(pilot):
            open_value(ended)
            free.append(ended.worker)
            done += 1
    return count / (time.perf_counter() - begin)


def pilot_restart(pilot: LocalPilot) -> float:
    """Kill an idle worker: the time until another has joined in its place."""
    begin = time.perf_counter()
    os.kill(next(iter(pilot.pids().values())), signal.SIGKILL)
    until_joined(pilot, 1)
    return time.perf_counter() - begin


def measure_pilot(count: int) -> Figures:
    first = [pilot_first_task() for _ in range(5)]
    with LocalPilot() as pilot:
        pilot.start(SIZE)
        until_joined(pilot, SIZE)
        idle = memory_mib(descendants(os.getpid()))
        trips = pilot_round_trips(pilot, count)
        before = time.process_time() + cpu_s(descendants(os.getpid()))
        rate = pilot_rate(pilot, count)
        spent = time.process_time() + cpu_s(descendants(os.getpid())) - before
        restarts = [pilot_restart(pilot) for _ in range(20)]
    return figures(first, trips, rate, spent / count, idle) | {"restart_p50_ms": 1e3 * statistics.median(restarts)}


def measure_executor(count: int, method: str) -> Figures:
    context = get_context(method)

    def once() -> float:
        begin = time.perf_counter()
        with ProcessPoolExecutor(SIZE, context) as pool:
            pool.submit(nothing).result()
            return time.perf_counter() - begin

    first = [once() for _ in range(5)]
    with ProcessPoolExecutor(SIZE, context) as pool:
        wait([pool.submit(nothing) for _ in range(50)])
        idle = memory_mib(descendants(os.getpid()))
        trips = [timed(lambda: pool.submit(nothing).result()) for _ in range(count)]
        before = time.process_time() + cpu_s(descendants(os.getpid()))
        rate = executor_rate(pool, count)
        spent = time.process_time() + cpu_s(descendants(os.getpid())) - before
    return figures(first, trips, rate, spent / count, idle)


def executor_rate(pool: ProcessPoolExecutor, count: int) -> float:
    """As the pilot is driven: late binding, so no more tasks under way than workers."""
    begin = time.perf_counter()
    running = {pool.submit(nothing) for _ in range(SIZE)}
    given = SIZE
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        fresh = min(len(done), count - given)
        running |= {pool.submit(nothing) for _ in range(fresh)}
        given += fresh
    return count / (time.perf_counter() - begin)


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def figures(first: list[float], trips: list[float], rate: float, cpu: float, idle: float | None) -> Figures:
    return {"first_task_s": statistics.median(first), "first_task_worst_s": max(first),
            "round_trip_p50_ms": 1e3 * statistics.median(trips),
            "round_trip_p99_ms": 1e3 * statistics.quantiles(trips, n=100)[98],
            "tasks_per_s": rate, "cpu_ms_per_task": 1e3 * cpu, "idle_mib": idle}


def descendants(pid: int) -> list[int]:
    """The processes below this one (Linux; else none)."""
    try:
        direct = [int(child) for thread in Path(f"/proc/{pid}/task").iterdir()
                  for child in (thread / "children").read_text().split()]
    except OSError:
        return []
    return [each for child in direct for each in (child, *descendants(child))]


def memory_mib(pids: list[int]) -> float | None:
    """What these processes take together."""
    if not pids:
        return None
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_s(pids: list[int]) -> float:
    """The processor time these processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    results = {"qloop local pilot": measure_pilot(told.tasks),
               "ProcessPoolExecutor (fork)": measure_executor(told.tasks, "fork"),
               "ProcessPoolExecutor (spawn)": measure_executor(told.tasks, "spawn")}
    for name, row in results.items():
        print(name)
        for figure, value in row.items():
            print(f"  {figure:20} {'-' if value is None else f'{value:12.3f}'}")
    if told.out:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
        told.out.parent.mkdir(parents=True, exist_ok=True)
        told.out.write_text(json.dumps({"machine": machine, "workers": SIZE, "tasks": told.tasks,
                                        "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
