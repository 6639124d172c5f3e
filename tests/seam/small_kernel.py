"""The event kernel: a platform in virtual time, compiled, deciding by the same functions as the engine.

Events are ordered by (time, kind, entity). After each one the QPUs are offered work, as the engine does, so that both
agree event by event; `tests/seam` holds them to it.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from qloop.model.limits import NEVER
from qloop.policies import columns as c
from qloop.policies import fits
from qloop.policies.draws import PICK, uniform
from qloop.policies.ledger import dequeue, started
from qloop.policies.record import Policy
from qloop.simulator.compile import Compiler
from qloop.simulator.lanes import choose, leave, ready, replace
from qloop.simulator.replay.host import plain
from qloop.simulator.tables import totals_of
from tests.seam.script import Script

FINISH, CALIBRATED, DUE, CANCEL, READY = 0, 1, 2, 3, 4      # kinds of events, in order at one time
START, WAKES = 5, 6                                                   # further kinds in the log
SEQ_OF, WAITING, DECISIONS, LEFT, WISH = range(5)           # of `number`
BUSY, EPOCH, ESTIMATE, FREE_AT, MEASURED = c.BUSY, c.EPOCH, c.ESTIMATE, c.FREE_AT, c.MEASURED
ONLINE, OPEN, SEQ, STARTED_AT, WINDOW_AT, INF = c.ONLINE, c.OPEN, c.SEQ, c.STARTED_AT, c.WINDOW_AT, c.INF


class Memory(NamedTuple):
    """Arrays over sessions (`homeless`, `step`, `cancelled`) and QPUs (`due`, `running`), and one of numbers.

    `events` is a heap of (ns, kind, entity), `log` holds (ns, kind, session, QPU), `heads` has room for one of each
    lane.
    """

    events: Any
    log: Any
    lanes: Any
    heads: Any
    homeless: Any
    step: Any
    cancelled: Any
    due: Any
    running: Any
    number: Any


def remember(n: int, m: int, lanes: int) -> Memory:
    """Nothing has happened yet, to n sessions and m QPUs."""
    number = np.zeros(5, np.int64)
    number[LEFT], number[WISH] = n, NEVER
    return Memory(
        [(0, 0, 0) for _ in range(0)], [(0, 0, 0, 0) for _ in range(0)],
        [[(0.0, 0, 0) for _ in range(0)] for _ in range(lanes)], np.full(lanes, -1, np.int64), np.zeros(n, np.int64),
        np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(m, np.int64), np.full(m, -1, np.int64), number)


def begin(sc: Any, r: Any) -> None:
    """Ask for everything that comes at a fixed time."""
    arrival, _, cancel, _, _, _, window, _, _ = sc
    for s in range(len(arrival)):
        heappush(r.events, (arrival[s], READY, s))
        if cancel[s] < NEVER:
            heappush(r.events, (cancel[s], CANCEL, s))
    for q in range(len(r.due)):
        if window[q] < NEVER:
            heappush(r.events, (window[q], DUE, q))


def submit(p: Any, estimate: Any, r: Any, world: Any, s: int, now: int, seed: int) -> None:
    """The session's next task becomes ready."""
    tasks = world[0]
    r.number[SEQ_OF] += 1
    r.number[WAITING] += 1
    tasks[s][SEQ], tasks[s][STARTED_AT], tasks[s][MEASURED] = r.number[SEQ_OF], -1.0, -1.0
    tasks[s][ESTIMATE] = estimate[s, r.step[s]]
    ready(p, world, r.lanes, r.homeless, s, now * 1e-9, seed)


def finish(p: Any, service: Any, think: Any, iterations: Any, r: Any, world: Any, q: int, now: int) -> None:
    """A task leaves QPU q."""
    tasks, flows, _, _ = world
    s = r.running[q]
    k = r.step[s]
    r.running[q], r.step[s] = -1, k + 1
    tasks[s][MEASURED] = service[s, k] * 1e-9
    leave(p, world, s, q, now * 1e-9, r.cancelled[s] == 0)
    r.log.append((now, FINISH, s, q))
    if r.cancelled[s] == 1 or r.step[s] == iterations[s]:
        flows[len(flows) - len(r.step) + s][OPEN] = 0.0
        r.number[LEFT] -= 1
    else:
        heappush(r.events, (now + think[s, k], READY, s))


def cancel_session(p: Any, iterations: Any, r: Any, world: Any, s: int, now: int) -> None:
    """The session ends: its task leaves the lane, or is useless when it leaves its QPU."""
    tasks, flows, qpus, totals = world
    if r.cancelled[s] == 1 or r.step[s] >= iterations[s]:
        return
    r.cancelled[s] = 1
    waits = tasks[s][SEQ] >= 0.0 and tasks[s][STARTED_AT] < 0.0
    runs = tasks[s][SEQ] >= 0.0 and not waits and tasks[s][MEASURED] < 0.0
    if waits:
        r.homeless[s] = 0
        r.number[WAITING] -= 1
        dequeue(tasks, qpus, totals, s)
        leave(p, world, s, -1, now * 1e-9, False)
        tasks[s][SEQ] = -1.0
    flows[len(flows) - len(r.step) + s][OPEN] = 0.0
    if not runs:
        r.number[LEFT] -= 1
    r.log.append((now, CANCEL, s, -1))


def begin_calibration(p: Any, length: Any, r: Any, world: Any, q: int, now: int) -> None:
    """Begin the window that is due, if the QPU is free."""
    qpus = world[2]
    if qpus[q][BUSY] > 0.0 or is_held_back(p, world, q, now * 1e-9):
        qpus[q][c.DUE_S] = length[q] * 1e-9
        return
    qpus[q][BUSY], qpus[q][FREE_AT], qpus[q][c.DUE_S] = 1.0, now * 1e-9 + length[q] * 1e-9, 0.0
    r.due[q] = 0
    heappush(r.events, (now + length[q], CALIBRATED, q))
    r.log.append((now, DUE, -1, q))


def end_calibration(p: Any, gap: Any, r: Any, world: Any, q: int, now: int) -> None:
    """A window ends: the QPU is free in a new epoch, and tasks are bound anew."""
    qpus = world[2]
    qpus[q][BUSY], qpus[q][EPOCH], qpus[q][c.CALIBRATED_AT] = 0.0, qpus[q][EPOCH] + 1.0, now * 1e-9
    qpus[q][WINDOW_AT] = (now + gap[q]) * 1e-9
    heappush(r.events, (now + gap[q], DUE, q))
    r.log.append((now, CALIBRATED, -1, q))
    replace(p, world, r.lanes, r.homeless, q, now * 1e-9)


def dispatch(p: Any, service: Any, r: Any, world: Any, now: int, seed: int) -> None:
    """Give every free QPU a task, as the engine does, until the policy starts nothing more."""
    qpus = world[2]
    progress, deep = True, False
    while progress and r.number[WAITING] > 0:
        some, idle = False, False
        for q in range(len(qpus)):
            if r.number[WAITING] == 0 or qpus[q][BUSY] > 0.0 or qpus[q][ONLINE] < 1.0:
                continue
            r.number[DECISIONS] += 1
            u = uniform(seed, PICK, int(r.number[DECISIONS])) if p.pick_draws else 0.0
            i = choose(p, world, r.lanes, r.heads, q, now * 1e-9, u, deep)
            if i < 0:
                idle = True
                continue
            start(p, service, r, world, i, q, now)
            some = True
        progress = some or (idle and not deep and not p.shared)
        deep = not some


def start(p: Any, service: Any, r: Any, world: Any, i: int, q: int, now: int) -> None:
    """The task of session i begins on QPU q."""
    tasks, flows, qpus, totals = world
    dequeue(tasks, qpus, totals, i)
    started(tasks, qpus, totals, i, q, now * 1e-9)
    p.start(tasks, flows, qpus, totals, i, q, now * 1e-9)
    r.number[WAITING] -= 1
    r.running[q] = i
    heappush(r.events, (now + service[i, r.step[i]], FINISH, q))
    r.log.append((now, START, i, q))


def next_event(r: Any) -> tuple[int, int, int]:
    """What comes next; the policy's wish to be asked again is served by anything else that happens then."""
    wish = r.number[WISH]
    if wish < r.events[0][0]:
        return wish, WAKES, 0
    return heappop(r.events)


def note_wish(r: Any, totals: Any, now: int) -> None:
    """The policy may wish to be asked again."""
    if r.number[WISH] <= now:
        r.number[WISH] = NEVER
    if totals[c.WAKE] < INF:
        r.number[WISH] = min(r.number[WISH], max(now + 1, int(totals[c.WAKE] * 1e9)))
        totals[c.WAKE] = INF


def begin_held_back(p: Any, length: Any, r: Any, world: Any, now: int) -> None:
    """Begin the windows that waited for the policy and need not any more."""
    for q in range(len(r.due)):
        if p.quiet and r.due[q] == 1:
            begin_calibration(p, length, r, world, q, now)


def is_held_back(p: Any, world: Any, q: int, now: float) -> bool:
    """Whether the policy lets no calibration begin on QPU q now; it is asked again when it says."""
    _, flows, qpus, totals = world
    until = p.quiet_until(flows, qpus, totals, q, now) if p.quiet else now
    if until <= now:
        return False
    totals[c.WAKE] = min(totals[c.WAKE], until)
    return True


def simulate(p: Any, sc: Any, world: Any, seed: int) -> Any:
    """Run the scenario to its end; returns the log of (time ns, kind, session, QPU)."""
    _, iterations, _, service, think, estimate, _, length, gap = sc
    m = len(world[2])
    r = remember(len(iterations), m, p.classes if p.shared else p.classes * m)
    begin(sc, r)
    while r.number[LEFT] > 0:
        now, kind, e = next_event(r)
        if kind == FINISH:
            finish(p, service, think, iterations, r, world, e, now)
        elif kind == CALIBRATED:
            end_calibration(p, gap, r, world, e, now)
        elif kind == DUE:
            r.due[e] = 1
        elif kind == CANCEL:
            cancel_session(p, iterations, r, world, e, now)
        elif kind == READY and r.cancelled[e] == 1:
            continue
        elif kind == READY:
            submit(p, estimate, r, world, e, now, seed)
        if kind in (FINISH, DUE) and r.due[e] == 1:
            begin_calibration(p, length, r, world, e, now)
        begin_held_back(p, length, r, world, now)
        if r.number[WAITING] > 0:
            dispatch(p, service, r, world, now, seed)
        note_wish(r, world[3], now)
    return r.log


def tables(scenario: Script, policy: Policy) -> tuple[Any, Any, Any, Any]:
    """The policies' tables of an empty platform: tenants first, then one flow and one task row a session."""
    tenants = len(scenario.tenant_weight)
    none = fits.no_visits(len(scenario.qpu_width))
    flows = [c.new_flow(r + 1.0, -1.0, w) + none for r, w in enumerate(scenario.tenant_weight)]
    flows += [c.new_flow(tenants + s + 1.0, float(tenant), 1.0) + none for s, tenant in enumerate(scenario.tenant)]
    qpus = []
    for q, width in enumerate(scenario.qpu_width):
        window = [float(at) * 1e-9 if at < NEVER else INF for at in (scenario.window_ns[q], scenario.window_gap_ns[q])]
        qpus.append(c.new_qpu(float(width), scenario.qpu_cold_s[q], *window))
        qpus[-1][c.WINDOW_S] = float(scenario.window_length_ns[q]) * 1e-9
    unknown = fits.default_fits(qpus)
    tasks = [c.new_task(-1.0, tenants + s, 0.0, float(scenario.width[s]), scenario.weight[s]) + unknown
             for s in range(len(scenario.arrival_ns))]
    return np.array(tasks), np.array(flows), np.array(qpus), np.array(totals_of(policy, 1.0, len(qpus)))


def arrays(scenario: Script) -> tuple[Any, ...]:
    """The scenario as the kernel reads it."""
    return (scenario.arrival_ns, scenario.iterations, scenario.cancel_ns, scenario.service_ns, scenario.think_ns,
            scenario.estimate_s, scenario.window_ns, scenario.window_length_ns, scenario.window_gap_ns)


def run_plain(policy: Policy, scenario: Script) -> tuple[list[tuple[int, int, int, int]], Any]:
    """As `Kernel.run`, in plain Python."""
    world = tables(scenario, policy)
    return simulate(plain(policy), arrays(scenario), world, scenario.seed), world


class Kernel:
    """A compiled kernel; `run` simulates scenarios under any policy, compiling each policy once."""

    def __init__(self) -> None:
        self.compiler = Compiler()
        self.compiled: dict[Any, Any] = {}
        self.loop = self.compiler.compile(simulate)

    def run(self, policy: Policy, scenario: Script) -> tuple[list[tuple[int, int, int, int]], Any]:
        """The log of (time ns, kind, session, QPU) and the final tables (tasks, flows, qpus, totals)."""
        functions = (policy.enter, policy.pick, policy.start, policy.finish, policy.place, policy.scan, policy.classes,
                     policy.shared, policy.enter_draws, policy.pick_draws, policy.quiet_until)
        if functions not in self.compiled:
            self.compiled[functions] = self.compiler.policy(policy)
        world = tables(scenario, policy)
        return self.loop(self.compiled[functions], arrays(scenario), world, scenario.seed), world
