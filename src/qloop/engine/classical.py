"""Layer 2, classical tasks: first in, first out over the workers' slots, with affinity to warm workers."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from qloop.engine import counts, resources
from qloop.engine.lanes import SLACK
from qloop.engine.state import Classical, Ended, State
from qloop.model.commands import AbortClassical, Command, StartClassical
from qloop.model.events import ClassicalEnded
from qloop.model.states import Outcome, TaskState
from qloop.policies.columns import SCAN_LIMIT


def make_ready(state: State, task: Classical) -> None:
    """The task has all it needs but a slot."""
    task.state = TaskState.READY
    state.classical_ready += 1
    state.slots_changed = True
    heappush(state.classical, (task.seq, task.id))


def dispatch(state: State, out: list[Command]) -> None:
    """Start what fits, in order; at most SCAN_LIMIT tasks that need more than is free are passed over."""
    state.slots_changed = False
    passed: list[tuple[int, str]] = []
    while state.classical and len(passed) < SCAN_LIMIT and any(worker.free for worker in state.workers.values()):
        entry = heappop(state.classical)
        task = waiting(state, entry)
        if task is None:
            continue
        worker = resources.choose_worker(state, task)
        if worker is None:
            passed.append(entry)
            continue
        task.state = TaskState.RUNNING
        task.attempt += 1
        state.classical_ready -= 1
        counts.started(state, task.session)
        cold = resources.take_slots(state, worker, task)
        out.append(StartClassical(task.id, task.attempt, worker.id, cold))
    for entry in passed:
        heappush(state.classical, entry)


def waiting(state: State, entry: tuple[int, str]) -> Classical | None:
    """The task for which an entry of the line stands, None if it has left."""
    task = state.everything.get(entry[1])
    alive = isinstance(task, Classical) and task.state is TaskState.READY and task.seq == entry[0]
    return task if alive and isinstance(task, Classical) else None


def ended(state: State, event: ClassicalEnded) -> None:
    """An attempt left its worker; only the attempt that runs counts (fence)."""
    worker = state.workers.get(event.worker)
    task = worker.running.get(event.task) if worker is not None else None
    if task is None or task.attempt != event.attempt:
        return
    resources.free_slots(state, event.worker, event.task)
    if task.state is not TaskState.RUNNING:
        state.unwanted.pop(task.id, None)
        return
    if event.outcome is Outcome.LOST and counts.may_retry(state, task):
        retry(state, task)
        return
    done = event.outcome is Outcome.OK
    finish(state, task, TaskState.DONE if done else TaskState.FAILED, event.reason or event.outcome.value)


def retry(state: State, task: Classical) -> None:
    """The attempt is lost: the task is ready again, in its old place in line."""
    counts.again(state, task.session)
    task.worker = ""
    make_ready(state, task)


def lose(state: State, task: Classical, reason: str) -> None:
    """The worker that ran this task is gone."""
    if task.state is not TaskState.RUNNING:
        state.unwanted.pop(task.id, None)
        return
    if counts.may_retry(state, task):
        retry(state, task)
    else:
        finish(state, task, TaskState.FAILED, reason)


def finish(state: State, task: Classical, end: TaskState, reason: str) -> None:
    """The task has reached its last state; the layers above are told."""
    state.ended.append(Ended(task, end, reason, task.state))
    task.state = end


def cancel(state: State, task: Classical, reason: str, out: list[Command], end: TaskState) -> None:
    """End the task; its entry in the line is dropped when it comes up, or when most entries are such."""
    was = task.state
    finish(state, task, end, reason)
    if was is TaskState.RUNNING:
        state.unwanted[task.id] = None
        out.append(AbortClassical(task.id, task.attempt, task.worker))
    elif was is TaskState.READY:
        state.classical_ready -= 1
        if len(state.classical) > 2 * state.classical_ready + SLACK:
            state.classical[:] = [entry for entry in state.classical if waiting(state, entry) is not None]
            heapify(state.classical)
