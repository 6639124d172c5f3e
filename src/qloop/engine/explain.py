"""Answers for a waiting task: its position, the reason it waits, and when it is expected to start."""

from __future__ import annotations

import enum
from heapq import heapify, heapreplace

import msgspec

from qloop.engine import lanes
from qloop.engine.state import Classical, Quantum, State, seconds
from qloop.errors import UnknownName
from qloop.model.states import TaskState
from qloop.policies.bind import residual, wait
from qloop.policies.columns import BUSY, CLASS, ESTIMATE, INF, KEY, ONLINE, OWNER, SEQ, WINDOW_AT
from qloop.policies.place import eligible, fits


class Reason(enum.StrEnum):
    """Why a task does not run."""

    RUNNING = "it runs"
    DEPENDENCY = "a task that it needs is not done"
    NO_QPU = "no QPU that can run it is online"
    BEHIND = "other tasks go first"
    BUSY = "it is next; every QPU that can run it is busy"
    CALIBRATING = "it is next; the QPUs that can run it calibrate"
    WINDOW = "it would not end before the next calibration window"
    HELD = "other sessions hold the QPUs that can run it"
    SLOTS = "no worker has enough free slots"
    POLICY = "the policy holds the QPU for another"


class Explanation(msgspec.Struct, frozen=True):
    """Where a task stands: `position` 1 is next, 0 runs; times in s since the run's start; `costs` per QPU in s."""

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
        raise UnknownName("waiting or running task", task_id, list(state.everything)[:1000])
    if task.state is TaskState.RUNNING:
        terms = task.terms if isinstance(task, Quantum) else ()
        return Explanation(task.id, task.state, Reason.RUNNING, terms=terms)
    if task.state is TaskState.BLOCKED:
        return Explanation(task.id, task.state, Reason.DEPENDENCY, detail=", ".join(sorted(task.blockers or ())))
    if isinstance(task, Classical):
        ahead = sum(entry[0] < task.seq for entry in state.classical)
        return Explanation(task.id, task.state, Reason.SLOTS, ahead + 1)
    return explain_waiting(state, task)


def explain_waiting(state: State, task: Quantum) -> Explanation:
    """The answer for a quantum task that waits."""
    now = seconds(state.now)
    order = line(state)
    position = order.index(task.row) + 1 if task.row in order else 0
    reason, detail = why(state, task, position, now)
    start = expected_start(state, order, task.row, now)
    costs = []
    for qpu in state.qpus:
        extra = state.policy.place(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, qpu.row, now)
        if extra < INF:
            costs.append((qpu.id, extra + wait(state.qpu_rows[qpu.row], state.tasks[task.row][CLASS], now)))
    return Explanation(task.id, task.state, reason, position, start, detail, tuple(costs), task.terms)


def line(state: State) -> list[int]:
    """The rows of all waiting tasks in the order of class, key and arrival in which they are expected to start."""
    rows = [i for lane in range(len(state.lanes)) for i in lanes.rows(state, lane)]
    rows += list(state.homeless)
    by_class = not state.policy.shared

    def rank(i: int) -> tuple[float, float, float]:
        task = state.tasks[i]
        return (task[CLASS] if by_class else 0.0, task[KEY], task[SEQ])

    return sorted(rows, key=rank)


def expected_start(state: State, order: list[int], row: int, now: float) -> float:
    """List-schedule the line over the QPUs by estimates; inf if no QPU that can run the task is online."""
    free = [(now + residual(qpu, now), q) for q, qpu in enumerate(state.qpu_rows) if qpu[ONLINE] > 0.0]
    heapify(free)
    for i in order:
        able = [entry for entry in free if eligible(state.tasks[i], state.qpu_rows[entry[1]], entry[1])]
        if not able:
            if i == row:
                return INF
            continue
        start, q = min(able)
        if i == row:
            return start
        entry = (start + state.tasks[i][ESTIMATE], q)
        if free[0] == (start, q):
            heapreplace(free, entry)
        else:
            free[free.index((start, q))] = entry
            heapify(free)
    return INF


def why(state: State, task: Quantum, position: int, now: float) -> tuple[Reason, str]:
    """The reason that holds the task back, and a detail."""
    cells = state.tasks[task.row]
    able = [qpu for qpu in state.qpus if eligible(cells, state.qpu_rows[qpu.row], qpu.row)]
    if not able:
        return Reason.NO_QPU, f"it needs {task.wish.width} qubits"
    if position > 1:
        return Reason.BEHIND, f"{position - 1} ahead"
    if all(qpu.calibrating for qpu in able):
        return Reason.CALIBRATING, ", ".join(qpu.id for qpu in able)
    free = [qpu for qpu in able if state.qpu_rows[qpu.row][BUSY] < 1.0]
    if not free:
        return Reason.BUSY, ", ".join(qpu.id for qpu in able)
    if not any(fits(cells, state.qpu_rows[qpu.row], now) for qpu in free):
        first = min(state.qpu_rows[qpu.row][WINDOW_AT] for qpu in free)
        return Reason.WINDOW, f"the window begins at {first:.3f} s"
    if all(state.qpu_rows[qpu.row][OWNER] >= 0.0 for qpu in free):
        return Reason.HELD, ", ".join(qpu.id for qpu in free)
    return Reason.POLICY, ", ".join(qpu.id for qpu in free)
