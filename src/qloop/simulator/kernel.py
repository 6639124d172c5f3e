"""The event kernel: a platform in virtual time, compiled, deciding by the same functions as the engine.

Events are ordered by (time, kind, entity). After each one the QPUs are offered work, as the engine does, so that both
agree event by event; `tests/seam` holds them to it.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from qloop.model.limits import NEVER
from qloop.policies import columns as c
from qloop.policies.bind import bind, first_to_take, may_take
from qloop.policies.draws import ENTER, PICK, uniform
from qloop.policies.ledger import dequeue, enqueue, finished, note_ready, set_key, started
from qloop.policies.record import Policy
from qloop.simulator.compile import Compiler
from qloop.simulator.script import Script

FINISH, CALIBRATED, DUE, CANCEL, READY = 0, 1, 2, 3, 4      # kinds of events, in order at one time
START = 5                                                   # further kinds in the log
BOUND, BUSY, CLASS, EPOCH, FREE_AT, KEY = c.BOUND, c.BUSY, c.CLASS, c.EPOCH, c.FREE_AT, c.KEY
MEASURED, ONLINE, OPEN, SEQ, STARTED_AT, WINDOW_AT = c.MEASURED, c.ONLINE, c.OPEN, c.SEQ, c.STARTED_AT, c.WINDOW_AT
SCAN, SCAN_LIMIT, INF = c.SCAN, c.SCAN_LIMIT, c.INF


def lane_of(p: Any, task: Any) -> int:
    """The lane in which a task waits."""
    return int(task[CLASS]) if p.shared else int(task[BOUND]) * p.classes + int(task[CLASS])


def head(p: Any, tasks: Any, lanes: Any, lane: int) -> int:
    """The first task of a lane, -1 if it is empty."""
    heap = lanes[lane]
    while len(heap) > 0:
        _, seq, i = heap[0]
        if tasks[i][SEQ] == seq and tasks[i][STARTED_AT] < 0.0 and lane_of(p, tasks[i]) == lane:
            return int(i)
        heappop(heap)
    return -1


def first_entries(p: Any, tasks: Any, lanes: Any, lane: int) -> Any:
    """The first tasks of a lane, at most SCAN_LIMIT, in order; the lane is left as it was."""
    taken = [(0.0, 0, 0) for _ in range(0)]
    found = np.empty(SCAN_LIMIT, np.int64)
    count = 0
    while count < SCAN_LIMIT:
        i = head(p, tasks, lanes, lane)
        if i < 0:
            break
        entry = heappop(lanes[lane])
        if count == 0 or found[count - 1] != i:
            found[count] = i
            count += 1
        taken.append(entry)
    for entry in taken:
        heappush(lanes[lane], entry)
    return found[:count]


def place(p: Any, world: Any, lanes: Any, homeless: Any, i: int, t: float) -> None:
    """Bind the task and put it into its lane."""
    tasks, flows, qpus, totals = world
    bound = -1
    if not p.shared:
        bound = bind(p.place, tasks, flows, qpus, totals, i, t)
        if bound < 0:
            bound = c.HOMELESS
    enqueue(tasks, qpus, totals, i, bound)
    if bound == c.HOMELESS:
        homeless[i] = 1
    else:
        heappush(lanes[lane_of(p, tasks[i])], (tasks[i][KEY], int(tasks[i][SEQ]), i))


def ready(p: Any, world: Any, lanes: Any, homeless: Any, i: int, t: float, seed: int) -> None:
    """A task becomes ready."""
    tasks, flows, qpus, totals = world
    note_ready(tasks, flows, i, t)
    u = uniform(seed, ENTER, int(tasks[i][SEQ])) if p.enter_draws else 0.0
    set_key(tasks, i, p.enter(tasks, flows, qpus, totals, i, t, u))
    place(p, world, lanes, homeless, i, t)


def leave(p: Any, world: Any, i: int, q: int, t: float, useful: bool) -> None:
    """A task leaves its QPU, or its lane (q = -1)."""
    tasks, flows, qpus, totals = world
    finished(tasks, flows, qpus, totals, i, q, t, useful)
    p.finish(tasks, flows, qpus, totals, i, q, t)


def replace(p: Any, world: Any, lanes: Any, homeless: Any, q: int, t: float) -> None:
    """Bind again what waits for QPU q and what waits for any QPU at all, in order of arrival."""
    tasks, _, qpus, totals = world
    if p.shared:
        return
    moved = [(0.0, 0) for _ in range(0)]
    for i in range(len(tasks)):
        waits = tasks[i][SEQ] >= 0.0 and tasks[i][STARTED_AT] < 0.0
        if waits and (homeless[i] == 1 or int(tasks[i][BOUND]) == q):
            heappush(moved, (tasks[i][SEQ], i))
            homeless[i] = 0
    while len(moved) > 0:
        _, i = heappop(moved)
        dequeue(tasks, qpus, totals, i)
        place(p, world, lanes, homeless, i, t)


def choose(p: Any, world: Any, lanes: Any, heads: Any, q: int, t: float, u: float, deep: bool) -> int:
    """The task that the policy starts on free QPU q, -1 for none; `deep` looks behind the heads of other QPUs."""
    tasks, flows, qpus, totals = world
    for lane in range(len(lanes)):
        heads[lane] = head(p, tasks, lanes, lane)
    while True:
        lane = p.pick(tasks, flows, qpus, totals, heads, q, t, u)
        if lane < 0:
            break
        i = heads[lane]
        if p.shared or lane // p.classes == q:
            return int(i)
        if deep:
            entries = first_entries(p, tasks, lanes, lane)
            heads[lane] = first_to_take(p.place, tasks, flows, qpus, totals, entries, q, t)
        elif not may_take(p.place, tasks, flows, qpus, totals, i, q, t, 0.0, False):
            heads[lane] = -1
        if heads[lane] == i:
            return int(i)
    if lane > SCAN:
        return -1
    entries = first_entries(p, tasks, lanes, SCAN - lane)
    k = p.scan(tasks, flows, qpus, totals, entries, q, t, u)
    return int(entries[k]) if k >= 0 else -1


def begin_calibration(world: Any, due: Any, calibrating: Any, events: Any, log: Any, length: Any, now: int,
                      q: int) -> None:
    """Begin the window that is due, if the QPU is free."""
    qpus = world[2]
    if due[q] == 0 or qpus[q][BUSY] > 0.0:
        return
    qpus[q][BUSY], qpus[q][FREE_AT] = 1.0, now * 1e-9 + length[q] * 1e-9
    due[q], calibrating[q] = 0, 1
    heappush(events, (now + length[q], CALIBRATED, q))
    log.append((now, DUE, -1, q))


def simulate(p: Any, sc: Any, world: Any, seed: int) -> Any:
    """Run the scenario to its end; returns the log of (time ns, kind, session, QPU)."""
    arrival, iterations, cancel, service, think, estimate, window, length, gap = sc
    tasks, flows, qpus, totals = world
    n, m = len(arrival), len(qpus)
    events = [(0, 0, 0) for _ in range(0)]
    log = [(0, 0, 0, 0) for _ in range(0)]
    lanes = [[(0.0, 0, 0) for _ in range(0)] for _ in range(p.classes if p.shared else p.classes * m)]
    heads, homeless = np.full(len(lanes), -1, np.int64), np.zeros(n, np.int64)
    step, cancelled = np.zeros(n, np.int64), np.zeros(n, np.int64)
    due, calibrating, running = np.zeros(m, np.int64), np.zeros(m, np.int64), np.full(m, -1, np.int64)
    seq, waiting, decisions = 0, 0, 0
    for s in range(n):
        heappush(events, (arrival[s], READY, s))
        if cancel[s] < NEVER:
            heappush(events, (cancel[s], CANCEL, s))
    for q in range(m):
        if window[q] < NEVER:
            heappush(events, (window[q], DUE, q))
    left = n
    while left > 0:
        now, kind, e = heappop(events)
        t = now * 1e-9
        if kind == FINISH:
            s = running[e]
            running[e] = -1
            k = step[s]
            step[s] += 1
            last = cancelled[s] == 1 or step[s] == iterations[s]
            tasks[s][MEASURED] = service[s, k] * 1e-9
            leave(p, world, s, e, t, cancelled[s] == 0)
            log.append((now, FINISH, s, e))
            if last:
                flows[len(flows) - n + s][OPEN] = 0.0
                left -= 1
            else:
                heappush(events, (now + think[s, k], READY, s))
            begin_calibration(world, due, calibrating, events, log, length, now, e)
        elif kind == CALIBRATED:
            calibrating[e] = 0
            qpus[e][BUSY], qpus[e][EPOCH] = 0.0, qpus[e][EPOCH] + 1.0
            qpus[e][WINDOW_AT] = (now + gap[e]) * 1e-9
            heappush(events, (now + gap[e], DUE, e))
            log.append((now, CALIBRATED, -1, e))
            replace(p, world, lanes, homeless, e, t)
        elif kind == DUE:
            due[e] = 1
            begin_calibration(world, due, calibrating, events, log, length, now, e)
        elif kind == CANCEL:
            if cancelled[e] == 0 and step[e] < iterations[e]:
                cancelled[e] = 1
                waits = tasks[e][SEQ] >= 0.0 and tasks[e][STARTED_AT] < 0.0
                runs = tasks[e][SEQ] >= 0.0 and not waits and tasks[e][MEASURED] < 0.0
                if waits:
                    homeless[e] = 0
                    waiting -= 1
                    dequeue(tasks, qpus, totals, e)
                    leave(p, world, e, -1, t, False)
                    tasks[e][SEQ] = -1.0
                flows[len(flows) - n + e][OPEN] = 0.0
                if not runs:
                    left -= 1
                log.append((now, CANCEL, e, -1))
        elif cancelled[e] == 1:
            continue
        else:
            seq += 1
            waiting += 1
            tasks[e][SEQ], tasks[e][STARTED_AT], tasks[e][MEASURED] = seq, -1.0, -1.0
            tasks[e][c.ESTIMATE] = estimate[e, step[e]]
            ready(p, world, lanes, homeless, e, t, seed)
        progress, deep = True, False
        while progress and waiting > 0:
            started_any, idle = False, False
            for q in range(m):
                if waiting == 0 or qpus[q][BUSY] > 0.0 or qpus[q][ONLINE] < 1.0:
                    continue
                decisions += 1
                u = uniform(seed, PICK, decisions) if p.pick_draws else 0.0
                i = choose(p, world, lanes, heads, q, t, u, deep)
                if i < 0:
                    idle = True
                    continue
                dequeue(tasks, qpus, totals, i)
                started(tasks, qpus, totals, i, q, t)
                p.start(tasks, flows, qpus, totals, i, q, t)
                waiting -= 1
                running[q] = i
                started_any = True
                heappush(events, (now + service[i, step[i]], FINISH, q))
                log.append((now, START, i, q))
            progress = started_any or (idle and not deep and not p.shared)
            deep = not started_any
    return log


def tables(scenario: Script, policy: Policy) -> tuple[Any, Any, Any, Any]:
    """The policies' tables of an empty platform: tenants first, then one flow and one task row a session."""
    tenants = len(scenario.tenant_weight)
    flows = [c.new_flow(r + 1.0, -1.0, w) for r, w in enumerate(scenario.tenant_weight)]
    flows += [c.new_flow(tenants + s + 1.0, float(tenant), 1.0) for s, tenant in enumerate(scenario.tenant)]
    tasks = [c.new_task(-1.0, tenants + s, 0.0, float(scenario.width[s]), scenario.weight[s])
             for s in range(len(scenario.arrival_ns))]
    qpus = []
    for q, width in enumerate(scenario.qpu_width):
        window = [float(at) * 1e-9 if at < NEVER else INF for at in (scenario.window_ns[q], scenario.window_gap_ns[q])]
        qpus.append(c.new_qpu(float(width), scenario.qpu_cold_s[q], *window))
    totals = c.new_totals()
    totals[c.N_QPUS] = float(len(qpus))
    for column, value in policy.settings.items():
        totals[column] = value
    return np.array(tasks), np.array(flows), np.array(qpus), np.array(totals)


class Kernel:
    """A compiled kernel; `run` simulates scenarios under any policy, compiling each policy once."""

    def __init__(self) -> None:
        self.compiler = Compiler()
        self.compiled: dict[Any, Any] = {}
        self.loop = self.compiler.compile(simulate)

    def run(self, policy: Policy, scenario: Script) -> tuple[list[tuple[int, int, int, int]], Any]:
        """The log of (time ns, kind, session, QPU) and the final tables (tasks, flows, qpus, totals)."""
        functions = (policy.enter, policy.pick, policy.start, policy.finish, policy.place, policy.scan, policy.classes,
                     policy.shared, policy.enter_draws, policy.pick_draws)
        if functions not in self.compiled:
            self.compiled[functions] = self.compiler.policy(policy)
        world = tables(scenario, policy)
        arrays = (scenario.arrival_ns, scenario.iterations, scenario.cancel_ns, scenario.service_ns, scenario.think_ns,
                  scenario.estimate_s, scenario.window_ns, scenario.window_length_ns, scenario.window_gap_ns)
        return self.loop(self.compiled[functions], arrays, world, scenario.seed), world
