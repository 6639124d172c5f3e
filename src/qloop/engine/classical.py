"""Layer 2, classical tasks: first in, first out over the workers' slots, with affinity to warm workers."""

from __future__ import annotations

from heapq import heappop, heappush

from qloop.engine import resources
from qloop.engine.state import Classical, Ended, State
from qloop.model.commands import AbortClassical, Command, StartClassical
from qloop.model.events import ClassicalEnded
from qloop.model.states import Outcome, TaskState
from qloop.policies.columns import SCAN_LIMIT


def make_ready(state: State, task: Classical) -> None:
    """The task has all it needs but a slot."""
    task.state = TaskState.READY
    heappush(state.classical, (task.seq, task.id))


def dispatch(state: State, out: list[Command]) -> None:
    """Start what fits, in order; at most SCAN_LIMIT tasks that need more than is free are passed over."""
    if not state.classical or not any(worker.free for worker in state.workers.values()):
        return
    passed: list[tuple[int, str]] = []
    while state.classical and len(passed) < SCAN_LIMIT:
        entry = heappop(state.classical)
        task = state.everything.get(entry[1])
        if not isinstance(task, Classical) or task.state is not TaskState.READY or task.seq != entry[0]:
            continue
        worker = resources.choose_worker(state, task)
        if worker is None:
            passed.append(entry)
            continue
        task.state = TaskState.RUNNING
        task.attempt += 1
        cold = resources.take_slots(worker, task)
        out.append(StartClassical(task.id, task.attempt, worker.id, cold))
    for entry in passed:
        heappush(state.classical, entry)


def ended(state: State, event: ClassicalEnded) -> None:
    """An attempt left its worker; only the attempt that runs counts (fence)."""
    worker = state.workers.get(event.worker)
    task = worker.running.get(event.task) if worker is not None else None
    if task is None or task.attempt != event.attempt:
        return
    resources.free_slots(state, event.worker, event.task)
    if task.state is not TaskState.RUNNING:
        return
    if event.outcome is Outcome.LOST and task.attempt < state.limits.attempts:
        retry(state, task)
        return
    done = event.outcome is Outcome.OK
    finish(state, task, TaskState.DONE if done else TaskState.FAILED, event.reason or event.outcome.value)


def retry(state: State, task: Classical) -> None:
    """The attempt is lost: the task is ready again, in its old place in line."""
    task.session.running -= 1
    task.session.waiting += 1
    task.worker = ""
    make_ready(state, task)


def lose(state: State, task: Classical, reason: str) -> None:
    """The worker that ran this task is gone."""
    if task.state is not TaskState.RUNNING:
        return
    if task.attempt < state.limits.attempts:
        retry(state, task)
    else:
        finish(state, task, TaskState.FAILED, reason)


def finish(state: State, task: Classical, end: TaskState, reason: str) -> None:
    """The task has reached its last state; the layers above are told."""
    state.ended.append(Ended(task, end, reason, task.state))
    task.state = end


def cancel(state: State, task: Classical, reason: str, out: list[Command], end: TaskState) -> None:
    """End the task; its entry in the line is dropped when it comes up."""
    if task.state is TaskState.RUNNING:
        out.append(AbortClassical(task.id, task.attempt, task.worker))
    finish(state, task, end, reason)
