"""Answers for a waiting task: its position, the reason it waits, and when it is expected to start."""

from __future__ import annotations

import enum
from collections import deque
from itertools import islice

import msgspec

from qloop.engine import lanes, pool, service
from qloop.engine.state import NS, Classical, Qpu, Quantum, State
from qloop.errors import UnknownName
from qloop.model.limits import NEVER
from qloop.model.states import Service, TaskState
from qloop.policies.bind import may_take, residual, wait
from qloop.policies.columns import (
    BOUND,
    BUSY,
    CLASS,
    ESTIMATE,
    FLOW,
    HELD,
    INF,
    KEY,
    PIN,
    QUBITS,
    SEQ,
    WIDTH,
    WINDOW_AT,
    new_qpu,
)
from qloop.policies.place import eligible, fits
from qloop.policies.reservation import owner

NAMED = 20      # ids that a message about an unknown one names
SKEW = 0.15     # by how much the median wait lies below the mean where estimates say nothing


class Reason(enum.StrEnum):
    """Why a task does not run."""

    RUNNING = "it runs"
    DEPENDENCY = "a task that it needs is not done"
    NO_QPU = "no QPU that can run it is online"
    PAUSED = "the operator lets no QPU that can run it take tasks"
    HELD = "other sessions hold the QPUs that can run it"
    BEHIND = "other tasks go first"
    GUESS = "it is speculative: it waits for a QPU that no other task wants"
    BUSY = "it is next; every QPU that it may use is busy"
    CALIBRATING = "it is next; the QPUs that it may use calibrate"
    WINDOW = "it would not end before the next calibration window"
    AFFINITY = "it would lose more by moving to a free QPU than by waiting for its own"
    POLICY = "the policy holds the free QPU back"
    SLOTS = "no worker has enough free slots"


class Explanation(msgspec.Struct, frozen=True):
    """Where a task stands: `position` 1 is next, 0 runs or is blocked.

    `estimated_start_s` is in s since the run's start, inf if nobody can tell (it is blocked, no QPU is there, another
    session holds them all); `costs` are the seconds it would cost now on each QPU, `terms` those that placed it.
    """

    task: str
    state: TaskState
    reason: Reason
    position: int = 0
    estimated_start_s: float = 0.0
    detail: str = ""
    costs: tuple[tuple[str, float], ...] = ()
    terms: tuple[tuple[str, float], ...] = ()


def explain(state: State, task_id: str) -> Explanation:
    """The whole answer for one task; UnknownName if it is not waiting or running."""
    task = state.everything.get(task_id)
    if task is None:
        raise UnknownName("waiting or running task", task_id, islice(state.everything, NAMED))
    if task.state is TaskState.RUNNING:
        terms = task.terms if isinstance(task, Quantum) else ()
        return Explanation(task.id, task.state, Reason.RUNNING, terms=terms)
    if task.state is TaskState.BLOCKED:
        return Explanation(task.id, task.state, Reason.DEPENDENCY, estimated_start_s=INF,
                           detail=", ".join(sorted(task.blockers or ())))
    if isinstance(task, Classical):
        ahead = pool.ahead(state, task)
        return Explanation(task.id, task.state, Reason.SLOTS, ahead + 1, INF)
    if task.guess:
        return Explanation(task.id, task.state, Reason.GUESS, estimated_start_s=INF)
    return explain_waiting(state, task)


def explain_waiting(state: State, task: Quantum) -> Explanation:
    """The answer for a quantum task that waits."""
    order = line(state)
    position = order.index(task.row) + 1
    reason, detail = why(state, task, position)
    start = expected_start(state, order, task.row)
    if reason is Reason.NO_QPU:     # not before the first of them is back
        start = min((qpu.back_ns * NS for qpu in absent(state, task) if qpu.back_ns < NEVER), default=INF)
    cells, costs = state.tasks[task.row], []
    for q, qpu in enumerate(state.qpu_rows):
        extra = cost_beyond_wait(state, task.row, q)
        if extra < INF:
            itself = cells[ESTIMATE] if cells[BOUND] == q else 0.0
            costs.append((state.qpus[q].id, extra + wait(qpu, cells[CLASS], state.t) - itself))
    return Explanation(task.id, task.state, reason, position, start, detail, tuple(costs), task.terms)


def cost_beyond_wait(state: State, i: int, q: int) -> float:
    """What running task row i on QPU q costs beyond waiting, in s; inf where it cannot run."""
    return state.policy.place(state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t)


def line(state: State) -> list[int]:
    """The rows of all waiting tasks in the order in which they are expected to start."""
    rows = [i for lane in range(len(state.lanes)) for i in lanes.rows(state, lane)]
    rows += list(state.homeless)
    by_class = not state.policy.shared

    def rank(i: int) -> tuple[float, float, float]:
        task = state.tasks[i]
        return (task[CLASS] if by_class else 0.0, task[KEY], task[SEQ])

    rows.sort(key=rank)
    return rehearse(state, rows) if state.policy.shared and state.policy.classes > 1 else rows


def rehearse(state: State, rows: list[int]) -> list[int]:
    """Where the lanes' order alone does not tell: ask the policy, on copies, whom a QPU without limits would serve."""
    policy, totals = state.policy, state.totals.copy()
    tasks, flows = [task.copy() for task in state.tasks], [flow.copy() for flow in state.flows]
    qpus = [new_qpu(INF)]
    queues = [deque(lanes.rows(state, lane)) for lane in range(len(state.lanes))]
    for i in rows:
        tasks[i][PIN] = -1.0
    order: list[int] = []
    while any(queues):
        heads = [queue[0] if queue else -1 for queue in queues]
        lane = policy.pick(tasks, flows, qpus, totals, heads, 0, state.t, 0.0)
        if lane < 0:
            break
        order.append(queues[lane].popleft())
        policy.start(tasks, flows, qpus, totals, order[-1], 0, state.t)
    served = set(order)
    return order + [i for i in rows if i not in served]


def usable(state: State, i: int) -> list[int]:
    """The QPUs that task row i may use: online, fit for it, and not held by another session."""
    task, row = state.tasks[i], int(state.tasks[i][FLOW])
    able = [q for q, qpu in enumerate(state.qpu_rows) if eligible(task, qpu, q)]
    held = int(state.flows[row][HELD])
    if held in able and owner(state.flows, state.qpu_rows[held]) == row:
        return [held]
    return [q for q in able if owner(state.flows, state.qpu_rows[q]) in (-1, row)]


def expected_start(state: State, order: list[int], row: int) -> float:
    """List-schedule the line over the QPUs by estimates (s since the run's start); inf if it cannot be told.

    Where estimates proved wrong, what has run already says little of what is left, and the median wait, which is to
    be told, lies below the mean (a sum of exponential times: by about a tenth).
    """
    spread = state.misfit
    free = [(1.0 - spread) * residual(qpu, state.t) + spread * estimated(state, q)
            for q, qpu in enumerate(state.qpu_rows)]
    for i in order:
        able = usable(state, i)
        if not able:
            if i == row:
                return INF
            continue
        q = able[0] if len(able) == 1 else min(able, key=lambda q: free[q] + cost_beyond_wait(state, i, q))
        if i == row:
            return state.t + free[q] * (1.0 - SKEW * spread)
        free[q] += state.tasks[i][ESTIMATE]
    return INF


def estimated(state: State, q: int) -> float:
    """The estimate of what QPU q runs; of a calibration, whose length is known, what is left of it."""
    task = state.qpus[q].running
    return residual(state.qpu_rows[q], state.t) if task is None else state.tasks[task.row][ESTIMATE]


def why(state: State, task: Quantum, position: int) -> tuple[Reason, str]:
    """The reason that holds the task back, and a detail."""
    cells, may = state.tasks[task.row], usable(state, task.row)
    if not may:
        return why_no_qpu(state, task)
    free = [q for q in may if state.qpu_rows[q][BUSY] < 1.0 and fits(cells, state.qpu_rows[q], state.t)]
    if free and not state.policy.shared and not any(
            may_take(state.policy.place, state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, state.t,
                     0.0, True) for q in free):
        return Reason.AFFINITY, state.qpus[int(cells[BOUND])].id
    if position > 1:
        return Reason.BEHIND, f"{position - 1} ahead"
    if free:
        return Reason.POLICY, names(state, free)
    if all(state.qpus[q].calibrating for q in may):
        return Reason.CALIBRATING, names(state, may)
    idle = [state.qpu_rows[q][WINDOW_AT] for q in may if state.qpu_rows[q][BUSY] < 1.0]
    if idle:
        return Reason.WINDOW, f"the window begins at {min(idle):.3f} s"
    return Reason.BUSY, names(state, may)


def why_no_qpu(state: State, task: Quantum) -> tuple[Reason, str]:
    """The reason why no QPU may be used: held by others, paused or drained by the operator, or none is there."""
    able = [qpu for qpu in state.qpus if could(state, task.row, qpu.row) and qpu.online]
    held = [qpu.id for qpu in able if qpu.service is Service.ON]
    if held:
        return Reason.HELD, ", ".join(held)
    apart = [qpu for qpu in able if qpu.service is not Service.ON]
    if apart:
        return Reason.PAUSED, "; ".join(f"{qpu.id} is {service.by_operator(qpu)}" for qpu in apart)
    away = "; ".join(absence(qpu) for qpu in absent(state, task))
    return Reason.NO_QPU, away or f"it needs {task.wish.width} qubits"


def absent(state: State, task: Quantum) -> list[Qpu]:
    """The QPUs that could run the task and are offline."""
    return [qpu for qpu in state.qpus
            if not qpu.online and qpu.service is not Service.RETIRED and could(state, task.row, qpu.row)]


def absence(qpu: Qpu) -> str:
    """Why a QPU is offline, and until when."""
    why = f": {qpu.away}" if qpu.away else ""
    return f"{qpu.id} is offline{why}{f', back at {qpu.back_ns * NS:,.0f} s' if qpu.back_ns < NEVER else ''}"


def held_up(state: State, task_id: str) -> str:
    """What the operator did that keeps the task, or one that it needs, from any QPU; empty if that is not why."""
    look, seen = [task_id], {task_id}
    while look:
        task = state.everything.get(look.pop())
        if isinstance(task, Quantum) and task.state is TaskState.READY and not usable(state, task.row):
            reason, detail = why_no_qpu(state, task)
            if reason is Reason.PAUSED:
                return detail
        further = [] if task is None else [earlier for earlier in task.blockers or () if earlier not in seen]
        seen.update(further)
        look += further
    return ""


def could(state: State, i: int, q: int) -> bool:
    """Whether QPU q is of the kind that could run task row i, were it free, online and on."""
    return state.tasks[i][WIDTH] <= state.qpu_rows[q][QUBITS] and state.tasks[i][PIN] in (-1.0, q)


def waiting_for(state: State) -> list[list[str]]:
    """For each QPU the tasks in its lane, and those of no QPU's lane that it could run, in order of service."""
    found: list[list[str]] = [[] for _ in state.qpus]
    for i in line(state):
        task, bound = state.by_row[i], int(state.tasks[i][BOUND])
        assert task is not None
        for q in range(len(found)) if bound < 0 else (bound,):
            if bound == q or could(state, i, q):
                found[q].append(task.id)
    return found


def names(state: State, rows: list[int]) -> str:
    """The QPUs in these rows."""
    return ", ".join(state.qpus[q].id for q in rows)
