"""Layer 4, workflows: which task may go now, given what it depends on."""

from __future__ import annotations

from qloop.engine import workloads
from qloop.engine.state import Classical, Ended, Quantum, Session, State, Task
from qloop.model.commands import Command, TaskEnded
from qloop.model.events import ClassicalSubmitted, QuantumSubmitted
from qloop.model.states import TaskState


def submit(state: State, now: int, wish: QuantumSubmitted | ClassicalSubmitted, out: list[Command]) -> None:
    """Take a task, if it is admitted; it is ready when those in `after` are done (an id not known here is done)."""
    session = workloads.admit(state, wish, out)
    if session is None:
        return
    task = record(state, session, wish)
    workloads.accept(state, session, task)
    for earlier in wish.after:
        if earlier in state.everything and earlier != task.id:
            task.blockers.add(earlier)
            state.dependents.setdefault(earlier, []).append(task.id)
    if not task.blockers:
        workloads.make_ready(state, now, task)


def record(state: State, session: Session, wish: QuantumSubmitted | ClassicalSubmitted) -> Task:
    """The record of a wish."""
    if isinstance(wish, QuantumSubmitted):
        return Quantum(wish.task, session, wish, state.next_seq())
    return Classical(wish.task, session, wish, state.next_seq())


def settle(state: State, now: int, out: list[Command]) -> None:
    """Tell sessions and dependents of every task that ended, until no more ends because of it."""
    while state.ended:
        note = state.ended.pop(0)
        out.append(TaskEnded(note.task.id, note.state, note.reason))
        waiting_for_it = state.dependents.pop(note.task.id, ())
        workloads.note_ended(state, now, note, out)
        for task_id in waiting_for_it:
            follow(state, now, state.everything.get(task_id), note, out)
    if state.dying:
        workloads.reap(state)


def follow(state: State, now: int, task: Task | None, note: Ended, out: list[Command]) -> None:
    """A dependent moves on if the task it waited for is done, and ends with it otherwise."""
    if task is None or task.state is not TaskState.BLOCKED:
        return
    if note.state is not TaskState.DONE:
        workloads.cancel_task(state, now, task, f"task {note.task.id}, which it needs, {note.state}", out, note.state)
        return
    task.blockers.discard(note.task.id)
    if not task.blockers:
        workloads.make_ready(state, now, task)
