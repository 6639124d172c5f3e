"""States of sessions and tasks, and their transitions as data."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class SessionState(enum.StrEnum):
    """Where a session is. QUEUED: a task waits; RUNNING: one is on a QPU; THINKING: neither; CLOSING: draining."""

    NEW = "new"
    QUEUED = "queued"
    RUNNING = "running"
    THINKING = "thinking"
    CLOSING = "closing"
    CLOSED = "closed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class TaskState(enum.StrEnum):
    """Where a task is. BLOCKED: its dependencies are not done; READY: it waits for a resource."""

    BLOCKED = "blocked"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(enum.StrEnum):
    """How an attempt ended. LOST: nobody knows, so it is tried again; FAILED: trying again would not help."""

    OK = "ok"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


class Trigger(enum.StrEnum):
    """What moves a session: its tasks' activity, or a wish to end it."""

    WAITING = "waiting"
    STARTED = "started"
    IDLE = "idle"
    CLOSE = "close"
    DRAINED = "drained"
    EXPIRE = "expire"
    CANCEL = "cancel"


class Service(enum.StrEnum):
    """What the operator wants of a QPU, whether it is online or not. Only a QPU that is ON takes new tasks."""

    ON = "on"
    PAUSED = "paused"
    DRAINED = "drained"
    RETIRED = "retired"


class Wish(enum.StrEnum):
    """What an operator can ask of a QPU."""

    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"
    RETIRE = "retire"


_LIVE = (SessionState.NEW, SessionState.QUEUED, SessionState.RUNNING, SessionState.THINKING)
SESSION_ENDED = frozenset({SessionState.CLOSED, SessionState.EXPIRED, SessionState.CANCELLED})
TASK_ENDED = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED})


def _session_table() -> dict[SessionState, dict[Trigger, SessionState]]:
    active = {Trigger.WAITING: SessionState.QUEUED, Trigger.STARTED: SessionState.RUNNING,
              Trigger.IDLE: SessionState.THINKING}
    ending = {Trigger.EXPIRE: SessionState.EXPIRED, Trigger.CANCEL: SessionState.CANCELLED}
    table = {state: {**active, **ending, Trigger.CLOSE: SessionState.CLOSING, Trigger.DRAINED: state}
             for state in _LIVE}       # only a session that closes can be drained
    stay = dict.fromkeys((*active, Trigger.CLOSE), SessionState.CLOSING)
    table[SessionState.CLOSING] = {**stay, **ending, Trigger.DRAINED: SessionState.CLOSED}
    for state in SESSION_ENDED:
        table[state] = dict.fromkeys(Trigger, state)
    return table


SESSION_TABLE: Mapping[SessionState, Mapping[Trigger, SessionState]] = MappingProxyType(_session_table())

TASK_TABLE: Mapping[TaskState, frozenset[TaskState]] = MappingProxyType({
    TaskState.BLOCKED: frozenset({TaskState.READY, TaskState.CANCELLED, TaskState.FAILED}),
    TaskState.READY: frozenset({TaskState.RUNNING, TaskState.CANCELLED, TaskState.FAILED}),
    TaskState.RUNNING: frozenset({TaskState.READY, TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED}),
    TaskState.DONE: frozenset(),
    TaskState.FAILED: frozenset(),
    TaskState.CANCELLED: frozenset(),
})

# A weaker wish takes nothing back: what is drained stays drained when it is paused, and what is retired stays retired.
SERVICE_TABLE: Mapping[Service, Mapping[Wish, Service]] = MappingProxyType({
    Service.ON: {Wish.PAUSE: Service.PAUSED, Wish.RESUME: Service.ON,
                 Wish.DRAIN: Service.DRAINED, Wish.RETIRE: Service.RETIRED},
    Service.PAUSED: {Wish.PAUSE: Service.PAUSED, Wish.RESUME: Service.ON,
                     Wish.DRAIN: Service.DRAINED, Wish.RETIRE: Service.RETIRED},
    Service.DRAINED: {Wish.PAUSE: Service.DRAINED, Wish.RESUME: Service.ON,
                      Wish.DRAIN: Service.DRAINED, Wish.RETIRE: Service.RETIRED},
    Service.RETIRED: dict.fromkeys(Wish, Service.RETIRED),
})
