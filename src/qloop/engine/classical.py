"""Layer 2, classical tasks: in the order of their line over the workers' slots, with affinity to warm workers."""

from __future__ import annotations

from qloop.engine import counts, pool, resources, scaling
from qloop.engine.nodes import Node
from qloop.engine.state import Classical, Ended, Shape, State
from qloop.model.commands import AbortClassical, Command, StartClassical
from qloop.model.events import ClassicalEnded
from qloop.model.states import Outcome, TaskState

MOST_PASSED = 1024      # waiting tasks that one look at the lines passes over
MOST_UNBEGUN = 8        # attempts lost before they began that do not count: a payload may kill whoever opens it


def make_ready(state: State, task: Classical) -> None:
    """The task has all it needs but a slot."""
    task.state, task.ready_ns = TaskState.READY, state.now
    state.slots_changed = True
    pool.join(state, task)


def dispatch(state: State, out: list[Command]) -> None:
    """Start what fits, in order; at most MOST_PASSED tasks that need more than is free are passed over.

    The first of them that has waited for long has a node kept free for it: small ones would overtake it for ever.
    """
    state.slots_changed = False
    passed: list[Classical] = []
    kept: Node | None = None
    stuck: set[Shape] = set()       # what fits nowhere now
    while len(passed) < MOST_PASSED and state.free_workers:
        task = pool.next_task(state)
        if task is None:
            break
        kind = scaling.shape(task.wish)
        worker = None if kind in stuck else resources.choose_worker(state, task, kept)
        if worker is None:
            stuck.add(kind)
            passed.append(task)
            if kept is None and state.now - task.ready_ns >= state.limits.passed_over_ns:
                kept = resources.keep_node(state, task)
            continue
        task.state = TaskState.RUNNING
        task.attempt += 1
        task.begun_ns = state.now
        pool.begin(state, task)
        counts.started(state, task.session)
        cold, share = resources.take_slots(state, worker, task)
        out.append(StartClassical(task.id, task.attempt, worker.id, cold, share))
    for task in passed:
        pool.put_back(state, task)


def ended(state: State, event: ClassicalEnded) -> None:
    """An attempt left its worker; only the attempt that runs counts (fence)."""
    worker = state.workers.get(event.worker)
    task = worker.running.get(event.task) if worker is not None else None
    if task is None or task.attempt != event.attempt:
        return
    resources.free_slots(state, event.worker, event.task)
    pool.left_worker(state, task, event.measured_ns)
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


def lose(state: State, task: Classical, reason: str, began: bool = True) -> None:
    """The worker that ran this task is gone; nobody knows what it used there.

    An attempt that had not begun does not count, some times: the worker may have been dying when it was given it.
    """
    pool.left_worker(state, task, 0)
    task.restarts += not began and task.restarts < MOST_UNBEGUN
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
        pool.left_line(state, task)
