"""What fair sharing costs live: a decision of the full `efaas` policy with many waiting tasks on many QPUs.

    python benchmarks/sharing.py [--waiting N] [--qpus N] [--calls N] [--out FILE.json]

Tenants of unequal weights, half of the sessions loops, while the backlog stays at `waiting`: of as many sessions with
one task each (`loops`), or of 200 sessions with many, of which any comes next (`backlogs`, the worst case: tasks were
tagged when their tenants had fewer sessions). Timed are the end of a task with the decision that follows, and a
submission, in CPU time of one thread. Target: 100 us.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import policy

TENANTS, SESSIONS = 8, 200
KINDS = ("loops", "backlogs")
TARGET_US = 100.0


class Load:
    """An engine whose QPUs are busy while `waiting` tasks wait."""

    def __init__(self, name: str, qpus: int, waiting: int, kind: str = "loops") -> None:
        self.engine = Engine(policy(name), seed=1)
        self.rng = np.random.Generator(np.random.Philox(key=3))
        self.now, self.number = 0, 0
        self.kind, self.sessions = kind, waiting + qpus if kind == "loops" else SESSIONS
        self.running: list[cmd.StartQuantum] = []
        for tenant in range(TENANTS):
            self.send(ev.TenantSet(f"tenant{tenant}", 1.0 + tenant % 3))
        for q in range(qpus):
            self.send(ev.QpuJoined(f"qpu{q}", 27, 1.5))
        for k in range(self.sessions):
            self.send(ev.SessionOpened(f"s{k}", f"tenant{k % TENANTS}", max_ttl_ns=10**18))
            if k % 2:
                self.send(ev.SessionConverged(f"s{k}"))
        for k in range(waiting + qpus):
            self.submit(k % self.sessions)

    def send(self, event: ev.Event) -> float:
        """Handle an event; returns the ns that it took."""
        begun = time.thread_time_ns()
        commands = self.engine.handle(self.now, event)
        spent = time.thread_time_ns() - begun
        self.running += [command for command in commands if isinstance(command, cmd.StartQuantum)]
        return float(spent)

    def submit(self, k: int) -> float:
        self.number += 1
        session = f"s{k}"
        return self.send(ev.QuantumSubmitted(f"{session}/{self.number}", session, 5, 4096,
                                             float(self.rng.uniform(0.5, 4.0)), 0.5))

    def step(self) -> tuple[float, float]:
        """The end of a task with the decision that follows, and a submission in its place; ns each."""
        self.now += SECOND // 4
        ended = self.running.pop(0)
        took = round(float(self.rng.uniform(0.5, 4.0)) * SECOND)
        decision = self.send(ev.QuantumEnded(ended.task, ended.attempt, ended.qpu, measured_ns=took))
        again = int(ended.task[1:].split("/")[0]) if self.kind == "loops" else int(self.rng.integers(SESSIONS))
        return decision, self.submit(again)


def measure(name: str, kind: str, qpus: int, waiting: int, calls: int) -> dict[str, float | str]:
    """Percentiles of both, us, after as many steps to warm up as tasks wait."""
    load = Load(name, qpus, waiting, kind)
    for _ in range(waiting):
        load.step()
    spent = np.array([load.step() for _ in range(calls)]) / 1e3
    found: dict[str, float | str] = {"policy": name, "kind": kind, "qpus": qpus, "waiting": waiting}
    for column, what in enumerate(("decision", "submission")):
        for share in (50, 99):
            found[f"{what}_p{share}_us"] = round(float(np.percentile(spent[:, column], share)), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--qpus", type=int, default=10)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = [measure(name, kind, options.qpus, options.waiting, options.calls) for name in ("efaas", "fifo")
            for kind in KINDS]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    print(f"target: a decision of efaas in {TARGET_US:g} us")
    if options.out:
        machine = {"python": sys.version.split()[0], "machine": platform.machine(), "processor": platform.processor()}
        targets = {"decision_us": {"value": rows[0]["decision_p50_us"], "target": TARGET_US}}
        options.out.write_text(json.dumps({"machine": machine, "rows": rows, "targets": targets}, indent=1) + "\n")


if __name__ == "__main__":
    main()
