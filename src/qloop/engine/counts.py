"""How many tasks of a session and its tenant wait and run, and the session's state, which follows from that."""

from __future__ import annotations

from qloop.engine.state import Quantum, Session, State, Task
from qloop.model.states import SESSION_ENDED, SESSION_TABLE, TaskState, Trigger


def accepted(state: State, task: Task) -> None:
    """The task was admitted: it is known, and it counts against the bounds until it runs or ends."""
    session = task.session
    state.everything[task.id] = task
    session.tasks[task.id] = task
    if isinstance(task, Quantum) and task.guess:
        session.guesses += 1
        return
    wanted(state, task)


def wanted(state: State, task: Task) -> None:
    """The task counts against the bounds: it was admitted, or it was a guess and is none any more."""
    state.queued += 1
    state.tenant_waiting[task.session.tenant] += 1


def ready(session: Session) -> None:
    """A task of the session waits for a resource only."""
    session.waiting += 1
    session.state = SESSION_TABLE[session.state][Trigger.STARTED if session.running else Trigger.WAITING]


def started(state: State, session: Session) -> None:
    """A task of the session, which was ready, runs now."""
    session.waiting -= 1
    session.running += 1
    state.queued -= 1
    state.tenant_waiting[session.tenant] -= 1
    session.state = SESSION_TABLE[session.state][Trigger.STARTED]


def again(state: State, session: Session) -> None:
    """A task of the session ran, was lost, and is ready again."""
    session.running -= 1
    session.waiting += 1
    state.queued += 1
    state.tenant_waiting[session.tenant] += 1
    follow(session)


def may_retry(state: State, task: Task) -> bool:
    """Whether a lost attempt is followed by another: not too many yet, and nothing starts in an ended session."""
    return task.attempt - task.restarts < state.limits.attempts and task.session.state not in SESSION_ENDED


def ended(state: State, task: Task, was: TaskState) -> None:
    """The task, which was in state `was`, is no more."""
    session = task.session
    del state.everything[task.id]
    del session.tasks[task.id]
    if isinstance(task, Quantum) and task.guess:
        session.guesses -= 1
        return
    if was is TaskState.RUNNING:
        session.running -= 1
    else:
        session.waiting -= was is TaskState.READY
        state.queued -= 1
        state.tenant_waiting[session.tenant] -= 1
    follow(session)


def move(session: Session, trigger: Trigger) -> None:
    """One step in the session's table."""
    session.state = SESSION_TABLE[session.state][trigger]


def follow(session: Session) -> None:
    """The session's state after its counts."""
    trigger = Trigger.STARTED if session.running else Trigger.WAITING if session.waiting else Trigger.IDLE
    session.state = SESSION_TABLE[session.state][trigger]
