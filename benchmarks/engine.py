"""What a decision costs: events a second, a decision with 100,000 waiting tasks, and whether a task's cost stays flat.

    python benchmarks/engine.py [--events N] [--waiting N] [--out FILE.json]

A platform in virtual time writes down its events; then they are replayed into fresh engines, and only
`Engine.handle` is timed. Latencies are per call. All in one process on one core, the garbage collector on.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path

import numpy as np

from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import builtin, policy

QPUS, TENANTS, LOOPS = 3, 8, 64
GAP_S, WINDOW_S = 1800.0, 30.0          # calibration: time between windows, length
POLICIES = ("efaas", "fifo", "sjf", "weighted", "lifo", "random", "easy", "fifo_swap", "reservation")
Log = list[tuple[int, ev.Event]]


class Platform:
    """A modelled platform: loops that submit, wait, think; background sessions of one task; calibrations; cancels."""

    def __init__(self, name: str, seed: int = 7, load: float = 0.25) -> None:
        self.engine = Engine(policy(name), seed=seed)
        self.rng = np.random.Generator(np.random.Philox(key=seed))
        self.log: Log = []
        self.heap: list[tuple[int, int, ev.Event | str]] = []
        self.load, self.count, self.number = load, 0, 0

    def at(self, now: int, event: ev.Event | str) -> None:
        self.number += 1
        heappush(self.heap, (now, self.number, event))

    def after(self, now: int, mean_s: float, event: ev.Event | str) -> None:
        self.at(now + 1 + int(self.rng.exponential(mean_s) * SECOND), event)

    def run(self, events: int) -> Log:
        for t in range(TENANTS):
            self.send(0, ev.TenantSet(f"tenant{t}", 1.0 + t % 3))
        for q in range(QPUS):
            first = int((q + 1) * GAP_S / QPUS) * SECOND
            self.send(0, ev.QpuJoined(f"qpu{q}", 27, 1.5, 0, first, int(GAP_S * SECOND)))
            self.at(first, ev.CalibrationDue(f"qpu{q}", int(WINDOW_S * SECOND)))
        for worker in range(2):
            self.send(0, ev.WorkerJoined(f"worker{worker}", 4))
        for k in range(LOOPS):
            self.send(0, ev.SessionOpened(f"loop{k}", f"tenant{k % TENANTS}", max_ttl_ns=10**18))
            self.after(0, 5.0, f"loop{k}")
        self.after(0, 1.0, "background")
        while len(self.log) < events:
            now, _, what = heappop(self.heap)
            if isinstance(what, str):
                self.wish(now, what)
            else:
                self.send(now, what)
        return self.log

    def wish(self, now: int, who: str) -> None:
        """A loop's next quantum task (one loop in eight: after a classical one), or a background session."""
        self.count += 1
        task = f"{who}/{self.count}"
        if who == "background":
            session = f"b{self.count}"
            self.send(now, ev.SessionOpened(session, f"tenant{self.count % TENANTS}"))
            self.submit(now, task, session, 5.0)
            self.send(now, ev.SessionClosing(session))
            if self.count % 20 == 0:
                self.after(now, 60.0, ev.TaskCancelled(task))
            self.after(now, 5.0 / (self.load * QPUS), "background")
        elif int(who[4:]) % 8 == 0:
            before = f"cpu/{self.count}"
            self.send(now, ev.ClassicalSubmitted(before, who, environment="vqe"))
            self.submit(now, task, who, 2.0, (before,))
        else:
            self.submit(now, task, who, 2.0)

    def submit(self, now: int, task: str, session: str, mean_s: float, after: tuple[str, ...] = ()) -> None:
        estimate = mean_s * float(self.rng.uniform(0.5, 1.5))
        self.send(now, ev.QuantumSubmitted(task, session, 4 + self.count % 12, 4096, estimate, 0.5, after=after))

    def send(self, now: int, event: ev.Event) -> None:
        self.log.append((now, event))
        for command in self.engine.handle(now, event):
            self.obey(now, command)

    def obey(self, now: int, command: cmd.Command) -> None:
        match command:
            case cmd.StartQuantum():
                took = int((5.0 if command.task[0] == "b" else 2.0) * self.rng.uniform(0.5, 1.5) * SECOND)
                self.at(now + took, ev.QuantumEnded(command.task, command.attempt, command.qpu, measured_ns=took))
            case cmd.StartClassical():
                took = int(self.rng.exponential(1.5) * SECOND)
                self.at(now + took, ev.ClassicalEnded(command.task, command.attempt, command.worker, measured_ns=took))
            case cmd.StartCalibration():
                again = now + command.length_ns + int(GAP_S * SECOND)
                self.at(now + command.length_ns, ev.CalibrationEnded(command.qpu, self.number, again))
                self.at(again, ev.CalibrationDue(command.qpu, command.length_ns))
            case cmd.WakeAt():
                self.at(command.at_ns, ev.Tick())
            case cmd.TaskEnded() if command.task.startswith("loop"):
                self.after(now, 1.5, command.task.split("/")[0])


def throughput(name: str, events: int, rounds: int) -> dict[str, float | str]:
    """Events a second over a recorded log: the best and the median of some rounds."""
    log = Platform(name).run(events)
    took = []
    for _ in range(rounds):
        engine = Engine(policy(name), seed=7)
        handle = engine.handle
        begun = time.process_time()
        for now, event in log:
            handle(now, event)
        took.append(time.process_time() - begun)
    return {"policy": name, "events": len(log), "events_per_s": round(len(log) / min(took)),
            "median_events_per_s": round(len(log) / float(np.median(took))),
            "us_per_event": round(min(took) / len(log) * 1e6, 2)}


def filled(name: str, waiting: int, sessions: int = 1000) -> tuple[Engine, np.ndarray]:
    """An engine whose QPUs are busy while `waiting` tasks wait, and the ns that each submission took."""
    engine = Engine(policy(name), seed=1)
    for q in range(QPUS):
        engine.handle(0, ev.QpuJoined(f"qpu{q}", 27, 1.5))
    for k in range(sessions):
        engine.handle(0, ev.SessionOpened(f"s{k}", f"tenant{k % TENANTS}", max_ttl_ns=10**18))
    spent = np.empty(waiting + QPUS)
    for k in range(waiting + QPUS):
        event = ev.QuantumSubmitted(f"s{k % sessions}/{k}", f"s{k % sessions}", 5, 4096, 1.0 + k % 7)
        begun = time.perf_counter_ns()
        engine.handle(k, event)
        spent[k] = time.perf_counter_ns() - begun
    return engine, spent


def decisions(name: str, waiting: int, calls: int) -> dict[str, float | str]:
    """The latency of an end with its decision, and of a submission, while the backlog stays at `waiting`."""
    engine, _ = filled(name, waiting)
    running = [qpu.running for qpu in engine.state.qpus]
    ends = [ev.QuantumEnded(task.id, 1, f"qpu{q}", measured_ns=SECOND) for q, task in enumerate(running) if task]
    latencies = np.empty(calls)
    now = waiting * 10
    for k in range(calls):
        now += SECOND // 10
        end = ends.pop(0)
        begun = time.perf_counter_ns()
        commands = engine.handle(now, end)
        latencies[k] = time.perf_counter_ns() - begun
        ends += [ev.QuantumEnded(c.task, c.attempt, c.qpu, measured_ns=SECOND)
                 for c in commands if isinstance(c, cmd.StartQuantum)]
        session = end.task.partition("/")[0]
        engine.handle(now, ev.QuantumSubmitted(f"{session}/n{k}", session, 5, 4096, 1.0 + k % 7))
    begun = time.perf_counter_ns()
    engine.explain(f"{session}/n{calls - 1}")
    explained = (time.perf_counter_ns() - begun) / 1e6
    begun = time.perf_counter_ns()
    engine.handle(now, ev.QpuLeft("qpu1"))
    lost = (time.perf_counter_ns() - begun) / 1e6
    return {"policy": name, "waiting": waiting, **percentiles(latencies), "explain_ms": round(explained, 1),
            "qpu_lost_ms": round(lost, 1)}


def percentiles(spent: np.ndarray) -> dict[str, float]:
    return {"p50_us": round(float(np.percentile(spent, 50)) / 1e3, 1),
            "p99_us": round(float(np.percentile(spent, 99)) / 1e3, 1), "max_us": round(float(spent.max()) / 1e3, 1)}


def buckets(spent: np.ndarray) -> dict[str, float]:
    """Median us of a task's cost by its number, up to the 10th, 100th ... task, and the ratio of last to first."""
    found, at = {}, 10
    while at <= len(spent):
        around = spent[max(0, at - max(at // 5, 5)):at]
        found[f"task {at}"] = round(float(np.median(around)) / 1e3, 2)
        at *= 10
    medians = list(found.values())
    return {**found, "last/first": round(medians[-1] / medians[0], 2)}


def growing(name: str, tasks: int) -> dict[str, float | str]:
    """Cost of a submission as the backlog grows."""
    _, spent = filled(name, tasks)
    return {"policy": name, "what": "submission, backlog grows", **buckets(spent[QPUS:])}


def one_session(name: str, tasks: int) -> dict[str, float | str]:
    """Cost of a whole task (submission and end) of one loop, one after another."""
    engine = Engine(policy(name), seed=1)
    engine.handle(0, ev.QpuJoined("qpu0", 27, 1.5))
    engine.handle(0, ev.SessionOpened("s", "t", max_ttl_ns=10**18))
    spent, now = np.empty(tasks), 0
    for k in range(tasks):
        now += SECOND
        wish = ev.QuantumSubmitted(f"s/{k}", "s", 5, 4096, 0.5)
        end = ev.QuantumEnded(f"s/{k}", 1, "qpu0", measured_ns=SECOND // 2)
        begun = time.perf_counter_ns()
        engine.handle(now, wish)
        engine.handle(now + SECOND // 2, end)
        spent[k] = time.perf_counter_ns() - begun
    return {"policy": name, "what": "task of one session", **buckets(spent)}


def table(title: str, rows: list[dict[str, float | str]]) -> Iterator[str]:
    """The rows as aligned text."""
    names = list(rows[0])
    widths = [max(len(name), *(len(f"{row[name]}") for row in rows)) for name in names]
    yield f"\n{title}"
    yield "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))
    for row in rows:
        yield "  ".join(f"{row[name]}".rjust(width) for name, width in zip(names, widths, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=200_000, help="events of a throughput round")
    parser.add_argument("--waiting", type=int, default=100_000, help="tasks in the backlog")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--policies", nargs="*", default=list(POLICIES), choices=sorted(builtin()))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    parts = {
        "Throughput": [throughput(name, options.events, options.rounds) for name in options.policies],
        "Decision with a backlog": [decisions(name, options.waiting, 3000) for name in options.policies],
        "Cost of a task, us": [part(name, options.waiting) for name in options.policies[:2]
                               for part in (growing, one_session)],
    }
    for title, rows in parts.items():
        print("\n".join(table(title, rows)))
    if options.out:
        machine = {"python": sys.version.split()[0], "system": platform.platform(), "processor": platform.processor(),
                   "machine": platform.machine(), "gc": gc.isenabled()}
        options.out.write_text(json.dumps({"machine": machine, **parts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
