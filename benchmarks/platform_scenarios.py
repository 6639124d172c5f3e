"""The platforms that `platform_speed.py` measures, and how: CPU seconds of the kernel, apart from drawing the sessions.

A kernel is clocked by standing in its place (`loop` of the two models' runs): what is handed on is compiled already.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qloop.policies import catalog
from qloop.simulator.paper import compiled as paper_compiled
from qloop.simulator.paper import run as paper
from qloop.simulator.paper.measurements import shipped
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.workload import draw, key_of
from qloop.simulator.platform import compiled, kernel, run, world
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.parts import (
    Classical,
    Drift,
    Lifetimes,
    QpuKind,
    Retries,
    Tenant,
    Transfer,
)
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson, Recorded
from qloop.simulator.workload.distributions import Constant, Exponential, Geometric
from qloop.simulator.workload.sessions import SessionModel

DAY_S = 86_400.0
TENANTS = (Tenant(name="a", weight=2.0), Tenant(name="b"), Tenant(name="c"))
WORK_S = 100.0      # QPU seconds of a session: 50 iterations of 2 s on average
SHOT_S = 1e-3       # of the platforms with a backlog: short, so that many events fit into 64 bits of task-ns
SETTLED_S = 1e-3    # when all their sessions wait
EVENTS_A_SHOT = 3   # a begin, an end, and the end of a classical task


class Clocked:
    """A compiled kernel that keeps the CPU seconds and the arguments of its last call; earlier calls were void."""

    def __init__(self, loop: Callable[..., Any]) -> None:
        self.loop = loop
        self.seconds = 0.0
        self.arguments: tuple[Any, ...] = ()

    def __call__(self, *arguments: Any) -> None:
        """Hand on, and look at the clock before and after."""
        self.arguments = arguments
        begun = time.process_time()
        self.loop(*arguments)
        self.seconds = time.process_time() - begun


@dataclass(frozen=True, slots=True)
class Clocking:
    """One replication: CPU seconds of all of it, of the kernel alone, the result, and the kernel's arguments."""

    all_s: float
    kernel_s: float
    found: Any
    arguments: tuple[Any, ...]


def paper_run(model: PlatformModel, number: int = 0) -> Clocking:
    """One replication of the paper's model: drawing the sessions, the kernel, and what follows it."""
    loop = Clocked(paper_compiled.kernel_for(model.order()))
    begun = time.process_time()
    key = key_of(0, number)
    found = paper.serve(model, draw(model, shipped(model.sizes), key), key, loop=loop)
    return Clocking(time.process_time() - begun, loop.seconds, found, loop.arguments)


def extended_run(scenario: Scenario, number: int = 0) -> Clocking:
    """The same of the extended model."""
    loop = Clocked(compiled.kernel_for(scenario.order(), world.effects(scenario)))
    begun = time.process_time()
    found = run.replicate(scenario, number, loop=loop)
    return Clocking(time.process_time() - begun, loop.seconds, found, loop.arguments)


def busy(load: float, *, days: float = 7.0, everything: bool = False, policy: str = "efaas") -> Scenario:
    """Three QPUs under this load (QPU seconds wanted over those there are), with three tenants of unequal weight.

    `everything`: two kinds of QPU with cold caches, calibrations, drift, outages and failures; containers, TTLs,
    transfer and retries.
    """
    sessions = SessionModel(sizes=(4, 6, 8, 10), priorities=(1,), quantum=Exponential(2.0), classical=Exponential(0.5),
                            iterations=Geometric(50.0), pre=Constant(5.0), post=Constant(1.0))
    said: dict[str, Any] = {"policy": policy, "duration_s": days * DAY_S, "warmup_s": days * DAY_S / 14.0,
                            "sessions": sessions, "arrivals": Poisson(every_s=WORK_S / (3.0 * load)),
                            "tenants": TENANTS}
    if not everything:
        return Scenario(**said, qpus=(QpuKind(count=3),), classical=Classical(workers=16))
    kind = functools.partial(QpuKind, compile_s=1.0, load_s=0.5, cache=16, calibrate_every_s=14_400.0, mtbf_s=DAY_S,
                   mttr_s=1800.0, failure=0.01, drift=Drift(sd=0.2, aging=0.01, t1_sd=0.25, tls_every_s=72_000.0))
    return Scenario(
        **said, qpus=(kind(name="old", count=2), kind(name="new", count=1, speed=1.2, error=0.8)),
        classical=Classical(workers=16, cold_start_s=2.0, keep_alive_s=300.0, failure=0.001),
        lifetimes=Lifetimes(interactive_s=300.0, max_s=28_800.0), error_per_qubit=0.01,
        transfer=Transfer(submit_s=1.0, up_s=0.25, down_s=0.25), retries=Retries(pause_s=1.0))


def backlog(policy: str, sessions: int, qpus: int, *, own_lanes: bool = False) -> Scenario:
    """`sessions` that come at time 0 and stay, until all of them have come to wait.

    All have a task that waits or runs, but for a moment after each shot. `own_lanes`: the QPUs are of two kinds, so
    that each has lanes of its own.
    """
    kinds = ((QpuKind(name="a", count=qpus - qpus // 2), QpuKind(name="b", count=qpus // 2)) if own_lanes
             else (QpuKind(count=qpus),))
    model = SessionModel(sizes=(4,), priorities=(1, 2, 4), quantum=Exponential(SHOT_S), pre=Constant(0.0),
                         classical=Exponential(SHOT_S * 1e-3), iterations=Constant(1e6), post=Constant(0.0))
    return Scenario(policy=policy, duration_s=SETTLED_S, sessions=model,
                    arrivals=Recorded(times_s=(0.0,) * sessions), qpus=kinds,
                    classical=Classical(workers=10_000_000))


@functools.cache
def going_on(policy: str, effects: compiled.Effects) -> Any:
    """The compiled part of the kernel that goes on with a run up to another horizon."""
    return compiled.specialiser(catalog.policy(policy), effects).kernel(kernel.run_part)


def steady(policy: str, sessions: int, qpus: int, events: int, rounds: int,
           *, own_lanes: bool = False) -> dict[str, Any]:
    """Kernel ns an event while so many sessions are there: the best of `rounds` stretches of about so many events.

    A stretch before them is not counted: it loads the kernel, and pays the queues' debt for the tasks that came at
    once.
    """
    scenario = backlog(policy, sessions, qpus, own_lanes=own_lanes)
    go_on, shared = going_on(policy, world.effects(scenario)), world.shared_lanes(scenario)
    m, p, work, w = extended_run(scenario).arguments
    length, spent, counts = round(events / EVENTS_A_SHOT * SHOT_S / qpus * 1e9), [], []
    for _ in range(rounds + 1):
        p, before = p._replace(horizon=p.horizon + length), int(m.state[mem.EVENTS])
        begun = time.process_time()
        go_on(m, p, work, w, 1)
        spent.append(time.process_time() - begun)
        counts.append(int(m.state[mem.EVENTS]) - before)
    each = np.array(spent[1:]) / counts[1:]
    return {"policy": policy, "shared_lanes": shared, "sessions": sessions, "qpus": qpus,
            "waiting": int(m.state[mem.WAITING]), "events": sum(counts[1:]), "ns": round(float(each.min()) * 1e9, 2),
            "median_ns": round(float(np.median(each)) * 1e9, 2), "events_per_s": round(1.0 / float(each.min()))}


def open_arrays(arguments: tuple[Any, ...]) -> dict[str, int]:
    """Bytes of the arrays that grow with the open sessions, of the arguments of an extended kernel."""
    m, _, _, w = arguments
    containers = m.pool.nbytes if len(m.pool) > 1 else 0
    return {"slots": m.slots.nbytes, "nodes": m.heap.nodes.nbytes, "keys": m.heap.keys.nbytes,
            "tasks": w.tasks.nbytes, "flows": w.flows.nbytes, "idle containers": containers}


def ever_arrays(arguments: tuple[Any, ...]) -> dict[str, int]:
    """Bytes of the arrays that grow with the sessions that ever come: what they bring, and what became of them."""
    m, _, work, _ = arguments
    return {"result": m.result.nbytes, "loss": m.loss.nbytes, "times": work.times.nbytes, "loads": work.loads.nbytes,
            "parts": work.parts.nbytes}


def integer_loop_s(rounds: int) -> float:
    """CPU seconds of a fixed loop over integers, for other machines to compare: 10^8 steps of xorshift, compiled."""
    import numba

    def steps(count: int) -> Any:
        x = np.uint64(88_172_645_463_325_252)
        for _ in range(count):
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
        return x

    return best_of(numba.njit(steps), 100_000_000, rounds=rounds)


def random_read_ns(size: int, rounds: int) -> float:
    """ns of one read at random in so many bytes, each knowing its place from the one before: what caches do not hold
    costs any program.
    """
    import numba

    def chase(after: Any, count: int) -> int:
        place = 0
        for _ in range(count):
            place = after[place]
        return place

    order = np.random.Generator(np.random.Philox(key=1)).permutation(max(size // 64, 2))
    after = np.zeros(8 * len(order), np.int64)      # one of each line of 64 bytes
    after[8 * order] = 8 * np.roll(order, -1)
    return best_of(numba.njit(chase), after, 1_000_000, rounds=rounds) * 1e3


def best_of(call: Callable[..., Any], *arguments: Any, rounds: int) -> float:
    """The least CPU seconds of some calls, after one that is not counted."""
    spent = []
    for _ in range(rounds + 1):
        begun = time.process_time()
        call(*arguments)
        spent.append(time.process_time() - begun)
    return min(spent[1:])
