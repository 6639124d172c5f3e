"""Layer 4, workflows: which task may go now, given what it depends on."""

from __future__ import annotations

from qloop.engine import counts, workloads
from qloop.engine.state import Classical, Ended, Quantum, State, Task
from qloop.model.commands import Command, TaskEnded
from qloop.model.events import ClassicalSubmitted, QuantumSubmitted
from qloop.model.states import TaskState


def submit(state: State, wish: QuantumSubmitted | ClassicalSubmitted, out: list[Command]) -> None:
    """Take a task, if it is admitted; it is ready when those in `after` are done (an id not known here is done)."""
    refusal = workloads.why_not(state, wish)
    if refusal is not None:
        out.append(refusal)
        return
    session = state.sessions[wish.session]
    task: Task
    if isinstance(wish, QuantumSubmitted):
        state.seq += 1      # by kind: a random order live draws the numbers that it draws simulated
        task = Quantum(wish.task, session, wish, state.seq, guess=wish.speculative)
    else:
        state.classical_seq += 1
        task = Classical(wish.task, session, wish, state.classical_seq)
    if wish.after:
        task.blockers = {earlier: None for earlier in wish.after if earlier in state.everything}
        for earlier in task.blockers:
            state.dependents.setdefault(earlier, {})[task.id] = None
    counts.accepted(state, task)
    if not task.blockers:
        workloads.make_ready(state, task)


def settle(state: State, now: int, out: list[Command]) -> None:
    """Tell sessions and dependents of every task that ended, until no more ends because of it."""
    while state.ended:
        note = state.ended.popleft()
        out.append(TaskEnded(note.task.id, note.state, note.reason))
        waiting_for_it = state.dependents.pop(note.task.id, ())
        if note.task.blockers:
            forget(state, note.task)
        workloads.note_ended(state, now, note, out)
        for task_id in waiting_for_it:
            follow(state, state.everything.get(task_id), note, out)
    if state.dying:
        workloads.reap(state)


def forget(state: State, task: Task) -> None:
    """The task ended before those it waited for: they need not tell it any more."""
    for earlier in task.blockers or ():
        dependents = state.dependents.get(earlier)
        if dependents is not None:
            dependents.pop(task.id, None)
            if not dependents:
                del state.dependents[earlier]


def follow(state: State, task: Task | None, note: Ended, out: list[Command]) -> None:
    """A dependent moves on if the task it waited for is done, and ends with it otherwise."""
    if task is None or task.state is not TaskState.BLOCKED or not task.blockers:
        return
    if note.state is not TaskState.DONE:
        workloads.cancel_task(state, task, f"task {note.task.id}, which it needs, {note.state}", out, note.state)
        return
    del task.blockers[note.task.id]
    if not task.blockers:
        workloads.make_ready(state, task)
