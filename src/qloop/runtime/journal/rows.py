"""What the journal keeps: its rows, their states, and the checks that every store makes before it writes.

Times of sessions, tasks and results are int64 nanoseconds since the run's start; those of runs are int64
nanoseconds of Unix time, because retention compares runs with each other.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from qloop.errors import Conflict, InvalidInput

DIGEST_BYTES: Final = 32
INT64_MAX: Final = 2**63 - 1


class RunState(enum.StrEnum):
    """Life of a run; an interrupted one may run again, the others are final."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SessionState(enum.StrEnum):
    """Life of a session as the journal sees it; all but open are final."""

    OPEN = "open"
    CLOSED = "closed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class TaskState(enum.StrEnum):
    """Life of a task: ready and leased may alternate, the others are final."""

    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED_RUN: Final = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED})
ENDED_SESSION: Final = frozenset(SessionState) - {SessionState.OPEN}
ENDED_TASK: Final = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED})


class Run(msgspec.Struct, frozen=True):
    """One life of the runtime: what ran, with which version, seed, clock and configuration (JSON bytes)."""

    id: str
    program: str
    started_at_ns: int
    seed: int
    clock: str
    version: str
    commit: str = ""
    config_hash: str = ""
    config: bytes = b"{}"

    def content(self) -> tuple[object, ...]:
        """What must be equal when the same id comes again; a resumed run may be of a later time and version."""
        return (self.program, self.seed, self.clock, self.config_hash, self.config)


class RunInfo(msgspec.Struct, frozen=True):
    """A run and how it stands; `ended_at_ns` is 0 while it has not ended."""

    row: Run
    state: RunState
    ended_at_ns: int


class SessionRow(msgspec.Struct, frozen=True):
    """A session as its client asked for it; `settings` are JSON bytes, `seed` is below 2**64."""

    id: str
    run: str
    tenant: str
    name: str
    seed: int
    settings: bytes = b"{}"
    opened_at_ns: int = 0

    def content(self) -> tuple[object, ...]:
        """What must be equal when the same id comes again; run and time are the runtime's, not the client's."""
        return (self.tenant, self.name, self.seed, self.settings)


class SessionInfo(msgspec.Struct, frozen=True):
    """A session, how it stands, and how many tasks, results and shots it has."""

    row: SessionRow
    state: SessionState
    reason: str
    ended_at_ns: int
    tasks: int
    results: int
    shots: int


class SessionFilter(msgspec.Struct, frozen=True):
    """Which sessions to list; None stands for all."""

    run: str | None = None
    tenant: str | None = None
    state: SessionState | None = None


class TaskRow(msgspec.Struct, frozen=True):
    """A task as it was submitted; `body` is opaque to the journal."""

    id: str
    session: str
    kind: str
    body: bytes
    created_at_ns: int = 0

    def content(self) -> tuple[object, ...]:
        """What must be equal when the same id comes again."""
        return (self.session, self.kind, self.body)


class TaskInfo(msgspec.Struct, frozen=True):
    """A task and how it stands: its last attempt (0 before the first), who holds it and until when."""

    row: TaskRow
    state: TaskState
    attempt: int
    worker: str
    until_ns: int
    outcome: bytes
    ended_at_ns: int


class Evidence(msgspec.Struct, frozen=True):
    """An outcome that came after its task was cancelled: kept, but never the task's outcome."""

    task: str
    attempt: int
    outcome: bytes
    at_ns: int


class ResultRow(msgspec.Struct, frozen=True):
    """One bought evaluation under its evaluation key's digest (32 bytes); `value` is opaque to the journal."""

    digest: bytes
    session: str
    task: str
    attempt: int
    qpu: str
    epoch: int
    shots: int
    simulator: str
    value: bytes
    at_ns: int

    def content(self) -> tuple[object, ...]:
        """What must be equal when the same digest comes again; another attempt may have bought it at another time."""
        return (self.value, self.qpu, self.epoch, self.shots, self.simulator)


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a loop after `iteration` iterations."""

    iteration: int
    state: bytes


class JournalStats(msgspec.Struct, frozen=True):
    """Size and work of a journal: rows per table, bytes on disk, groups committed and operations in them."""

    path: str
    durability: str
    schema: int
    rows: dict[str, int]
    bytes: int
    operations: int
    commits: int
    checkpoints: int


def check_result(row: ResultRow) -> None:
    """Refuse a result that no store may keep: `InvalidInput`."""
    if len(row.digest) != DIGEST_BYTES:
        raise InvalidInput(f"A result's digest has {len(row.digest)} bytes",
                           f"An evaluation key's digest has {DIGEST_BYTES}", "Use EvaluationKey.digest()")
    if not (0 <= row.shots <= INT64_MAX and 0 <= row.epoch <= INT64_MAX and 0 <= row.attempt <= INT64_MAX):
        raise InvalidInput(f"A result with shots={row.shots}, epoch={row.epoch}, attempt={row.attempt}",
                           "Each must be from 0 to 2**63 - 1", "Correct the value")
    check_time(row.at_ns)


def check_id(noun: str, value: str) -> None:
    """Refuse an empty id: `InvalidInput`."""
    if not value:
        raise InvalidInput(f"The id of {'an' if noun[0] in 'aeiou' else 'a'} {noun} is empty",
                           "Ids are made by the client, so that a repeated request is known", "Give a unique id")


def check_time(at_ns: int) -> None:
    """Refuse a time that is not an int64 number of nanoseconds: `InvalidInput`."""
    if not -INT64_MAX <= at_ns <= INT64_MAX:
        raise InvalidInput(f"The time {at_ns} ns does not fit in 64 bits", "", "Give nanoseconds as an int64")


def check_seed(seed: int) -> None:
    """Refuse a seed outside of 0 to 2**64 - 1: `InvalidInput`."""
    if not 0 <= seed < 2**64:
        raise InvalidInput(f"The seed {seed} is out of range", "", "Give a seed from 0 to 2**64 - 1")


def check_session(row: SessionRow) -> None:
    """Refuse a session that no store may keep: `InvalidInput`."""
    check_id("session", row.id)
    check_seed(row.seed)
    check_time(row.opened_at_ns)


def check_run(row: Run) -> None:
    """Refuse a run that no store may keep: `InvalidInput`."""
    check_id("run", row.id)
    check_seed(row.seed)
    check_time(row.started_at_ns)


def check_task(row: TaskRow) -> None:
    """Refuse a task that no store may keep: `InvalidInput`."""
    check_id("task", row.id)
    check_time(row.created_at_ns)


def check_lease(now_ns: int, until_ns: int) -> None:
    """Refuse a lease that is over before it begins: `InvalidInput`."""
    check_time(until_ns)
    if until_ns <= now_ns:
        raise InvalidInput(f"A lease until {until_ns} ns at {now_ns} ns is over before it begins", "",
                           "Give an end later than now")


def check_end(noun: str, state: str, allowed: frozenset[str]) -> None:
    """Refuse to end something in a state that is no end: `InvalidInput`."""
    if state not in allowed:
        raise InvalidInput(f"A {noun} cannot end as {str(state)!r}", "", f"Choose one of: {', '.join(sorted(allowed))}")


def unknown(noun: str, name: str) -> InvalidInput:
    """The error for an id that the journal does not hold."""
    return InvalidInput(f"The journal has no {noun} {name!r}", "It was never put there, or retention removed it",
                        f"Put the {noun} first, or look ids up with 'qloop sessions'")


def conflict(noun: str, name: str) -> Conflict:
    """The error for an id that comes again with another content."""
    return Conflict(f"The {noun} {name!r} is already in the journal with another content",
                    "An id stands for one request for ever, so that repeating a request is safe",
                    "Repeat the request unchanged, or choose a new id")
