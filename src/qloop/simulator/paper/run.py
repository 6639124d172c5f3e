"""Runs of the paper's model: one replication, many, and what they say with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.policies import columns as c
from qloop.simulator.analysis.statistics import mean_and_half
from qloop.simulator.paper import memory as mem
from qloop.simulator.paper.compiled import kernel_for
from qloop.simulator.paper.measurements import Measured, shipped
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.workload import Sessions, draw, key_of
from qloop.simulator.soundness import told
from qloop.simulator.tables import World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
FIRST_ROOM = 1024       # slots at first; twice as many when they do not do


@dataclass(frozen=True, slots=True)
class Replication:
    """One run: what became of each session, and integrals over time.

    `end_ns` is -1 for a refused session and -2 for one unfinished at the horizon. `waited_ns` and `served_ns` are the
    times that a session's quantum tasks waited and ran. `areas` has the rows warm-up and after, and the columns active
    classical tasks, waiting, running quantum tasks, and busy workers, in task-ns.
    """

    model: PlatformModel
    sessions: Sessions
    end_ns: Ints
    waited_ns: Ints
    served_ns: Ints
    areas: Ints
    open: Ints
    events: int
    widest: int
    log: Ints

    @property
    def horizon_ns(self) -> int:
        """When the run ended."""
        return round(self.model.duration_s * 1e9)

    @property
    def warm_ns(self) -> int:
        """When the warm-up ended."""
        return round(self.model.warmup_s * 1e9)

    def counted(self) -> NDArray[np.bool_]:
        """The arrivals that count for the drop probability."""
        if self.model.counting == "compatible":
            return np.ones(len(self.end_ns), np.bool_)
        return self.sessions.arrival_ns >= self.warm_ns

    def measured(self) -> NDArray[np.bool_]:
        """The finished sessions whose execution time counts."""
        since = self.end_ns if self.model.counting == "compatible" else self.sessions.arrival_ns
        return (self.end_ns >= 0) & (since >= self.warm_ns)

    def drop(self) -> float:
        """The part of the sessions that was refused."""
        counted = self.counted()
        return float((self.end_ns[counted] == mem.REFUSED).mean()) if counted.any() else float("nan")

    def censored(self) -> int:
        """How many admitted sessions that count were unfinished at the horizon."""
        return int((self.end_ns[self.counted()] == mem.UNFINISHED).sum())

    def times_s(self) -> Floats:
        """Execution times, arrival to completion, in s."""
        chosen = self.measured()
        return np.asarray((self.end_ns[chosen] - self.sessions.arrival_ns[chosen]) * 1e-9, np.float64)

    def mean_active(self) -> Floats:
        """Time averages after the warm-up: classical tasks, waiting, running quantum tasks, busy workers."""
        return np.asarray(self.areas[1] / (self.horizon_ns - self.warm_ns), np.float64)

    def imbalance(self) -> dict[str, int]:
        """What must be zero in every run, in ns or sessions, exactly.

        `time`: Little's law on this path: the integral of the open sessions is the sum of their times in the system.
        `waiting`, `running`: the same for quantum tasks (the parts of open tasks included).
        `sessions`: arrivals are refused, finished or open.
        """
        came, horizon = self.sessions.arrival_ns, self.horizon_ns
        inside = np.where(self.end_ns == mem.REFUSED, 0,
                          np.where(self.end_ns < 0, horizon, self.end_ns) - came).sum()
        area = self.areas.sum(axis=0)
        finished = int((self.end_ns >= 0).sum() + (self.end_ns == mem.REFUSED).sum())
        return {
            "time": int(area[:3].sum() - inside),
            "waiting": int(area[1] - self.waited_ns.sum()),
            "running": int(area[2] - self.served_ns.sum()),
            "sessions": len(came) - finished - int(self.open.sum()),
        }


def serve(model: PlatformModel, sessions: Sessions, key: int = 0, *, log: int = 0,
          loop: Callable[..., Any] | None = None) -> Replication:
    """Let these sessions meet the platform; `log` lines of (time ns, kind, session, QPU) are kept.

    `loop` is the compiled kernel of the model's policy unless another is handed in. If more sessions are open than
    there are slots, the run begins again with twice as many: it is the same run.
    """
    policy = model.order()
    if policy.classes > mem.LANES_LIMIT:
        raise InvalidInput(f"The policy {policy.name} has {policy.classes} lanes", "",
                           f"The platform model takes at most {mem.LANES_LIMIT}")
    run = loop or kernel_for(policy)
    warm, horizon = round(model.warmup_s * 1e9), round(model.duration_s * 1e9)
    sessions = sessions.before(horizon)
    full_speed = 1e9 / model.capacity
    work = mem.Work(
        np.stack([sessions.arrival_ns, sessions.quantum_ns, sessions.iterations], axis=1),
        np.stack([sessions.pre * full_speed, sessions.cost * full_speed, sessions.post * full_speed,
                  sessions.priority, sessions.size], axis=1))
    n = len(sessions.arrival_ns)
    most = min(model.max_classical + model.max_quantum + model.qpus + 2, n)
    slots = max(1, min(most, FIRST_ROOM))
    while True:
        m = mem.memory(n, slots, model.qpus, policy.classes, log)
        constants = mem.platform(model.workers, model.max_classical, model.max_quantum, model.admission == "paper", key,
                                 slots, model.qpus, policy.classes)
        world = mem.world(policy, slots, model.qpus, model.workers)
        with told(policy.name):
            run(m, constants, work, world, warm, horizon)
        if world.totals[c.WAKE] < c.INF:
            raise InvalidInput(f"The policy {policy.name} wishes to be asked again later", "The paper's model has no "
                               "such event", "Simulate it in a qloop.Scenario, which has")
        if not m.state[mem.FULL]:
            return _result(model, sessions, m, world)
        slots = min(2 * slots, most)


def _result(model: PlatformModel, sessions: Sessions, m: mem.Memory, world: World) -> Replication:
    """The result of a run, with the parts of what was under way at its end."""
    widest, horizon = int(m.state[mem.WIDEST]), round(model.duration_s * 1e9)
    if widest * model.duration_s * 1e9 > 2**62:
        raise InvalidInput(f"{widest} sessions were open in a run of {model.duration_s:g} s",
                           "Their times would not fit into 64 bits", "Give a shorter run or lower bounds")
    waited, served = m.result[:, mem.WAITED].copy(), m.result[:, mem.SERVED].copy()
    stack = m.slots[:int(m.state[mem.ROOM]), mem.STACK]
    inside = np.setdiff1d(np.arange(len(m.slots)), stack)
    task, slot = world.tasks[inside], m.slots[inside]
    under_way = (task[:, c.SEQ] >= 0.0) & (task[:, c.MEASURED] < 0.0)
    waits = under_way & (task[:, c.STARTED_AT] < 0.0)
    waited[slot[waits, mem.SESSION]] += horizon - slot[waits, mem.READY]
    runs = under_way & ~waits
    served[slot[runs, mem.SESSION]] += horizon - slot[runs, mem.BEGAN]
    areas = m.state[mem.AREA:mem.AREA + 2 * mem.AREAS].reshape(2, mem.AREAS).copy()
    now = m.state[[mem.CLASSICAL, mem.WAITING, mem.RUNNING]].copy()
    return Replication(model, sessions, m.result[:, mem.DONE].copy(), waited, served, areas, now,
                       int(m.state[mem.EVENTS]), widest, m.log[:int(m.state[mem.LOGGED])].copy())


def replicate(model: PlatformModel, replication: int = 0, seed: int = 0,
              measured: Mapping[int, Measured] | None = None) -> Replication:
    """One replication, by its number: the same whenever, wherever and beside whatever it is run."""
    key = key_of(seed, replication)
    return serve(model, draw(model, measured or shipped(model.sizes), key), key)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with half of its 95 % interval (Student's t over replications)."""

    mean: float
    half: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Many replications: one row each, and the execution times of all of them pooled (s, size, priority)."""

    model: PlatformModel
    drops: Floats
    active: Floats
    censored: Ints
    times_s: Floats
    size: Ints
    priority: Ints
    replication: Ints

    def drop(self) -> Estimate:
        """Drop probability."""
        return estimate(self.drops)

    def classical_tasks(self) -> Estimate:
        """Active classical tasks, averaged over time."""
        return estimate(self.active[:, 0])

    def quantum_tasks(self) -> Estimate:
        """Quantum tasks, waiting and running, averaged over time."""
        return estimate(self.active[:, 1] + self.active[:, 2])

    def mean_time(self) -> Estimate:
        """Mean of the pooled execution times in s, with the interval of ten groups of replications."""
        groups = self.replication % min(10, len(self.drops))
        parts = [self.times_s[groups == g].mean() for g in np.unique(groups)]
        return Estimate(float(self.times_s.mean()), estimate(np.array(parts)).half)

    def quantile(self, share: float, *, size: int | None = None, priority: int | None = None) -> Estimate:
        """A quantile of the pooled execution times in s, optionally of one size or priority.

        The interval is that of the same quantile in ten groups of replications.
        """
        chosen = np.ones(len(self.times_s), np.bool_)
        if size is not None:
            chosen &= self.size == size
        if priority is not None:
            chosen &= self.priority == priority
        times, groups = self.times_s[chosen], self.replication[chosen] % min(10, len(self.drops))
        parts = [np.quantile(times[groups == g], share) for g in np.unique(groups)]
        pooled = float(np.quantile(times, share)) if len(times) else float("nan")
        return Estimate(pooled, estimate(np.array(parts)).half)


def estimate(values: Floats) -> Estimate:
    """The mean of independent values; half is nan for fewer than two."""
    return Estimate(*mean_and_half(values))


def run(model: PlatformModel, replications: int = 100, seed: int = 0, *, first: int = 0,
        executor: Executor | None = None) -> Outcome:
    """Replications first, first + 1, ... of a model, pooled; an executor spreads them and changes nothing."""
    if replications < 1:
        raise InvalidInput(f"{replications} replications were asked for", "", "Give at least 1")
    measured = shipped(model.sizes)
    one = partial(_summary, model, seed, dict(measured))
    numbers = range(first, first + replications)
    rows = list(executor.map(one, numbers, chunksize=4) if executor else map(one, numbers))
    drops, active, censored, times, size, priority = zip(*rows, strict=True)
    lengths = [len(part) for part in times]
    return Outcome(model, np.array(drops), np.array(active), np.array(censored), np.concatenate(times),
                   np.concatenate(size), np.concatenate(priority), np.repeat(np.array(numbers), lengths))


def _summary(model: PlatformModel, seed: int, measured: Mapping[int, Measured], replication: int) -> tuple[Any, ...]:
    """What pooling needs of one replication; raises AssertionError if time or sessions are not conserved."""
    found = replicate(model, replication, seed, measured)
    wrong = {what: by for what, by in found.imbalance().items() if by}
    if wrong:
        raise AssertionError(f"replication {replication} of seed {seed} loses {wrong}")
    chosen = found.measured()
    return (found.drop(), found.mean_active(), found.censored(), found.times_s(), found.sessions.size[chosen],
            found.sessions.priority[chosen])
