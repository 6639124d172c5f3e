"""The Store protocol: each verb is one transaction, and returns only after what it wrote is kept.

What a store promises (and `qloop.testing.store_conformance` checks): the same id twice is one row (other content is
`Conflict`); an attempt number fences every write that ends an attempt; terminal states are final; time is only
what the caller hands in. Every verb may be called from any thread of the process that opened the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from qloop.runtime.journal.purchases import CallRow, IntentInfo, IntentRow, IntentState
from qloop.runtime.journal.rows import (
    Checkpoint,
    Evidence,
    JournalStats,
    ResultRow,
    Run,
    RunInfo,
    RunState,
    SessionFilter,
    SessionInfo,
    SessionRow,
    SessionState,
    TaskInfo,
    TaskRow,
    TaskState,
)


class RunVerbs(Protocol):
    """Runs, and the engine's log of each."""

    def begin_run(self, row: Run) -> None:
        """Record that a run begins, or that an interrupted one goes on; `Conflict` for the id of another run."""

    def end_run(self, run: str, state: RunState, at_ns: int) -> bool:
        """End or interrupt a run at Unix time `at_ns`; False if it has already ended. `InvalidInput` if unknown."""

    def runs(self) -> list[RunInfo]:
        """All runs in the order they began."""

    def last_ns(self, run: str) -> int:
        """The latest time of the run's clock that its results and calls know of; 0 if there are none."""

    def append(self, run: str, events: list[bytes]) -> int:
        """Append events to the run's log; returns the sequence number of the last (they count from 1)."""

    def read_log(self, run: str, after: int = 0) -> list[tuple[int, bytes]]:
        """The run's log as (sequence number, event), from the one that follows `after`."""


class SessionVerbs(Protocol):
    """Sessions, the facts chosen once for each, and the checkpoints of its loops."""

    def put_session(self, row: SessionRow) -> SessionRow:
        """Keep a session and return the stored row, which is the first one if the id is known; `Conflict` if its
        tenant, name, seed or settings differ.
        """

    def end_session(self, session: str, state: SessionState, reason: str, at_ns: int) -> bool:
        """End a session; False if it has already ended. As `cancelled` it cancels its unfinished tasks too."""

    def get_session(self, session: str) -> SessionInfo | None:
        """One session with its counts; None if unknown."""

    def sessions(self, where: SessionFilter | None = None) -> list[SessionInfo]:
        """The sessions that match, in the order they were put."""

    def choose(self, session: str, key: str, value: bytes) -> bytes:
        """Fix a fact of the session once: the first write wins, and what was fixed is returned."""

    def chosen(self, session: str) -> dict[str, bytes]:
        """All facts that were fixed for the session."""

    def put_checkpoint(self, session: str, name: str, iteration: int, state: bytes) -> bool:
        """Replace a loop's checkpoint; False, and nothing changed, if the stored one is of a later iteration."""

    def get_checkpoint(self, session: str, name: str) -> Checkpoint | None:
        """The loop's last checkpoint; None if there is none."""


class TaskVerbs(Protocol):
    """Tasks and their attempts, fenced by the attempt number."""

    def put_task(self, row: TaskRow) -> TaskRow:
        """Keep a ready task and return the stored row; `Conflict` for other content under a known id,
        `SessionEnded` if its session takes no more tasks.
        """

    def lease(self, task: str, worker: str, now_ns: int, until_ns: int) -> int | None:
        """Bind the task's next attempt to a worker until `until_ns`; its number, or None if it is not ready."""

    def heartbeat(self, task: str, attempt: int, now_ns: int, until_ns: int) -> bool:
        """Prolong a lease that still holds, never shorten it; False if this attempt is fenced out."""

    def release(self, task: str, attempt: int, now_ns: int) -> bool:
        """Give an attempt back, so that the task is ready again; False if this attempt is fenced out."""

    def finish(self, task: str, attempt: int, state: TaskState, outcome: bytes, now_ns: int) -> bool:
        """End the task as done or failed. True also for the same finish said twice; False if the attempt is fenced
        out (expired, replaced, ended), which writes nothing, except that of a cancelled attempt is kept as evidence.
        """

    def cancel(self, task: str, now_ns: int) -> bool:
        """Cancel a task that has not ended; False if it has."""

    def expire(self, now_ns: int) -> list[str]:
        """Make every task ready again whose lease ended at or before `now_ns`; their ids in the order put."""

    def get_task(self, task: str) -> TaskInfo | None:
        """One task; None if unknown."""

    def tasks(self, session: str) -> list[TaskInfo]:
        """The session's tasks in the order put."""

    def evidence(self, task: str) -> list[Evidence]:
        """Outcomes that came after the task was cancelled, by attempt."""


class PurchaseVerbs(Protocol):
    """Intents to ask QPUs that others run, and the accounts of all calls."""

    def put_intent(self, row: IntentRow) -> IntentInfo:
        """Keep an intent and return how it stands, which for a known token may be further on; `Conflict` if its
        session, digest, QPU or shots differ.
        """

    def move_intent(self, token: str, state: IntentState, now_ns: int, provider: str = "", reason: str = "") -> bool:
        """The intent is now in this state; an empty `provider` leaves the one that is known. False, and nothing
        changed, if it has ended.
        """

    def intents(self, session: str | None = None, digest: bytes | None = None) -> list[IntentInfo]:
        """The intents of a session, or of one evaluation of it, or all, in the order put."""

    def put_call(self, row: CallRow) -> bool:
        """Keep the account of a call; False if its id is there with the same content, else `Conflict`."""

    def calls(self, *, run: str | None = None, session: str | None = None) -> list[CallRow]:
        """The calls of a session, of a run, or all, in the order put."""


class ResultVerbs(Protocol):
    """Quantum results under the digests of their evaluation keys, each bought once."""

    def put_result(self, row: ResultRow, call: CallRow | None = None) -> bool:
        """Keep a result, and with it end as done the task that asked, if it has a row of this session that has not
        ended; False if the session holds the result already. `Conflict` if value, shots, QPU, epoch or simulator
        differ from it, `InvalidInput` for an unknown session or a digest that is not 32 bytes. `call`: its account,
        kept in the same transaction.
        """

    def get_result(self, session: str, digest: bytes) -> ResultRow | None:
        """The session's result under this digest; None if it was never bought."""

    def results(self, session: str) -> list[ResultRow]:
        """The session's results in the order put."""


class Store(RunVerbs, SessionVerbs, TaskVerbs, PurchaseVerbs, ResultVerbs, Protocol):
    """A journal."""

    def retention(self, now_ns: int, keep_days: float | None = None, keep_runs: int | None = None) -> list[str]:
        """Delete ended runs, with all that is theirs, that ended more than `keep_days` before Unix time `now_ns`
        or are not among the last `keep_runs` to end; returns their ids. Runs that may go on are never deleted.
        """

    def backup(self, path: Path | str) -> None:
        """Write a consistent copy to a new file while others write; `JournalError` if it cannot be written."""

    def stats(self) -> JournalStats:
        """Size and work so far."""

    def flush(self) -> None:
        """Bring everything acknowledged to the disk itself, whatever the durability."""

    def close(self) -> None:
        """Release the journal; any later verb raises `JournalError`. Closing twice is harmless."""
