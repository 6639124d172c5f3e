"""One run of the published model: a loop and the background meet on the QPUs, and our policies decide as elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from qloop.policies import columns as c
from qloop.policies.ledger import dequeue, started
from qloop.simulator import lanes
from qloop.simulator.published.drawn import Drawn
from qloop.simulator.published.model import Background, Mode, Queue, SetUp
from qloop.simulator.published.rules import is_warm
from qloop.simulator.tables import World, totals_of

ENDED, READY, ARRIVED = range(3)        # what happens first at one moment
TENANT, LOOP = 0, 1                     # rows of `flows`; each background task is a session of its own
QUBITS, NARROW = 16.0, 2.0


@dataclass(slots=True)
class Run:
    """A run under way: the policies' tables, what comes next, and what was measured; times in s."""

    setup: SetUp
    mode: Mode
    drawn: Drawn
    world: World
    seed: int
    agenda: list[tuple[float, int, int]] = field(default_factory=list)
    waiting: list[list[tuple[float, int, int]]] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    turn: int = 0           # the loop's iterations so far
    begun: float = 0.0      # when the present one began
    ttns: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)    # how long each task of the loop really waited for a QPU
    log: list[tuple[int, int, float, float]] = field(default_factory=list)  # flow, QPU, begin and end of each run

    def executed(self) -> float:
        """QPU seconds within the horizon in which a task was executed."""
        return sum(max(0.0, min(end, self.setup.horizon_s) - begin) for _, _, begin, end in self.log)


def simulate(setup: SetUp, mode: Mode, drawn: Drawn, seed: int) -> Run:
    """Run to the horizon; what runs then counts as far as it came."""
    run = opened(setup, mode, drawn, seed)
    begin(run, 0.0)
    for k, at in enumerate(drawn.arrival.tolist()):
        heappush(run.agenda, (at, ARRIVED, k))
    while run.agenda and run.agenda[0][0] < setup.horizon_s:
        now, kind, k = heappop(run.agenda)
        if kind == ENDED:
            end(run, k, now)
        else:
            submit(run, LOOP if kind == READY else -1, k, now)
        offer(run, now)
    return run


def opened(setup: SetUp, mode: Mode, drawn: Drawn, seed: int) -> Run:
    """An idle platform, calibrated at time 0."""
    flows = [c.new_flow(0.0, -1.0, 1.0), c.new_flow(1.0, float(TENANT), 1.0)]
    qpus = [c.new_qpu(QUBITS, cold=setup.calibration_s) for _ in range(setup.qpus)]
    world = World([], flows, qpus, totals_of(mode.policy, 4.0, setup.qpus))
    count = mode.policy.lanes(setup.qpus)
    return Run(setup, mode, drawn, world, seed, waiting=[[] for _ in range(count)], heads=[-1] * count,
               running=[-1] * setup.qpus)


def begin(run: Run, now: float) -> None:
    """The loop begins an iteration: its classical step, and all that the mode puts before a QPU is asked for."""
    setup, mode, k = run.setup, run.mode, run.turn
    run.begun = now
    before = setup.classical_s
    if mode.queue is Queue.ALWAYS or (mode.queue is Queue.ONCE and k == 0):
        queue = float(run.drawn.queue[k])
        before += queue + (setup.calibration_s if queue > setup.tau_s else 0.0)
    if mode.container:
        before += float(run.drawn.container[k])
    if mode.pilot:
        before += setup.pilot_task_s + (setup.pilot_s if k == 0 else 0.0)
    heappush(run.agenda, (now + before, READY, k))


def submit(run: Run, flow: int, k: int, now: float) -> None:
    """Iteration k of the loop, or background task k (flow -1), asks for a QPU."""
    tasks, flows, mode = run.world.tasks, run.world.flows, run.mode
    width, pin = NARROW, mode.pinned
    if flow != LOOP:
        flow, pin = len(flows), background_qpu(run, k)
        flows.append(c.new_flow(float(flow), float(TENANT), 1.0))
    elif mode.exclusive:
        width = run.setup.qpus * QUBITS
    mean = run.setup.quantum_s if flow == LOOP else run.setup.background_s
    i = len(tasks)
    tasks.append(c.new_task(float(i), float(flow), mean, width, pin=float(pin)))
    tasks[i][c.MEASURED] = float(run.drawn.quantum[k] if flow == LOOP else run.drawn.service[k])
    lanes.ready(mode.policy, run.world, run.waiting, {}, i, now, run.seed)


def background_qpu(run: Run, k: int) -> int:
    """The only QPU on which background task k may run, -1 for any."""
    where = run.mode.background
    qpus = run.world.qpus
    choices = [q for q, qpu in enumerate(qpus) if where is not Background.FREE or qpu[c.BUSY] == 0.0]
    if where in (Background.FIRST, Background.SAME) or not choices:
        return run.mode.pinned if where is Background.SAME else -1
    return choices[int(run.drawn.choice[k] * len(choices))]


def offer(run: Run, now: float) -> None:
    """Give every free QPU a task until the policy starts nothing more, as the engine does."""
    deep = False
    while True:
        some = False
        for q, qpu in enumerate(run.world.qpus):
            i = -1 if qpu[c.BUSY] > 0.0 else lanes.choose(run.mode.policy, run.world, run.waiting, run.heads, q, now,
                                                          0.0, deep)
            if i >= 0:
                start(run, i, q, now)
                some = True
        if not some and (deep or run.mode.policy.shared):
            return
        deep = not some


def start(run: Run, i: int, q: int, now: float) -> None:
    """Task i begins; where the published model places, a QPU that was not used for tau is calibrated first."""
    tasks, flows, qpus, totals = run.world
    dequeue(tasks, qpus, totals, i)
    started(tasks, qpus, totals, i, q, now)
    run.mode.policy.start(tasks, flows, qpus, totals, i, q, now)
    flow = int(tasks[i][c.FLOW])
    cold = flow == LOOP and totals[c.TAU] > 0.0 and not is_warm(qpus[q], totals, now)
    begins = now + (run.setup.calibration_s if cold else 0.0)
    ends = begins + tasks[i][c.MEASURED]
    if flow == LOOP:
        run.waits.append(now - tasks[i][c.READY_AT])
    run.log.append((flow, q, begins, ends))
    run.running[q] = i
    heappush(run.agenda, (ends, ENDED, q))


def end(run: Run, q: int, now: float) -> None:
    """What ran on QPU q has its result; in the published model that counts as a calibration."""
    i = run.running[q]
    lanes.leave(run.mode.policy, run.world, i, q, now, True)
    run.world.qpus[q][c.CALIBRATED_AT] = now
    if run.world.tasks[i][c.FLOW] == LOOP:
        run.ttns.append(now - run.begun)
        run.turn += 1
        begin(run, now + run.setup.network_s)
