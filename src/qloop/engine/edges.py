"""Layer 2, chunk edges: a long task may stand aside for another one, and is continued where its shots are."""

from __future__ import annotations

from qloop.engine import counts, lanes, tasks
from qloop.engine.state import Qpu, Quantum, State, seconds
from qloop.model.commands import Command, YieldQuantum
from qloop.model.events import ChunkEnded, QuantumEnded
from qloop.model.states import SESSION_ENDED, Outcome, TaskState
from qloop.policies import chunks, ledger
from qloop.policies.columns import MEASURED, ONLINE


def reached(state: State, event: ChunkEnded, out: list[Command]) -> None:
    """An attempt is at the end of a chunk: it goes on, stands aside, or ends here if nobody wants it any more."""
    row = state.qpu_ids.get(event.qpu, -1)
    task = state.qpus[row].running if row >= 0 else None
    if task is None or task.id != event.task or task.attempt != event.attempt:
        return
    qpu = state.qpus[row]
    if task.state is not TaskState.RUNNING:
        out.append(YieldQuantum(task.id, task.attempt, qpu.id, keep=False))
        tasks.ended(state, QuantumEnded(task.id, task.attempt, qpu.id, Outcome.CANCELLED, event.measured_ns), out)
        return
    other = instead(state, task, qpu)
    if other >= 0:
        stand_aside(state, task, qpu, seconds(max(0, event.measured_ns)))
        out.append(YieldQuantum(task.id, task.attempt, qpu.id, keep=True))
        tasks.begin(state, other, row, out)


def instead(state: State, task: Quantum, qpu: Qpu) -> int:
    """The row of the task that takes the QPU now, -1 if the present one goes on.

    It goes on where it would not come back: before a calibration that waits for its end, on a QPU that takes no more
    tasks, in a session that only finishes what runs.
    """
    policy, q = state.policy, qpu.row
    if policy.switch is None or not state.waiting or qpu.due_ns or task.session.state in SESSION_ENDED:
        return -1
    if state.qpu_rows[q][ONLINE] < 1.0:
        return -1
    heads = state.heads.copy()
    while True:
        lane = policy.switch(state.tasks, state.flows, state.qpu_rows, state.totals, heads, task.row, q, state.t)
        if lane < 0:
            return -1
        j = heads[lane]
        if policy.shared or lane // policy.classes == q:
            return j
        heads[lane] = tasks.movable(state, lane, j, q, False)
        if heads[lane] == j:
            return j


def stand_aside(state: State, task: Quantum, qpu: Qpu, ran: float) -> None:
    """The task waits again, in its old place in the line of this QPU, with the shots that it has."""
    i, q = task.row, qpu.row
    state.tasks[i][MEASURED] = ran
    state.policy.pause(state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t)
    chunks.paused(state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t)
    ledger.enqueue(state.tasks, state.qpu_rows, state.totals, i, -1 if state.policy.shared else q)
    lanes.push(state, i)
    qpu.running, task.paused = None, True
    task.state = TaskState.READY
    state.waiting += 1
    counts.again(state, task.session)
