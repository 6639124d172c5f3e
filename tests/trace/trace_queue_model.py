"""A small queue of QPUs, loops and background tasks that writes sound traces, for tests and for looking at figures.

Virtual time, one heap of events, all randomness from one seeded generator. Two orders: `fifo`, and `hot` (tasks of
active loops first).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from qloop.trace import schema as ev
from qloop.trace.provenance import QpuInfo, new_header
from qloop.trace.reader import Trace
from qloop.trace.recorder import Recorder

S = 1_000_000_000


@dataclass
class Plan:
    """What to simulate; times in seconds."""

    seed: int = 0
    qpus: int = 3
    loops: int = 8
    tenants: int = 3
    iterations: int = 40
    background: int = 150
    span_s: float = 400.0
    t_qpu: float = 2.0
    t_background: float = 5.0
    t_think: float = 1.5
    t_net: float = 0.2
    calibrate_every_s: float = 150.0
    calibrate_s: float = 10.0
    fail_rate: float = 0.0
    order: str = "fifo"
    workers: int = 0
    horizon_s: float = 0.0


@dataclass(order=True)
class Waiting:
    key: tuple[int, int, int]
    session: str = field(compare=False)
    k: int = field(compare=False)
    attempt: int = field(compare=False, default=1)
    class_: str = field(compare=False, default="normal")
    length: int = field(compare=False, default=0)


class Model:
    """The run; `trace()` gives what it recorded."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.names = [f"twin-{chr(97 + n)}" for n in range(plan.qpus)]
        self.recorder = Recorder(new_header(
            clock="virtual", policy=plan.order, seeds={"run": plan.seed},
            qpus=[QpuInfo(name, "twin", "made up", 27) for name in self.names], workers=plan.workers,
            horizon_ns=int(plan.horizon_s * S)))
        self.heap: list[tuple[int, int, object, tuple[object, ...]]] = []
        self.count = 0
        self.queue: list[Waiting] = []
        self.free = dict.fromkeys(self.names, True)
        self.due = dict.fromkeys(self.names, False)
        self.epoch = dict.fromkeys(self.names, 0)
        self.live = 0
        self.load()
        while self.heap:
            now, _, act, args = heapq.heappop(self.heap)
            act(now, *args)

    def at(self, t, act, *args):
        self.count += 1
        heapq.heappush(self.heap, (int(t), self.count, act, args))

    def load(self):
        p, draw = self.plan, np.random.Generator(np.random.Philox(key=self.plan.seed))
        self.draws = {}
        for n in range(p.loops):
            name, tenant = f"loop-{n}", f"tenant-{chr(97 + n % p.tenants)}"
            rng = np.random.Generator(np.random.Philox(key=(p.seed << 16) + n + 1))
            self.draws[name] = (rng.exponential(p.t_think, p.iterations), rng.gamma(8, p.t_qpu / 8, p.iterations),
                                rng.normal(0, 0.02, p.iterations), 3 + rng.uniform(0, 8))
            self.at(draw.uniform(0, p.span_s * 0.1) * S, self.open_loop, name, tenant)
        for n in range(p.background):
            name, tenant = f"bg-{n}", f"tenant-{chr(97 + int(draw.integers(p.tenants)))}"
            length = draw.exponential(p.t_background)
            self.at(draw.uniform(0, p.span_s) * S, self.open_background, name, tenant, int(length * S) + 1)
        for n, name in enumerate(self.names):
            self.at((n + 0.5) / p.qpus * p.calibrate_every_s * S, self.calibration_due, name)

    def emit(self, make, t, **fields):
        self.recorder.emit(make, t, **fields)

    def open_loop(self, now, name, tenant):
        self.live += 1
        weight = 2.0 if tenant.endswith("a") else 1.0
        self.emit(ev.SessionOpened, now, session=name, tenant=tenant, tenant_weight=weight, optimum=-1.0)
        self.think(now, name, 0)

    def open_background(self, now, name, tenant, length):
        self.live += 1
        weight = 2.0 if tenant.endswith("a") else 1.0
        self.emit(ev.SessionOpened, now, session=name, tenant=tenant, tenant_weight=weight, session_kind="background")
        self.ready(now, name, 0, length)

    def think(self, now, name, k):
        self.emit(ev.IterationBegin, now, session=name, iteration=k)
        self.emit(ev.CpuBegin, now, session=name, task=f"{name}/c{k}", worker="w", iteration=k)
        self.at(now + self.draws[name][0][k] * S, self.thought, name, k)

    def thought(self, now, name, k):
        self.emit(ev.CpuEnd, now, session=name, task=f"{name}/c{k}", worker="w", iteration=k)
        self.ready(now, name, k, int(self.draws[name][1][k] * S) + 1)

    def ready(self, now, name, k, length):
        self.emit(ev.ParamsReady, now, session=name, iteration=k, task=f"{name}/{k}")
        self.at(now + self.plan.t_net * S, self.submitted, name, k, length)

    def submitted(self, now, name, k, length):
        self.emit(ev.Submitted, now, session=name, iteration=k, task=f"{name}/{k}",
                  network_ns=int(self.plan.t_net * S))
        self.enter(now, name, k, length, 1)

    def enter(self, now, name, k, length, attempt):
        class_ = "hot" if k > 0 and self.plan.order == "hot" else "normal"
        self.count += 1
        first = 0 if class_ == "hot" else 1
        heapq.heappush(self.queue, Waiting((first, now, self.count), name, k, attempt, class_, length))
        self.serve(now)

    def serve(self, now):
        for qpu in [q for q, free in self.free.items() if free]:
            if self.due[qpu]:
                self.due[qpu], self.free[qpu] = False, False
                self.emit(ev.CalibrationBegin, now, qpu=qpu)
                self.at(now + self.plan.calibrate_s * S, self.calibrated, qpu)
            elif self.queue:
                self.start(now, qpu, heapq.heappop(self.queue))

    def start(self, now, qpu, w):
        self.free[qpu] = False
        task = {"session": w.session, "iteration": w.k, "task": f"{w.session}/{w.k}", "qpu": qpu, "attempt": w.attempt}
        self.emit(ev.Placed, now, **task, caches={"isa": w.k > 0}, cost={"wait": 0.0, "load": 0.1})
        self.emit(ev.Enqueued, now, **task, class_=w.class_)
        self.emit(ev.QpuBegin, now, **task, class_=w.class_)
        self.at(now + w.length, self.ended, qpu, w, task)

    def ended(self, now, qpu, w, task):
        self.count += 1
        luck = np.random.Generator(np.random.Philox(key=(self.plan.seed << 40) + self.count)).random()
        fails = w.attempt < 3 and luck < self.plan.fail_rate
        self.free[qpu] = True
        self.emit(ev.QpuEnd, now, **task, shots=0 if fails else 4096, epoch=self.epoch[qpu],
                  outcome="failed" if fails else "done", overhead_ns=w.length // 10, loss=0.01)
        if fails:
            where = {name: task[name] for name in ("session", "iteration", "task", "attempt")}
            self.emit(ev.TaskFailed, now, **where, reason="made up", final=False)
            self.enter(now, w.session, w.k, w.length, w.attempt + 1)
        else:
            self.at(now + self.plan.t_net * S, self.result, w, task)
        self.serve(now)

    def result(self, now, w, task):
        exact, noisy = self.energy(w.session, w.k)
        self.emit(ev.Result, now, **task, shots=4096, epoch=self.epoch[task["qpu"]], values=(noisy,),
                  noiseless=(exact,), network_ns=int(self.plan.t_net * S))
        if w.session.startswith("loop"):
            self.emit(ev.IterationEnd, now, session=w.session, iteration=w.k, energy=noisy, noiseless=exact)
            if w.k + 1 < self.plan.iterations:
                self.think(now, w.session, w.k + 1)
                return
        self.live -= 1
        self.emit(ev.SessionClosed, now, session=w.session)

    def energy(self, name, k):
        if not name.startswith("loop"):
            return None, 0.0
        exact = float(-1.0 + np.exp(-k / self.draws[name][3]))
        return exact, exact + float(self.draws[name][2][k])

    def calibration_due(self, now, qpu):
        if self.live or now < self.plan.span_s * S:
            self.due[qpu] = True
            self.serve(now)
            self.at(now + self.plan.calibrate_every_s * S, self.calibration_due, qpu)

    def calibrated(self, now, qpu):
        self.epoch[qpu] += 1
        self.free[qpu] = True
        self.emit(ev.CalibrationEnd, now, qpu=qpu, epoch=self.epoch[qpu])
        self.serve(now)


def simulate(**plan: object) -> Trace:
    """The trace of one run of the model."""
    return Model(Plan(**plan)).recorder.trace()
