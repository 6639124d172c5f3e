"""What a no-op function costs on pilots of every kind, beside the bare engines in the same run.

    python benchmarks/pilots.py --out results/pilots.json

Two workers each. First task: from nothing to its result, the engine's own start included. Round trip: one task at a
time. Tasks a second: the pilot gets a task for each worker that is free; the bare engine gets all at once, as it likes
best.
Each engine's two contestants are up together and take turns. A worker's start is that of one more on a node that is up,
a node's that of one more allocation. Memory is of all processes below this one when idle (PSS; Linux).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import machine, target, write
from pilot import descendants, memory_mib

from qloop.pilots.dask import DaskPilot
from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value, pack
from qloop.pilots.protocol import Ended, Joined, Pilot, PilotEvent
from qloop.pilots.ray import RayPilot

SIZE = 2
Figures = dict[str, float | None]


def nothing() -> None:
    """The task."""


class Piloted:
    """Two workers of a pilot, driven as the engine drives them."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot, self.workers = pilot, list[str]()
        self._serial = 0

    def until(self, kind: type[PilotEvent], count: int = 1) -> list[Any]:
        """Wait for so many events of this kind."""
        found: list[Any] = []
        while len(found) < count:
            for event in self.pilot.poll(10.0):
                if isinstance(event, Joined):
                    self.workers.append(event.worker)
                if isinstance(event, kind):
                    found.append(event)
        return found

    def give(self, worker: str) -> None:
        self._serial += 1
        self.pilot.run(worker, str(self._serial), 1, pack(nothing))

    def trip(self) -> None:
        self.give(self.workers[0])
        open_value(self.until(Ended)[0])

    def many(self, count: int) -> None:
        free, given, done = list(self.workers), 0, 0
        while done < count:
            while free and given < count:
                self.give(free.pop())
                given += 1
            for ended in self.until(Ended):
                open_value(ended)
                free.append(ended.worker)
                done += 1

    def more_workers(self) -> float:
        """Seconds until one more has joined."""
        begin = time.perf_counter()
        self.pilot.grow(1)
        self.until(Joined)
        return time.perf_counter() - begin


@contextmanager
def piloted(pilot: Pilot) -> Iterator[Piloted]:
    with ExitStack() as stack:
        stack.callback(pilot.stop)
        pilot.start(SIZE)
        made = Piloted(pilot)
        made.until(Joined, SIZE)
        yield made


class Bare:
    """An engine by itself: `submit` one call, `gather` their results."""

    def __init__(self, submit: Callable[[], Any], gather: Callable[[list[Any]], Any]) -> None:
        self._submit, self._gather = submit, gather

    def trip(self) -> None:
        self._gather([self._submit()])

    def many(self, count: int) -> None:
        self._gather([self._submit() for _ in range(count)])


@contextmanager
def bare_dask() -> Iterator[Bare]:
    library: Any = import_module("distributed")
    with (tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
          library.LocalCluster(n_workers=SIZE, threads_per_worker=1, processes=True, dashboard_address=None,
                               local_directory=folder, silence_logs=50) as cluster, library.Client(cluster) as client):
        yield Bare(lambda: client.submit(nothing, pure=False), client.gather)


@contextmanager
def bare_ray() -> Iterator[Bare]:
    """A Ray of its own: never one that runs on this machine already, and only this one is stopped."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0123456789abcdef" * 4)
    library: Any = import_module("ray")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        library.init(address="local", num_cpus=SIZE, include_dashboard=False, _temp_dir=folder, log_to_driver=False,
                     logging_level="ERROR", object_store_memory=100 * 2**20)
        try:
            remote = library.remote(nothing)
            yield Bare(remote.remote, library.get)
        finally:
            library.shutdown()


ENGINES: dict[str, tuple[str, Callable[[], Pilot], Callable[[], Any]]] = {
    "Dask": ("distributed", lambda: DaskPilot(cores=2 * SIZE, most_nodes=2), bare_dask),
    "Ray": ("ray", lambda: RayPilot(cores=2 * SIZE, most_nodes=2), bare_ray),
}


def opened(stack: ExitStack, make: Callable[[], Any]) -> tuple[Any, float, float | None]:
    """A contestant that has run its first task: itself, the seconds that took, and what it takes when idle."""
    before, begin = set(descendants(os.getpid())), time.perf_counter()
    contestant = stack.enter_context(make())
    contestant.trip()
    spent = time.perf_counter() - begin
    contestant.many(50)
    return contestant, spent, memory_mib([pid for pid in descendants(os.getpid()) if pid not in before])


def compare(makes: dict[str, Callable[[], Any]], tasks: int, rounds: int) -> dict[str, Figures]:
    """Contestants that are up together and take turns; who begins changes."""
    with ExitStack() as stack:
        up = {name: opened(stack, make) for name, make in makes.items()}
        trips: dict[str, list[float]] = {name: [] for name in up}
        rates: dict[str, list[float]] = {name: [] for name in up}
        for nth in range(rounds):
            for name in list(up) if nth % 2 else list(up)[::-1]:
                trips[name] += [timed(up[name][0].trip) for _ in range(max(2, tasks // (2 * rounds)))]
                rates[name].append(tasks // rounds / timed(lambda name=name: up[name][0].many(tasks // rounds)))
        return {name: {"first_task_s": first, "idle_mib": idle,
                       "round_trip_p50_ms": 1e3 * statistics.median(trips[name]),
                       "round_trip_p99_ms": 1e3 * statistics.quantiles(trips[name], n=100)[98],
                       "tasks_per_s": statistics.median(rates[name]), **starts(contestant)}
                for name, (contestant, first, idle) in up.items()}


def starts(contestant: Any) -> Figures:
    """How long one more worker takes: on a node that is up, and on one that has to be acquired."""
    if not isinstance(contestant, Piloted):
        return {}
    warm = [contestant.more_workers() for _ in range(SIZE)]
    found: Figures = {"worker_start_ms": 1e3 * statistics.median(warm)}
    if contestant.pilot.kind != "local":
        found["node_start_s"] = contestant.more_workers()
    return found


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def measure(tasks: int, rounds: int, kinds: list[str]) -> dict[str, Figures]:
    found = compare({"local pilot": lambda: piloted(LocalPilot())}, tasks, rounds) if "local" in kinds else {}
    for engine, (library, pilot, bare) in ENGINES.items():
        if engine.lower() not in kinds:
            continue
        if find_spec(library) is None:
            print(f"{engine} is not installed", file=sys.stderr)
            continue
        makes = {f"{engine} pilot": lambda pilot=pilot: piloted(pilot()), f"{engine} bare": bare}
        found |= compare(makes, tasks, rounds)
    return found


def targets(found: dict[str, Figures]) -> Iterator[dict[str, Any]]:
    """What issue 6 promises of pilots."""
    local = found.get("local pilot", {})
    for what, name, bound, unit, least in (
            ("first task", "first_task_s", 0.3, "s", False), ("round trip, p50", "round_trip_p50_ms", 1.0, "ms", False),
            ("tasks a second", "tasks_per_s", 3000.0, "/s", True), ("idle memory", "idle_mib", 120.0, "MiB", False),
            ("start of a worker on a warm node", "worker_start_ms", 10.0, "ms", False)):
        if local.get(name) is not None:
            yield judged(f"Local pilot: {what}", bound, local[name], unit, least)
    for engine in ENGINES:
        ours, bare = found.get(f"{engine} pilot"), found.get(f"{engine} bare")
        if ours and bare:
            yield judged(f"{engine} pilot: tasks a second, over the bare engine's", 0.8,
                         ours["tasks_per_s"] / bare["tasks_per_s"], "x", True)
            yield judged(f"{engine} pilot: round trip, p50, more than the bare engine's", 1.0,
                         ours["round_trip_p50_ms"] - bare["round_trip_p50_ms"], "ms", False)


def judged(what: str, bound: float, measured: Any, unit: str, least: bool) -> dict[str, Any]:
    missed = measured < bound if least else measured > bound
    busy = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if missed else ""
    return target(what, bound, float(measured), unit, busy, least)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=["local", "dask", "ray"], choices=["local", "dask", "ray"])
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    told = parser.parse_args()
    about = machine()
    found = measure(told.tasks, told.rounds, told.kinds)
    for name, row in found.items():
        print(f"{name:12}" + "  ".join(f"{figure} {value:.3f}" for figure, value in row.items() if value is not None))
    lines = list(targets(found))
    for line in lines:
        print(f"{line['what']:60} {line['measured']:10.3f} {line['unit']:4} {'met' if line['met'] else 'MISSED'}")
    write(told.out, {"about": about, "workers": SIZE, "tasks": told.tasks, "results": found, "targets": lines})


if __name__ == "__main__":
    main()
