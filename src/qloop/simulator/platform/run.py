"""Runs of the extended model: one replication, by its number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.paper.workload import key_of
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform import world
from qloop.simulator.platform.compiled import Effects, kernel_for
from qloop.simulator.platform.result import AREAS, OUTAGES, Replication
from qloop.simulator.scenario import Scenario
from qloop.simulator.soundness import told
from qloop.simulator.workload.arrivals import Closed
from qloop.simulator.workload.drawn import Drawn

FIRST_ROOM = 1024       # slots at first; twice as many when they do not do
MOST_SESSIONS = 20_000_000
MOST_AREA = 2.0**62     # session-ns that certainly fit into 64 bits
BEYOND = "The run is too large for memory"


def replicate(scenario: Scenario, number: int = 0, *, log: int = 0, loop: Callable[..., Any] | None = None,
              bring: Callable[[int], tuple[Drawn, NDArray[np.int64]]] | None = None,
              room: int = FIRST_ROOM) -> Replication:
    """One replication, by its number: the same whenever, wherever and beside whatever it is run.

    `log` lines of (time ns, kind, session, QPU) are kept. `loop` takes the place of the compiled kernel. `bring(key)`
    gives sessions with their arrivals (ns, rising) in place of those that the scenario draws. If more sessions are open
    than there is `room` for, the run begins again with twice as much: it is the same run.
    """
    world.check(scenario)
    policy, on = scenario.order(), world.effects(scenario)
    key = key_of(scenario.seed, number)
    run = loop or kernel_for(policy, on)
    lanes = policy.classes * (1 if on.shared_lanes else scenario.n_qpus)
    again, slots = 1, room
    drawn, brought = load(scenario, key, again) if bring is None else given(scenario, *bring(key))
    while True:
        slots = max(1, min(slots, len(brought.times)))
        constants = world.platform(scenario, key, slots, on, lanes)
        facts, caches = world.machines(scenario.qpus)
        m = mem.memory(len(brought.times), slots, len(facts), lanes, lives=on.lives, tenants=len(scenario.tenants),
                       containers=2 * slots + 64 if on.containers else 0, users=constants.users, caches=caches, log=log)
        m.machines[:] = facts
        tables = world.tables(scenario, policy, slots)
        call(run, policy.name, m, constants, brought, tables)
        if not m.state[mem.FULL]:
            return result(scenario, number, drawn, brought, m)
        if m.state[mem.FULL] == 2:
            again *= 2
            drawn, brought = load(scenario, key, again)
        else:
            slots *= 2


def call(run: Callable[..., Any], name: str, *arrays: Any) -> None:
    """Run the kernel; InvalidInput if the policy's functions cannot be compiled, or give no number."""
    try:
        with told(name):
            run(*arrays)
    except InvalidInput:
        raise
    except Exception as error:
        if not type(error).__module__.startswith("numba."):
            raise
        said = [line for line in str(error).splitlines() if line.strip() and not line.startswith("During")]
        why = next((line for line in reversed(said) if any(word in line for word in ("rror", "ntyped", "nknown"))), "")
        raise InvalidInput(f"The policy {name} cannot be compiled", why.strip(),
                           "Its functions may use numbers, the rows, the columns' names, and `math`") from error


def given(scenario: Scenario, drawn: Drawn, at: NDArray[np.int64]) -> tuple[Drawn, mem.Work]:
    """Sessions that were drawn elsewhere."""
    return drawn, world.work(scenario, drawn, at, np.zeros(len(at), np.int64))


def load(scenario: Scenario, key: int, again: int) -> tuple[Drawn, mem.Work]:
    """The sessions of a replication; in a closed system as many as its users may bring, times `again`."""
    horizon = round(scenario.duration_s * 1e9)
    arrivals, model = scenario.arrivals, scenario.sessions
    shares = tuple(tenant.share for tenant in scenario.tenants)
    if not isinstance(arrivals, Closed):
        at = arrivals.times(key, horizon)
        drawn = model.draw(key, 0, len(at), model.load(), shares)
        return drawn, world.work(scenario, drawn, at, np.zeros(len(at), np.int64))
    rounds = 4 * again
    count = arrivals.users * rounds
    if count > MOST_SESSIONS:
        raise InvalidInput(BEYOND, f"{arrivals.users} users may bring more than {MOST_SESSIONS} sessions",
                           "Give fewer users, longer thinking, or a shorter run")
    drawn = model.draw(key, 0, count, model.load(), shares)
    return drawn, world.work(scenario, drawn, np.zeros(count, np.int64), arrivals.think_ns(key, 0, count))


def result(scenario: Scenario, number: int, drawn: Drawn, brought: mem.Work, m: mem.Memory) -> Replication:
    """The result of a run, with the parts of what was under way at its end."""
    st = m.state
    settle(m)
    came = slice(0, int(st[mem.NEXT])) if not isinstance(scenario.arrivals, Closed) else came_of(m, brought)
    table, areas = m.result[came], st[mem.AREA:].reshape(2, len(AREAS)).copy()
    if int(st[mem.WIDEST]) * scenario.duration_s * 1e9 > MOST_AREA:
        areas = m.real[mem.REAL_AREA:].reshape(2, len(AREAS)).copy()    # whole ns would not fit into 64 bits
    column = {name: table[:, place].copy() for place, name in enumerate((
        "arrival_ns", "left_ns", "outcome", "steps", "waited_ns", "served_ns", "cold_ns", "lost_ns", "classical_ns",
        "delayed_ns", "gap_ns", "colds", "epochs"))}
    expiring = (column["left_ns"] < 0) & (column["outcome"] != 0)
    column["outcome"][expiring] = 0     # its time is over, and it finishes what runs: still open
    found = Replication(
        scenario=scenario, number=number, tenant=drawn.tenant[came], size=drawn.size[came],
        priority=drawn.priority[came], iterations=drawn.iterations[came], loss=m.loss[came].copy(),
        qpus=m.duty[:, :OUTAGES + 1].copy(), areas=areas, waits=m.waits.copy(), events=int(st[mem.EVENTS]),
        widest=int(st[mem.WIDEST]), log=m.log[:int(st[mem.LOGGED])].copy(), **column)
    wrong = {what: by for what, by in found.imbalance().items() if by}
    if wrong:
        raise AssertionError(f"replication {number} of seed {scenario.seed} loses {wrong}")
    return found


def came_of(m: mem.Memory, brought: mem.Work) -> NDArray[np.int64]:
    """Of a closed system: the sessions that came, in order of their numbers."""
    left = m.result[:, mem.LEFT_AT] >= 0
    left[m.slots[open_slots(m), mem.SESSION]] = True
    return np.flatnonzero(left)


def open_slots(m: mem.Memory) -> NDArray[np.int64]:
    """The slots of open sessions."""
    free = m.slots[:int(m.state[mem.ROOM]), mem.FREE_SLOT]
    return np.setdiff1d(np.arange(len(m.slots)), free)


def settle(m: mem.Memory) -> None:
    """Add the parts of what is under way at the end to the sessions' times."""
    slots = open_slots(m)
    session, phase = m.slots[slots, mem.SESSION], m.slots[slots, mem.PHASE]
    since = m.state[mem.LAST] - m.slots[slots, mem.SINCE]
    for column, phases in ((mem.WAITED, (mem.QUEUED,)), (mem.SERVED, (mem.ON_QPU,)),
                           (mem.CLASSICAL_NS, (mem.COMPUTING, mem.IN_LINE)),
                           (mem.DELAYED_NS, (mem.SUBMITTING, mem.STARTING, mem.UP, mem.DOWN, mem.PAUSING))):
        chosen = np.isin(phase, phases)
        m.result[session[chosen], column] += since[chosen]


def wait_edges_s() -> NDArray[np.float64]:
    """The edges of the bins of `Replication.waits`, s: one more than there are bins."""
    return np.concatenate([[0.0], 1e-3 * 2.0 ** (np.arange(mem.WAIT_BINS - 1) / 8.0), [math.inf]])


__all__ = ["Effects", "replicate", "wait_edges_s"]
